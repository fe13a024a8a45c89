//! Limits: of the store, of the configuration, of 32 bits.

use super::super::{HeapConfig, NULL, Request};
use super::world::{BYTES, PAIR, REFS, World, configs};

/// Makes a list until there is no memory; gives its cells.
fn fill(world: &mut World) -> u64 {
    world.roots.push(NULL);
    let mut cells = 0;
    while let Some(at) = world.make(PAIR) {
        world.heap.store_u32(at, 4, world.roots[0]);
        world.heap.store_u32(at, 12, cells as u32);
        world.roots[0] = at;
        cells += 1;
    }
    cells
}

#[test]
fn an_unused_heap_has_no_memory() {
    let world = World::new(HeapConfig::default());
    assert_eq!(world.heap.stats(), super::super::HeapStats::default());
    assert_eq!(world.heap.ground.extent(), 0);
}

#[test]
fn a_list_fills_most_of_what_the_store_allows() {
    let limit: u64 = if cfg!(miri) { 128 << 10 } else { 8 << 20 };
    for config in configs() {
        if config.zeal {
            continue;
        }
        let mut world = World::new(config);
        world.limit = limit;
        let cells = fill(&mut world);
        let stats = world.heap.stats();
        assert!(stats.heap_bytes <= limit);
        let least = if limit > 1 << 20 { limit * 9 / 10 } else { limit / 8 };
        assert!(cells * 16 >= least, "{cells} cells: {stats:?}");
        // What was made is still there, and goes.
        let mut at = world.roots[0];
        for number in (0..cells).rev() {
            assert_eq!(world.heap.load_u32(at, 12), number as u32);
            at = world.heap.load_u32(at, 4);
        }
        world.roots[0] = NULL;
        assert!(world.make(PAIR).is_some(), "there is memory again");
        assert!(world.make_sized(BYTES, limit as u32 / 4).is_some());
    }
}

/// What is free goes back to the machine, does not count any more, and is had again.
#[test]
#[cfg(not(miri))]
fn a_heap_gets_smaller_when_much_of_it_is_free() {
    let mut world = World::new(HeapConfig::default());
    if !crate::sys::CAN_RESERVE {
        return;
    }
    world.limit = 64 << 20;
    let mut cells = Vec::new();
    for round in 0..3 {
        cells.push(fill(&mut world));
        let full = world.heap.stats().heap_bytes;
        assert!(full > 60 << 20, "round {round}: {full} bytes");
        world.roots.clear();
        if round == 1 {
            // Something stays in the midst of it.
            for _ in 0..20 {
                let kept = world.make_sized(BYTES, 100_000).expect("memory");
                world.roots.push(kept);
            }
        }
        world.collect(Request::Major);
        let stats = world.heap.stats();
        assert!(stats.heap_bytes < 16 << 20, "round {round}: {stats:?}");
        let again = world.make_sized(BYTES, 30 << 20).expect("within the limit");
        assert!(world.heap.is_alive(again));
        assert!(world.heap.stats().heap_bytes <= world.limit);
        world.roots.clear();
    }
    assert!(cells.iter().all(|count| count * 100 >= cells[0] * 97), "as much each time: {cells:?}");
}

#[test]
fn exhaustion_does_not_collect_for_ever() {
    let mut world = World::new(HeapConfig::default());
    world.limit = if cfg!(miri) { 128 << 10 } else { 16 << 20 };
    fill(&mut world);
    let stats = world.heap.stats();
    assert!(stats.major_collections < 40, "{stats:?}");
}

#[test]
fn the_configuration_bounds_the_heap() {
    let bytes_max = if cfg!(miri) { 128 << 10 } else { 1 << 20 };
    let mut world = World::new(HeapConfig { bytes_max, ..HeapConfig::default() });
    fill(&mut world);
    assert_eq!(world.heap.stats().heap_bytes, u64::from(bytes_max));
}

#[test]
fn nothing_at_all_may_be_refused() {
    let mut world = World::new(HeapConfig::default());
    world.limit = 0;
    assert_eq!(world.make(PAIR), None);
    assert_eq!(world.make_sized(BYTES, 1 << 20), None);
    world.collect(Request::Major);
    world.limit = 1 << 20;
    assert!(world.make(PAIR).is_some());
}

#[test]
fn arrays_of_any_length_are_made_or_refused() {
    let mut world = World::new(HeapConfig { reserve: false, ..HeapConfig::default() });
    world.limit = 64 << 20;
    for length in [8_183, 8_184, 8_185, 12_280, 100_000, 1 << 20, u32::MAX - 8, u32::MAX] {
        let made = world.make_sized(BYTES, length);
        assert_eq!(made.is_some(), length < 60 << 20, "{length}");
        if let Some(at) = made {
            assert_eq!(world.heap.array_len(at), length);
            assert_eq!(world.heap.load_u8(at, 8 + length - 1), 0);
        }
    }
    assert_eq!(world.make_sized(REFS, u32::MAX), None);
    assert!(world.make(PAIR).is_some());
}

#[test]
fn zeal_asks_for_a_collection_at_every_allocation() {
    let mut world = World::new(HeapConfig { zeal: true, ..HeapConfig::default() });
    let first = world.make(PAIR).expect("memory");
    assert_eq!(world.heap.allocate(PAIR, 16), None);
    assert_eq!(world.heap.allocate(PAIR, 16), None);
    world.roots.push(first);
    let second = world.make(PAIR).expect("memory");
    assert_ne!(world.roots[0], first, "the first has moved");
    assert_ne!(second, first, "and nothing took its place");
    let before = world.heap.stats().minor_collections;
    for _ in 0..10 {
        assert!(world.make(PAIR).is_some());
        assert!(world.make_sized(BYTES, 20_000).is_some());
    }
    assert_eq!(world.heap.stats().minor_collections, before + 20);
}
