//! Graphs of objects mirrored in Rust: made, changed and collected at random, and compared.

use super::super::layout::LayoutKind;
use super::super::{ARRAY_ELEMENTS, NULL, Request, from_host, from_i31};
use super::world::{
    BYTES, CELL, EXCEPTION, HUGE, LONGS, MIXED, PAIR, REFS, Random, WIDE, World, configs, scaled,
};
use alloc::vec;
use alloc::vec::Vec;
use std::collections::HashMap;

/// What a reference leads to.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Value {
    /// Null, a small integer or a host's value: the reference itself.
    Plain(u32),
    Node(usize),
}

/// An object's double.
struct Node {
    ty: u32,
    length: u32,
    /// What the words that are no references are computed from.
    salt: u64,
    /// Its references, by offset.
    refs: Vec<(u32, Value)>,
}

struct Model {
    world: World,
    random: Random,
    nodes: Vec<Node>,
    /// What the world's roots lead to.
    roots: Vec<Value>,
}

impl Model {
    fn offsets(&self, ty: u32, length: u32) -> Vec<u32> {
        let layout = self.world.types.of(ty);
        match layout.kind() {
            LayoutKind::Array if layout.is_traced() => {
                (0..length).map(|i| ARRAY_ELEMENTS + i * 4).collect()
            }
            LayoutKind::Array => Vec::new(),
            _ => layout.traced_fields().collect(),
        }
    }

    /// The offsets of the words that are neither header, length, nor reference.
    fn scalars(&self, ty: u32, length: u32, refs: &[(u32, Value)]) -> Vec<u32> {
        let layout = self.world.types.of(ty);
        if refs.len() > 1000 || (layout.kind() == LayoutKind::Array && layout.is_traced()) {
            return Vec::new();
        }
        let (from, to) = match layout.kind() {
            LayoutKind::Array => (8, 8 + length * layout.element_bytes() / 4 * 4),
            LayoutKind::Exception => (4, layout.bytes()),
            LayoutKind::Struct => (4, layout.bytes()),
        };
        let is_ref = |at: &u32| refs.binary_search_by_key(at, |(at, _)| *at).is_ok();
        (from..to).step_by(4).filter(|at| !is_ref(at)).collect()
    }

    fn make(&mut self) {
        let kinds = [PAIR, PAIR, PAIR, BYTES, REFS, WIDE, MIXED, CELL, CELL, EXCEPTION, LONGS];
        let mut ty = kinds[self.random.below(kinds.len())];
        if self.random.below(200) == 0 {
            ty = HUGE;
        }
        // Mostly short, seldom large.
        let bound = [4, 40, 400, 6_000][self.random.below(64).trailing_zeros().min(3) as usize];
        let length = self.random.below(bound) as u32;
        let length = if matches!(ty, BYTES | REFS | LONGS) { length } else { 0 };
        let at = self.world.make_sized(ty, length).expect("memory");
        let salt = self.random.next();
        // Without barriers: nothing is collected before the last field.
        let refs: Vec<_> =
            self.offsets(ty, length).into_iter().map(|to| (to, self.any())).collect();
        for (offset, value) in &refs {
            self.world.heap.store_u32(at, *offset, self.reference(*value));
        }
        for offset in self.scalars(ty, length, &refs) {
            self.world.heap.store_u32(at, offset, word(salt, offset));
        }
        self.nodes.push(Node { ty, length, salt, refs });
        self.set_root(Value::Node(self.nodes.len() - 1), at);
    }

    fn set_root(&mut self, value: Value, reference: u32) {
        if self.roots.len() < 24 {
            self.roots.push(value);
            self.world.roots.push(reference);
        } else {
            let index = self.random.below(self.roots.len());
            (self.roots[index], self.world.roots[index]) = (value, reference);
        }
    }

    /// A value to store: null, an integer, a host's value, or what a root leads to.
    fn any(&mut self) -> Value {
        match self.random.below(8) {
            0 => Value::Plain(NULL),
            1 => Value::Plain(from_i31(self.random.next() as u32)),
            2 => Value::Plain(from_host(self.random.below(100) as u32).expect("small")),
            _ if self.roots.is_empty() => Value::Plain(NULL),
            _ => self.roots[self.random.below(self.roots.len())],
        }
    }

    /// The reference that stands for a value that a root holds.
    fn reference(&self, value: Value) -> u32 {
        match value {
            Value::Plain(reference) => reference,
            node => {
                let index = self.roots.iter().position(|root| *root == node);
                self.world.roots[index.expect("a root leads to it")]
            }
        }
    }

    /// An object some steps from a root: its double, and its reference.
    fn walk(&mut self) -> Option<(usize, u32)> {
        if self.roots.is_empty() {
            return None;
        }
        let index = self.random.below(self.roots.len());
        let Value::Node(mut node) = self.roots[index] else { return None };
        let mut at = self.world.roots[index];
        for _ in 0..self.random.below(6) {
            let count = self.nodes[node].refs.len();
            if count == 0 {
                break;
            }
            let (offset, value) = self.nodes[node].refs[self.random.below(count)];
            let Value::Node(next) = value else { break };
            (node, at) = (next, self.world.heap.load_u32(at, offset));
        }
        Some((node, at))
    }

