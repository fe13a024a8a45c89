//! Shapes of objects that collectors stumble over.

use super::super::{HeapConfig, NULL, Request, from_host, from_i31};
use super::world::{BYTES, CELL, HUGE, LONGS, PAIR, REFS, Random, World, configs, scaled};
use alloc::vec::Vec;

const FIRST: u32 = 4;
const SECOND: u32 = 8;
const NUMBER: u32 = 12;

fn list(world: &mut World, cells: u32) {
    world.roots.push(NULL);
    for number in 0..cells {
        let at = world.make(PAIR).expect("memory");
        world.heap.store_u32(at, FIRST, world.roots[0]);
        world.heap.store_u32(at, NUMBER, number);
        world.roots[0] = at;
    }
}

fn check_list(world: &World, cells: u32) {
    let mut at = world.roots[0];
    for number in (0..cells).rev() {
        assert_eq!(world.heap.load_u32(at, NUMBER), number);
        at = world.heap.load_u32(at, FIRST);
    }
    assert_eq!(at, NULL);
}

#[test]
fn a_list_of_ten_million_cells_is_marked_without_recursion() {
    let cells = scaled(10_000_000, 1_000);
    let mut world = World::new(HeapConfig::default());
    list(&mut world, cells);
    world.collect(Request::Major);
    assert_eq!(world.heap.stats().live_bytes, u64::from(cells) * 16);
    check_list(&world, cells);
    world.roots.clear();
    world.collect(Request::Major);
    assert_eq!(world.heap.stats().live_bytes, 0);
}

fn tree(world: &mut World, depth: u32) -> u32 {
    if depth == 0 {
        return world.make(PAIR).expect("memory");
    }
    for _ in 0..2 {
        let child = tree(world, depth - 1);
        world.roots.push(child);
    }
    let at = world.make(PAIR).expect("memory");
    for field in [FIRST, SECOND] {
        let child = world.roots.pop().expect("pushed");
        world.heap.store_u32(at, field, child);
    }
    at
}

fn count(world: &World, at: u32) -> u64 {
    let child = |field| world.heap.load_u32(at, field);
    if child(FIRST) == NULL {
        1
    } else {
        1 + count(world, child(FIRST)) + count(world, child(SECOND))
    }
}

#[test]
fn a_tree_survives_a_stack_of_marks_that_is_always_full() {
    let depth = if cfg!(miri) { 7 } else { 15 };
    let mut world = World::new(HeapConfig::default());
    let at = tree(&mut world, depth);
    let array = world.make_sized(REFS, 3_000).expect("memory");
    for index in 0..3_000 {
        world.heap.store_u32(array, 8 + index * 4, at);
    }
    world.roots.extend([array, at]);
    world.heap.mark_stack_bound = Some(1);
    let nodes = (2 << depth) - 1;
    for _ in 0..2 {
        world.collect(Request::Major);
        assert_eq!(world.heap.stats().live_bytes, nodes * 16 + 12_008);
        assert_eq!(count(&world, world.roots[1]), nodes);
    }
}

#[test]
fn cycles_are_collected() {
    for config in configs() {
        let mut world = World::new(config);
        for _ in 0..100 {
            let a = world.make(PAIR).expect("memory");
            world.roots.push(a);
            let b = world.make(PAIR).expect("memory");
            let a = world.roots.pop().expect("pushed");
            world.heap.store_ref(a, FIRST, b);
            world.heap.store_ref(b, FIRST, a);
            world.heap.store_ref(b, SECOND, b);
            world.roots.push(b);
            world.collect(Request::Minor);
            world.roots.pop();
        }
        world.collect(Request::Major);
        assert_eq!(world.heap.stats().live_bytes, 0);
    }
}

