//! What the garbage-collected heap costs, measured through the interface that tiers use: building and
//! dropping binary trees, and pauses with a large live heap.
//!
//! `cargo run --release -p dunlin-vm --example gc_cost [trees|pauses|copy]`

#![allow(unsafe_code, reason = "roots are given by address")]

use dunlin_core::{CompositeType, FieldType, Mutability, RefType, StorageType, ValType};
use dunlin_vm::gc::{Heap, HeapConfig, HeapContext, Layout, Layouts, Request, Roots};
use std::ptr::NonNull;
use std::time::Duration;

const NODE: u32 = 0;
const LONGS: u32 = 1;
const REFS: u32 = 2;
const NODE_BYTES: u64 = 16;

struct Types(Vec<Layout>);

impl Layouts for Types {
    fn layout(&self, type_id: u32) -> &Layout {
        &self.0[type_id as usize]
    }
}

struct Slots<'a>(&'a mut [u32]);

// SAFETY: the slots are borrowed exclusively for the collection.
unsafe impl Roots for Slots<'_> {
    fn visit(&mut self, visitor: &mut dyn FnMut(*mut u32)) {
        for slot in self.0.iter_mut() {
            visitor(slot);
        }
    }
}

struct World {
    heap: Heap,
    types: Types,
    roots: Vec<u32>,
    pauses: Vec<(Duration, bool)>,
}

impl World {
    fn new() -> Self {
        let any = StorageType::Val(ValType::Ref(RefType::ANYREF));
        let field = |storage| FieldType { storage, mutability: Mutability::Var };
        let make = |ty: CompositeType| Layout::of_composite(&ty, |_| false).expect("no function");
        let types = Types(vec![
            make(CompositeType::Struct([field(any), field(any)].into())),
            make(CompositeType::Array(field(StorageType::Val(ValType::I64)))),
            make(CompositeType::Array(field(any))),
        ]);
        let context = NonNull::from(Box::leak(Box::new(HeapContext::new())));
        // SAFETY: the context is never freed.
        let heap = unsafe { Heap::new(HeapConfig::default(), context) };
        Self { heap, types, roots: Vec::with_capacity(1 << 20), pauses: Vec::new() }
    }

    #[inline]
    fn node(&mut self) -> u32 {
        match self.heap.allocate(NODE, NODE_BYTES) {
            Some(at) => at,
            None => {
                self.collect(Request::Auto);
                self.heap.allocate(NODE, NODE_BYTES).expect("memory")
            }
        }
    }

    #[cold]
    fn collect(&mut self, request: Request) {
        let majors = self.heap.stats().major_collections;
        let start = Clock::now();
        self.heap.collect(
            request,
            &self.types,
            &mut Slots(&mut self.roots),
            &mut |_| {},
            &mut |_, _| true,
        );
        let is_major = self.heap.stats().major_collections > majors;
        self.pauses.push((start.elapsed(), is_major));
    }

    /// A tree: its parts are roots while it is built, as they are operands of a guest.
    fn tree(&mut self, depth: u32) -> u32 {
        if depth == 0 {
            return self.node();
        }
        let left = self.tree(depth - 1);
        self.roots.push(left);
        let right = self.tree(depth - 1);
        self.roots.push(right);
        let at = self.node();
        let right = self.roots.pop().expect("pushed");
        let left = self.roots.pop().expect("pushed");
        self.heap.store_u32(at, 4, left);
        self.heap.store_u32(at, 8, right);
        at
    }

    fn count(&self, at: u32) -> u32 {
        let left = self.heap.load_u32(at, 4);
        if left == 0 {
            return 1;
        }
        1 + self.count(left) + self.count(self.heap.load_u32(at, 8))
    }

    fn report(&mut self, what: &str) {
        let mut minor: Vec<_> = self.pauses.iter().filter(|p| !p.1).map(|p| p.0).collect();
        let mut major: Vec<_> = self.pauses.iter().filter(|p| p.1).map(|p| p.0).collect();
        let mut all: Vec<_> = self.pauses.iter().map(|p| p.0).collect();
        minor.sort_unstable();
        major.sort_unstable();
        all.sort_unstable();
        let part = |times: &[Duration], per_mille: usize| {
            times.get(times.len() * per_mille / 1000).copied().unwrap_or_default()
        };
        println!(
            "{what}: {} minor (p50 {:?}, p99 {:?}, max {:?}), {} with a major one (p50 {:?}, max {:?}), all p99 {:?}",
            minor.len(),
            part(&minor, 500),
            part(&minor, 990),
            minor.last().copied().unwrap_or_default(),
            major.len(),
            part(&major, 500),
            major.last().copied().unwrap_or_default(),
            part(&all, 990),
        );
        println!("    {:?}", self.heap.stats());
        self.pauses.clear();
    }
}

