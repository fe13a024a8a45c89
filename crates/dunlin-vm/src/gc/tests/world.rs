//! A store in small: a heap, the types of its objects, roots, and a generator of numbers.

use super::super::{Heap, HeapConfig, HeapContext, Layout, Layouts, Request, Roots, as_host};
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::ptr::NonNull;
use dunlin_core::{CompositeType, FieldType, FuncType, Mutability, RefType, StorageType, ValType};

/// `(struct (field anyref anyref i32))`.
pub(super) const PAIR: u32 = 0;
/// `(array i8)`.
pub(super) const BYTES: u32 = 1;
/// `(array anyref)`.
pub(super) const REFS: u32 = 2;
/// A structure of 300 fields, every third a reference.
pub(super) const WIDE: u32 = 3;
/// `(struct (field i8 i64 anyref v128 anyref))`.
pub(super) const MIXED: u32 = 4;
/// `(struct (field anyref))`: the smallest object that leads anywhere.
pub(super) const CELL: u32 = 5;
/// An exception of `(param i32 anyref)`.
pub(super) const EXCEPTION: u32 = 6;
/// A structure of 10,000 references, fewer under Miri: a large object.
pub(super) const HUGE: u32 = 7;
/// `(array i64)`.
pub(super) const LONGS: u32 = 8;

/// The layouts of the types above.
pub(super) struct Types(Vec<Layout>);

impl Types {
    fn new() -> Self {
        let any = StorageType::Val(ValType::Ref(RefType::ANYREF));
        let i32 = StorageType::Val(ValType::I32);
        let i64 = StorageType::Val(ValType::I64);
        let v128 = StorageType::Val(ValType::V128);
        let field = |storage| FieldType { storage, mutability: Mutability::Var };
        let make = |ty: CompositeType| Layout::of_composite(&ty, |_| false).expect("no function");
        let structure = |types: &[StorageType]| {
            make(CompositeType::Struct(types.iter().map(|ty| field(*ty)).collect()))
        };
        let wide: Vec<_> = (0..300).map(|i| if i % 3 == 0 { any } else { i32 }).collect();
        let exception = FuncType::new([ValType::I32, ValType::Ref(RefType::ANYREF)], []);
        Self(vec![
            structure(&[any, any, i32]),
            make(CompositeType::Array(field(StorageType::I8))),
            make(CompositeType::Array(field(any))),
            structure(&wide),
            structure(&[StorageType::I8, i64, any, v128, any]),
            structure(&[any]),
            Layout::of_exception(&exception, |_| false),
            structure(&vec![any; if cfg!(miri) { 2_100 } else { 10_000 }]),
            make(CompositeType::Array(field(i64))),
        ])
    }

    pub(super) fn of(&self, ty: u32) -> &Layout {
        &self.0[ty as usize]
    }
}

impl Layouts for Types {
    fn layout(&self, type_id: u32) -> &Layout {
        // With poison or a stale reference there is no such type.
        self.0.get(type_id as usize).expect("the type of an object")
    }
}

struct Slots<'a>(&'a mut [u32]);

// SAFETY: the slots are borrowed exclusively for the collection.
unsafe impl Roots for Slots<'_> {
    fn visit(&mut self, visitor: &mut dyn FnMut(*mut u32)) {
        let start = self.0.as_mut_ptr();
        for index in 0..self.0.len() {
            visit_at(start, index, visitor);
        }
    }
}

fn visit_at(start: *mut u32, index: usize, visitor: &mut dyn FnMut(*mut u32)) {
    visitor(start.wrapping_add(index));
}

/// A store in small.
pub(super) struct World {
    pub(super) heap: Heap,
    pub(super) types: Types,
    pub(super) roots: Vec<u32>,
    /// The bytes that the heap may have.
    pub(super) limit: u64,
    /// The host's values that the last collection was told of.
    pub(super) hosts: BTreeSet<u32>,
    context: *mut HeapContext,
}

impl World {
    pub(super) fn new(config: HeapConfig) -> Self {
        let context = Box::into_raw(Box::new(HeapContext::new()));
        let cell = NonNull::new(context).expect("a box is not null");
        // SAFETY: the context is freed after the heap.
        let heap = unsafe { Heap::new(config, cell) };
        let (roots, hosts) = (Vec::new(), BTreeSet::new());
        Self { heap, types: Types::new(), roots, limit: u64::MAX, hosts, context }
    }

    pub(super) fn collect(&mut self, request: Request) {
        let Self { heap, types, roots, limit, hosts, .. } = self;
        hosts.clear();
        let mut allow = |current: u64, desired: u64| {
            assert!(current < desired);
            desired <= *limit
        };
        let mut tell = |index| {
            hosts.insert(index);
        };
        heap.collect(request, types, &mut Slots(roots), &mut tell, &mut allow);
    }

    /// An object that is no array.
    pub(super) fn make(&mut self, ty: u32) -> Option<u32> {
        self.make_sized(ty, 0)
    }

    /// An object; of an array's type, with so many elements.
    pub(super) fn make_sized(&mut self, ty: u32, length: u32) -> Option<u32> {
        if let Some(at) = self.try_make(ty, length) {
            return Some(at);
        }
        self.collect(Request::Auto);
        self.try_make(ty, length)
    }

    fn try_make(&mut self, ty: u32, length: u32) -> Option<u32> {
        let layout = &self.types.0[ty as usize];
        if matches!(ty, BYTES | REFS | LONGS) {
            self.heap.allocate_array(ty, layout, length)
        } else {
            self.heap.allocate(ty, u64::from(layout.bytes()))
        }
    }

    pub(super) fn host_is_alive(&self, reference: u32) -> bool {
        as_host(reference).is_some_and(|index| self.hosts.contains(&index))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // SAFETY: the box came from `new`; the heap only ever touches it when it is called.
        drop(unsafe { Box::from_raw(self.context) });
    }
}

/// Every way in which a heap may be.
pub(super) fn configs() -> Vec<HeapConfig> {
    let plain = HeapConfig::default();
    let short = HeapConfig { nursery_bytes_max: 16 << 10, ..plain };
    let unreserved = HeapConfig { reserve: false, ..plain };
    if cfg!(miri) {
        // Nothing can be reserved.
        return vec![unreserved, HeapConfig { zeal: true, ..short }];
    }
    vec![
        plain,
        unreserved,
        short,
        HeapConfig { zeal: true, ..plain },
        HeapConfig { zeal: true, reserve: false, ..short },
    ]
}

/// Numbers that a seed determines (SplitMix64, Steele, Lea, Flood).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// How much a test does: less in debug builds, and little under Miri.
pub(super) const fn scaled(release: u32, miri: u32) -> u32 {
    if cfg!(miri) {
        miri
    } else if cfg!(debug_assertions) {
        release / 8
    } else {
        release
    }
}