#[test]
fn an_old_array_finds_young_elements_wherever_they_are_stored() {
    let length = scaled(300_000, 2_200);
    for config in configs() {
        if config.zeal {
            continue;
        }
        let mut world = World::new(config);
        let array = world.make_sized(REFS, length).expect("memory");
        world.roots.push(array);
        world.collect(Request::Major);
        let mut random = Random(3);
        let mut stored = Vec::new();
        for round in 0..200 {
            let index = random.below(length as usize) as u32;
            let at = world.make(PAIR).expect("memory");
            world.heap.store_u32(at, NUMBER, round);
            let array = world.roots[0];
            world.heap.store_ref(array, 8 + index * 4, at);
            stored.retain(|(other, _)| *other != index);
            stored.push((index, round));
            if random.below(4) == 0 {
                world.collect(Request::Minor);
            }
        }
        for (index, round) in stored {
            let at = world.heap.load_u32(world.roots[0], 8 + index * 4);
            assert_eq!(world.heap.load_u32(at, NUMBER), round);
        }
    }
}

#[test]
fn large_objects_are_freed_young_and_old() {
    let mut world = World::new(HeapConfig::default());
    let empty = |world: &World| world.heap.stats().large_bytes == 0;
    let young = world.make_sized(BYTES, 100_000).expect("memory");
    assert!(world.heap.is_alive(young) && !empty(&world));
    world.collect(Request::Minor);
    assert!(empty(&world));
    let old = world.make(HUGE).expect("memory");
    world.roots.push(old);
    world.collect(Request::Minor);
    assert_eq!(world.roots[0], old, "large objects stay where they are");
    world.collect(Request::Major);
    assert!(!empty(&world));
    world.roots.clear();
    world.collect(Request::Minor);
    assert!(!empty(&world), "old objects wait for a major collection");
    world.collect(Request::Major);
    assert!(empty(&world));
}

#[test]
fn a_young_large_object_needs_no_cards() {
    let mut world = World::new(HeapConfig::default());
    let array = world.make_sized(REFS, 5_000).expect("memory");
    world.roots.push(array);
    let pair = world.make(PAIR).expect("memory");
    world.heap.store_u32(pair, NUMBER, 77);
    world.heap.store_u32(array, 8 + 4_999 * 4, pair);
    world.collect(Request::Minor);
    let pair = world.heap.load_u32(world.roots[0], 8 + 4_999 * 4);
    assert_eq!(world.heap.load_u32(pair, NUMBER), 77);
}

#[test]
fn temporary_large_objects_do_not_make_the_heap_grow() {
    let mut world = World::new(HeapConfig::default());
    for _ in 0..scaled(2_000, 12) {
        assert!(world.make_sized(BYTES, 1 << 20).is_some());
    }
    let stats = world.heap.stats();
    assert!(stats.heap_bytes < 24 << 20, "{stats:?}");
    assert_eq!(stats.major_collections, 0);
}

#[test]
fn fragmented_blocks_are_evacuated() {
    let cells = scaled(400_000, 4_000);
    let mut world = World::new(HeapConfig::default());
    list(&mut world, cells);
    // Of every 64 cells one stays.
    let steps = cells / 64 - 1;
    let mut at = world.roots[0];
    for _ in 0..steps {
        let mut next = at;
        for _ in 0..64 {
            next = world.heap.load_u32(next, FIRST);
        }
        world.heap.store_ref(at, FIRST, next);
        at = next;
    }
    world.heap.store_ref(at, FIRST, NULL);
    world.collect(Request::Major);
    let live = world.heap.stats().live_bytes;
    assert_eq!(live, (u64::from(steps) + 1) * 16);
    let blocks = world.heap.old.blocks();
    world.collect(Request::Major);
    let stats = world.heap.stats();
    assert_eq!(stats.live_bytes, live);
    assert!(stats.evacuated_bytes > 0, "{stats:?}");
    assert!(
        world.heap.old.blocks() < blocks.div_ceil(4) + 2,
        "{} {blocks}",
        world.heap.old.blocks()
    );
    let mut at = world.roots[0];
    for step in 0..=steps {
        assert_eq!(world.heap.load_u32(at, NUMBER), cells - 1 - step * 64);
        at = world.heap.load_u32(at, FIRST);
    }
}