    fn change(&mut self) {
        let Some((node, at)) = self.walk() else { return };
        let count = self.nodes[node].refs.len();
        if count == 0 {
            return;
        }
        let (field, value) = (self.random.below(count), self.any());
        let reference = self.reference(value);
        let slot = &mut self.nodes[node].refs[field];
        slot.1 = value;
        self.world.heap.store_ref(at, slot.0, reference);
    }

    fn copy(&mut self) {
        let (Some((to, to_at)), Some((from, from_at))) = (self.walk(), self.walk()) else { return };
        if self.nodes[to].ty != REFS || self.nodes[from].ty != REFS {
            return;
        }
        let count = self.random.below(50) as u32;
        let (to_index, from_index) = (self.random.below(20) as u32, self.random.below(20) as u32);
        let layout = self.world.types.of(REFS);
        let copied =
            self.world.heap.array_copy(layout, (to_at, to_index), (from_at, from_index), count);
        let fits = to_index + count <= self.nodes[to].length
            && from_index + count <= self.nodes[from].length;
        assert_eq!(copied.is_ok(), fits);
        if fits {
            let range = from_index as usize..(from_index + count) as usize;
            let values: Vec<_> = self.nodes[from].refs[range].iter().map(|slot| slot.1).collect();
            for (slot, value) in self.nodes[to].refs[to_index as usize..].iter_mut().zip(values) {
                slot.1 = value;
            }
        }
    }

    fn forget(&mut self) {
        if !self.roots.is_empty() {
            let index = self.random.below(self.roots.len());
            self.roots.swap_remove(index);
            self.world.roots.swap_remove(index);
        }
    }

    /// Compares everything that can be reached; gives the bytes of it.
    fn compare(&self) -> u64 {
        let mut places = HashMap::new();
        let mut waiting = Vec::new();
        let mut bytes = 0;
        for (value, reference) in self.roots.iter().zip(&self.world.roots) {
            waiting.push((*value, *reference));
        }
        while let Some((value, reference)) = waiting.pop() {
            let Value::Node(index) = value else {
                assert_eq!(Value::Plain(reference), value);
                continue;
            };
            if let Some(place) = places.insert(index, reference) {
                assert_eq!(place, reference, "one object, one place");
                continue;
            }
            let (node, heap) = (&self.nodes[index], &self.world.heap);
            assert!(heap.is_alive(reference));
            assert_eq!(heap.type_id(reference), node.ty);
            let layout = self.world.types.of(node.ty);
            bytes += layout.object_bytes(node.length);
            if layout.kind() == LayoutKind::Array {
                assert_eq!(heap.array_len(reference), node.length);
            }
            for offset in self.scalars(node.ty, node.length, &node.refs) {
                assert_eq!(heap.load_u32(reference, offset), word(node.salt, offset));
            }
            for (offset, value) in &node.refs {
                waiting.push((*value, heap.load_u32(reference, *offset)));
            }
        }
        let mut all: Vec<_> = places.values().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), places.len(), "one place, one object");
        bytes
    }

    /// The host's values that can be reached.
    fn hosts(&self) -> Vec<u32> {
        let mut seen = vec![false; self.nodes.len()];
        let mut waiting = self.roots.clone();
        let mut hosts = Vec::new();
        while let Some(value) = waiting.pop() {
            match value {
                Value::Plain(reference) if reference & 7 == 2 => hosts.push(reference >> 3),
                Value::Node(index) if !seen[index] => {
                    seen[index] = true;
                    waiting.extend(self.nodes[index].refs.iter().map(|slot| slot.1));
                }
                _ => {}
            }
        }
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    fn step(&mut self) {
        match self.random.below(1000) {
            0..400 => self.make(),
            400..850 => self.change(),
            850..900 => self.copy(),
            900..990 => self.forget(),
            990..996 => self.world.collect(Request::Minor),
            996 => self.world.collect(Request::Major),
            _ => {
                self.compare();
            }
        }
    }
}

fn word(salt: u64, offset: u32) -> u32 {
    (salt.rotate_left(offset % 64) as u32) ^ offset
}

#[test]
fn random_graphs_survive_as_they_are() {
    let (seeds, steps) = (if cfg!(miri) { 1 } else { 6 }, scaled(8_000, 60));
    for config in configs() {
        for seed in 0..seeds {
            let world = World::new(config);
            let random = Random(seed * 1000 + u64::from(config.zeal));
            let mut model = Model { world, random, nodes: Vec::new(), roots: Vec::new() };
            // Some marks do not fit their stack.
            model.world.heap.mark_stack_bound = (seed % 2 == 1).then_some(3);
            // And of some, marking goes on all the time, in small slices.
            model.world.heap.slice_forced = (seed % 3 == 2).then_some(100 << (seed * 2));
            let steps = if config.zeal { steps / 4 } else { steps };
            for _ in 0..steps {
                model.step();
            }
            let before = model.compare();
            model.world.collect(Request::Major);
            assert_eq!(model.compare(), before);
            assert_eq!(model.world.heap.stats().live_bytes, before, "only what is reached lives");
            let hosts: Vec<_> = model.world.hosts.iter().copied().collect();
            assert_eq!(hosts, model.hosts());
        }
    }
}