/// Binary trees as the well-known benchmark has them: one that lives long, many that do not.
fn trees(depth: u32) {
    let mut world = World::new();
    let start = Clock::now();
    let mut nodes = 0_u64;
    let stretch = world.tree(depth + 1);
    nodes += u64::from(world.count(stretch));
    let long = world.tree(depth);
    world.roots.push(long);
    nodes += u64::from(world.count(long));
    for depth_now in (4..=depth).step_by(4) {
        for _ in 0..1 << (depth - depth_now + 4) {
            let at = world.tree(depth_now);
            nodes += u64::from(world.count(at));
        }
    }
    assert_eq!(world.count(world.roots[0]), (2 << depth) - 1);
    let time = start.elapsed();
    println!(
        "binary trees, depth {depth}: {time:?}, {nodes} nodes, {:.1} ns each",
        time.as_nanos() as f64 / nodes as f64
    );
    world.report("    pauses");
}

/// One tree of depth 16 after the other.
fn repeated() {
    let mut world = World::new();
    let start = Clock::now();
    for _ in 0..40 {
        let at = world.tree(16);
        assert!(at != 0);
    }
    let time = start.elapsed();
    let nodes = 40 * ((2 << 16) - 1);
    println!(
        "40 trees of depth 16: {time:?}, {:.1} ns a node",
        time.as_nanos() as f64 / f64::from(nodes)
    );
    world.report("    pauses");
}

/// A live heap of so many megabytes, in which old objects are changed while young ones come and go.
fn pauses(megabytes: u64, rounds: u32) {
    let mut world = World::new();
    let trees = (megabytes << 20) / (NODE_BYTES * ((2 << 15) - 1));
    for _ in 0..trees {
        let at = world.tree(15);
        world.roots.push(at);
    }
    world.collect(Request::Major);
    world.report("building");
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..rounds {
        // Subtrees of old trees are replaced: of depth 9 each, 16 KB.
        for _ in 0..32 {
            let fresh = world.tree(9);
            let mut at = world.roots[(random() % trees) as usize];
            for _ in 0..5 {
                at = world.heap.load_u32(at, if random() % 2 == 0 { 4 } else { 8 });
            }
            world.heap.store_ref(at, if random() % 2 == 0 { 4 } else { 8 }, fresh);
            // And most die young.
            for _ in 0..16 {
                world.tree(9);
            }
        }
    }
    world.report("replacing");
    world.collect(Request::Major);
    world.report("asked for");
}

/// What one allocation costs when nothing survives.
fn garbage() {
    let mut world = World::new();
    world.node();
    let start = Clock::now();
    let count = 50_000_000_u64;
    for _ in 0..count {
        std::hint::black_box(world.node());
    }
    println!(
        "garbage: {:.2} ns an object of 16 bytes",
        start.elapsed().as_nanos() as f64 / count as f64
    );
    world.report("    pauses");
}

/// `array.copy` of so many elements.
fn copies() {
    let mut world = World::new();
    for (name, ty) in [("i64", LONGS), ("anyref", REFS)] {
        let length = 1 << 20;
        let layout = world.types.0[ty as usize].clone();
        world.collect(Request::Auto);
        let make = |world: &mut World| {
            if let Some(at) = world.heap.allocate_array(ty, &layout, length) {
                return at;
            }
            world.collect(Request::Auto);
            world.heap.allocate_array(ty, &layout, length).expect("memory")
        };
        let a = make(&mut world);
        world.roots.push(a);
        let b = make(&mut world);
        let a = world.roots.pop().expect("pushed");
        let start = Clock::now();
        for _ in 0..100 {
            let heap = std::hint::black_box(&mut world.heap);
            heap.array_copy(&layout, (a, 0), (b, 0), length).expect("in bounds");
        }
        let bytes = 100.0 * f64::from(length) * f64::from(layout.element_bytes());
        println!("copying {name}: {:.1} GB/s", bytes / start.elapsed().as_nanos() as f64);
    }
}

/// Processor time of this thread.
#[derive(Clone, Copy)]
struct Clock(Duration);

impl Clock {
    fn now() -> Self {
        #[cfg(target_os = "linux")]
        {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Self(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
        }
        #[cfg(not(target_os = "linux"))]
        {
            static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
            Self(BEGUN.get_or_init(std::time::Instant::now).elapsed())
        }
    }

    fn elapsed(self) -> Duration {
        Self::now().0 - self.0
    }
}

fn main() {
    let what = std::env::args().nth(1).unwrap_or_default();
    if what.is_empty() || what == "trees" {
        garbage();
        repeated();
        trees(16);
    }
    if what.is_empty() || what == "pauses" {
        pauses(256, 3_000);
    }
    if what == "build" {
        pauses(256, 0);
    }
    if what.is_empty() || what == "copy" {
        copies();
    }
}