#[test]
fn holes_are_filled_again() {
    let mut world = World::new(HeapConfig::default());
    let rounds = if cfg!(miri) { 2 } else { 60 };
    for round in 0..rounds {
        // A tenth of all arrays stays for good.
        for index in 0..200 {
            let array = world.make_sized(BYTES, 600).expect("memory");
            world.roots.push(array);
            if index % 10 == 9 {
                let keep = world.roots.len() - 10;
                world.collect(Request::Minor);
                world.roots.truncate(keep + 1);
            }
        }
        world.collect(Request::Major);
        let live = (round + 1) * 20 * 608;
        assert_eq!(world.heap.stats().live_bytes, live);
        let old = u64::from(world.heap.old.blocks()) * (32 << 10);
        assert!(old < 3 * live + (256 << 10), "{old} bytes in use for {live}");
    }
}

#[test]
fn values_of_the_host_are_reported_when_they_are_alive() {
    for config in configs() {
        let mut world = World::new(config);
        let cell = world.make(CELL).expect("memory");
        let host = |index| from_host(index).expect("small");
        world.heap.store_ref(cell, FIRST, host(5));
        world.roots.extend([cell, host(9), from_i31(3)]);
        world.collect(Request::Major);
        assert!(world.host_is_alive(host(5)) && world.host_is_alive(host(9)));
        assert_eq!(world.hosts.len(), 2);
        world.roots.clear();
        world.collect(Request::Major);
        assert!(world.hosts.is_empty());
    }
}

#[test]
fn bulk_operations_move_and_mark() {
    let mut world = World::new(HeapConfig::default());
    let a = world.make_sized(LONGS, 40).expect("memory");
    let layout = world.types.of(LONGS);
    let heap = &mut world.heap;
    heap.array_fill(layout, a, 0, 40, 7).expect("in bounds");
    heap.array_write(layout, a, 2, &[1, 0, 0, 0, 0, 0, 0, 1, 9]).expect("in bounds");
    assert_eq!((heap.load_u64(a, 8 + 16), heap.load_u64(a, 8 + 24)), (0x0100_0000_0000_0001, 7));
    heap.array_copy(layout, (a, 3), (a, 2), 30).expect("in bounds");
    assert_eq!((heap.load_u64(a, 8 + 24), heap.load_u64(a, 8 + 32)), (0x0100_0000_0000_0001, 7));
    assert!(heap.array_fill(layout, a, 40, 1, 7).is_err());
    assert!(heap.array_fill(layout, a, u32::MAX, u32::MAX, 7).is_err());
    assert!(heap.array_copy(layout, (a, 11), (a, 0), 30).is_err());
    assert!(heap.array_write(layout, a, 40, &[0; 7]).is_ok());
    assert!(heap.array_compare(layout, (a, 0), (a, 10), 2).expect("in bounds").is_eq());
    let refs = world.make_sized(REFS, 600).expect("memory");
    world.roots.push(refs);
    world.collect(Request::Major);
    let refs = world.roots[0];
    let pair = world.make(PAIR).expect("memory");
    let layout = world.types.of(REFS);
    world.heap.array_write_refs(layout, refs, 0, &[pair, 0, pair]).expect("in bounds");
    world.heap.array_copy(layout, (refs, 500), (refs, 0), 3).expect("in bounds");
    world.collect(Request::Minor);
    let at = |index: u32| world.heap.load_u32(world.roots[0], 8 + index * 4);
    assert!(at(0) == at(2) && at(0) == at(500) && at(502) == at(0) && at(1) == NULL);
    assert!(world.heap.is_alive(at(0)) && at(0) != pair);
}
