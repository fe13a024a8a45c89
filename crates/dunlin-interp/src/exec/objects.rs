//! Structures, arrays, small integers, and casts of references.
//!
//! Fields and elements are read and written here; whatever allocates or works on many elements the VM does,
//! with the operands in memory and the place noted, so that a collection finds them.

use super::regs::Regs;
use super::{Mode, Op, Step};
use dunlin_core::limits::BULK_PER_FUEL_UNIT;
use dunlin_core::{HeapType, TrapCode, V128};
use dunlin_vm::gc::{ARRAY_ELEMENTS, ARRAY_LENGTH};
use dunlin_vm::object_ops as ops;
use dunlin_vm::object_types::{FieldKind, FieldPlace, ObjectType};

/// A structure or array type of the module.
#[inline(always)]
fn object_type<'a>(r: &Regs, ty: u32) -> &'a ObjectType {
    // SAFETY: validated: the type exists and is no function's; the instance is running.
    unsafe { ops::object_type(r.cx(), ty) }
}

/// What becomes of a field of fewer bits than its value has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extend {
    Zero,
    Sign,
}

/// Reads 4 bytes of an object.
#[inline(always)]
fn word(r: &Regs, object: u32, offset: u32) -> u32 {
    // SAFETY: the callers name a word of an object, which lies in the store's heap.
    unsafe { r.object(object, offset).cast::<u32>().read() }
}

/// Replaces the reference on top by what is read at a place of its object.
#[inline(always)]
fn load(mut r: Regs, object: u32, place: FieldPlace, extend: Extend) -> Regs {
    let at = r.object(object, place.offset);
    // SAFETY: validated: the object has the field, so that its bytes lie in the heap; so for all below.
    let value = unsafe {
        match (place.kind, extend) {
            (FieldKind::Byte, Extend::Zero) => at.read().into(),
            (FieldKind::Byte, Extend::Sign) => u64::from(at.cast::<i8>().read() as u32),
            (FieldKind::Short, Extend::Zero) => at.cast::<u16>().read().into(),
            (FieldKind::Short, Extend::Sign) => u64::from(at.cast::<i16>().read() as u32),
            (FieldKind::Word | FieldKind::Reference, _) => at.cast::<u32>().read().into(),
            (FieldKind::Long, _) => at.cast::<u64>().read(),
            (FieldKind::Vector, _) => {
                let value = at.cast::<V128>().read_unaligned();
                r.pop();
                r.push_v128(value);
                return r;
            }
        }
    };
    r.set_top(value);
    r
}

/// Writes the value of a slot, or two, to a place of an object. Cards are the caller's.
#[inline(always)]
fn store_slots(r: &Regs, object: u32, place: FieldPlace, slots: *const u64) {
    let at = r.object(object, place.offset);
    // SAFETY: validated: the object has the field, and the value stands in the slots.
    unsafe {
        match place.kind {
            FieldKind::Byte => at.write(slots.read() as u8),
            FieldKind::Short => at.cast::<u16>().write(slots.read() as u16),
            FieldKind::Word | FieldKind::Reference => at.cast::<u32>().write(slots.read() as u32),
            FieldKind::Long => at.cast::<u64>().write(slots.read()),
            FieldKind::Vector => {
                at.cast::<V128>().write_unaligned(slots.cast::<V128>().read_unaligned());
            }
        }
    }
}

/// Writes to an object that may be old.
#[inline(always)]
fn store(r: &Regs, object: u32, place: FieldPlace, slots: *const u64) {
    store_slots(r, object, place, slots);
    if place.kind == FieldKind::Reference {
        r.mark_card(object, place.offset);
    }
}

/// The place of an element, which the array must have.
#[inline(always)]
fn element(r: &Regs, ty: u32, array: u32, index: u32) -> Result<FieldPlace, TrapCode> {
    if array == 0 {
        return Err(TrapCode::NullArrayReference);
    }
    if index >= word(r, array, ARRAY_LENGTH) {
        return Err(TrapCode::ArrayOutOfBounds);
    }
    let kind = object_type(r, ty).fields[0].kind;
    Ok(FieldPlace { offset: ARRAY_ELEMENTS + (index << kind.shift()), kind })
}

/// Pays for so many elements of an array that has them; what traps costs nothing.
#[inline(always)]
fn pay<M: Mode>(r: &mut Regs, array: u32, index: u32, len: u32) -> bool {
    if !M::FUEL || array == 0 {
        return true;
    }
    let has = u64::from(index) + u64::from(len) <= u64::from(word(r, array, ARRAY_LENGTH));
    !has || r.pay(u64::from(len) / BULK_PER_FUEL_UNIT)
}

/// Pays for a new array of so many elements.
#[inline(always)]
fn pay_new<M: Mode>(r: &mut Regs, len: u32) -> bool {
    !M::FUEL || r.pay(u64::from(len) / BULK_PER_FUEL_UNIT)
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident: |$r:ident| $body:block)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Op for $name {
            const COST: u8 = 1;

            #[inline]
            #[allow(unused_mut, reason = "some handlers pass the registers on as they are")]
            fn run<M: Mode>(mut $r: Regs) -> Step<M> $body
        }
    )*};
}

/// The result of a call of the VM, or the end of the handler.
macro_rules! attempt {
    ($r:ident, $call:expr) => {
        // SAFETY: validated: indices and operands are the operator's; the instance is running, the operands
        // are in memory, and the place is noted.
        match unsafe { $call } {
            Ok(value) => value,
            Err(stop) => return $r.stop(stop),
        }
    };
}

#[inline(always)]
fn struct_get<M: Mode>(r: Regs, extend: Extend) -> Step<M> {
    let mut next = r;
    let (ty, field) = (next.leb_u32(), next.leb_u32());
    let object = r.top() as u32;
    if object == 0 {
        return r.raise(TrapCode::NullStructureReference);
    }
    let place = object_type(&r, ty).fields[field as usize];
    Step::Next(load(next, object, place, extend))
}

#[inline(always)]
fn array_get<M: Mode>(r: Regs, extend: Extend) -> Step<M> {
    let mut next = r;
    let ty = next.leb_u32();
    let index = next.pop() as u32;
    let array = next.top() as u32;
    match element(&next, ty, array, index) {
        Ok(place) => Step::Next(load(next, array, place, extend)),
        Err(code) => r.raise(code),
    }
}

/// Makes an array of the topmost value, or of zeros.
#[inline(always)]
fn array_new<M: Mode>(mut r: Regs, is_default: bool) -> Step<M> {
    let ty = r.leb_u32();
    let len = r.top() as u32;
    if !pay_new::<M>(&mut r, len) {
        return r.out_of_fuel();
    }
    let kind = object_type(&r, ty).fields[0].kind;
    let slots = if is_default { 0 } else { kind.slots() };
    let value = r.spilled(slots + 1);
    r.note_place();
    let made = attempt!(r, ops::new_array(r.cx(), ty, len));
    if !is_default {
        let mut filler = [0; 2];
        for (at, slot) in filler.iter_mut().enumerate().take(slots) {
            // SAFETY: the value's slots are below the length's, and in memory.
            *slot = unsafe { value.add(at).read() };
        }
        attempt!(r, ops::array_fill(r.cx(), ty, (made, 0), filler, len));
    }
    r.replace_spilled(slots + 1, made.into());
    Step::Next(r)
}

/// Whether a reference is null, if it may be, or of a heap type.
#[inline(always)]
fn is_of(r: &Regs, reference: u32, nullable: bool, ty: HeapType) -> bool {
    if reference == 0 { nullable } else { r.is_of(reference, ty) }
}

#[inline(always)]
fn ref_test<M: Mode>(mut r: Regs, nullable: bool) -> Step<M> {
    let ty = r.heap_type();
    let found = is_of(&r, r.top() as u32, nullable, ty);
    r.set_top(found.into());
    Step::Next(r)
}

#[inline(always)]
fn ref_cast<M: Mode>(r: Regs, nullable: bool) -> Step<M> {
    let mut next = r;
    let ty = next.heap_type();
    if is_of(&r, r.top() as u32, nullable, ty) {
        Step::Next(next)
    } else {
        r.raise(TrapCode::CastFailure)
    }
}

/// Branches if the cast has this outcome.
#[inline(always)]
fn br_on_cast<M: Mode>(r: Regs, outcome: bool) -> Step<M> {
    const TO_IS_NULLABLE: u8 = 2;
    let mut next = r;
    let flags = next.fetch();
    next.skip_leb();
    next.skip_leb();
    let to = next.heap_type();
    if is_of(&r, r.top() as u32, flags & TO_IS_NULLABLE != 0, to) == outcome {
        return r.branch();
    }
    next.side_skip(1);
    Step::Next(next)
}

/// The topmost slots as numbers of 32 bits, the lowest first.
#[inline(always)]
fn top_words<const N: usize>(r: &mut Regs) -> [u32; N] {
    let first = r.spilled(N);
    // SAFETY: validated: there are as many operands of one slot, all in memory.
    core::array::from_fn(|at| unsafe { first.add(at).read() as u32 })
}

operators! {
    /// `struct.new`.
    StructNew: |r| {
        let ty = r.leb_u32();
        let fields = &object_type(&r, ty).fields;
        let count = fields.iter().map(|field| field.kind.slots()).sum();
        let mut value = r.spilled(count);
        r.note_place();
        let made = attempt!(r, ops::new_struct(r.cx(), ty));
        for field in fields {
            store_slots(&r, made, *field, value);
            value = value.wrapping_add(field.kind.slots());
        }
        r.replace_spilled(count, made.into());
        Step::Next(r)
    }

    /// `struct.new_default`.
    StructNewDefault: |r| {
        let ty = r.leb_u32();
        r.spilled(0);
        r.note_place();
        let made = attempt!(r, ops::new_struct(r.cx(), ty));
        r.replace_spilled(0, made.into());
        Step::Next(r)
    }

    /// `struct.get`.
    StructGet: |r| { struct_get(r, Extend::Zero) }

    /// `struct.get_s`.
    StructGetS: |r| { struct_get(r, Extend::Sign) }

    /// `struct.get_u`.
    StructGetU: |r| { struct_get(r, Extend::Zero) }

    /// `struct.set`.
    StructSet: |r| {
        let before = r;
        let (ty, field) = (r.leb_u32(), r.leb_u32());
        let place = object_type(&r, ty).fields[field as usize];
        let slots = place.kind.slots();
        let first = r.spilled(slots + 1);
        // SAFETY: validated: the reference is below the value, and in memory.
        let object = unsafe { first.read() } as u32;
        if object == 0 {
            return before.raise(TrapCode::NullStructureReference);
        }
        store(&r, object, place, first.wrapping_add(1));
        r.drop_slots(slots + 1);
        Step::Next(r)
    }

    /// `array.new`.
    ArrayNew: |r| { array_new(r, false) }

    /// `array.new_default`.
    ArrayNewDefault: |r| { array_new(r, true) }

    /// `array.new_fixed`.
    ArrayNewFixed: |r| {
        let (ty, len) = (r.leb_u32(), r.leb_u32());
        let kind = object_type(&r, ty).fields[0].kind;
        let count = len as usize * kind.slots();
        let mut value = r.spilled(count);
        r.note_place();
        let made = attempt!(r, ops::new_array(r.cx(), ty, len));
        for index in 0..len {
            let place = FieldPlace { offset: ARRAY_ELEMENTS + (index << kind.shift()), kind };
            store_slots(&r, made, place, value);
            value = value.wrapping_add(kind.slots());
        }
        r.replace_spilled(count, made.into());
        Step::Next(r)
    }

    /// `array.new_data`.
    ArrayNewData: |r| {
        let (ty, data) = (r.leb_u32(), r.leb_u32());
        let [src, len] = top_words(&mut r);
        if !pay_new::<M>(&mut r, len) {
            return r.out_of_fuel();
        }
        r.note_place();
        let made = attempt!(r, ops::array_new_data(r.cx(), ty, data, src, len));
        r.replace_spilled(2, made.into());
        Step::Next(r)
    }

    /// `array.new_elem`.
    ArrayNewElem: |r| {
        let (ty, element) = (r.leb_u32(), r.leb_u32());
        let [src, len] = top_words(&mut r);
        if !pay_new::<M>(&mut r, len) {
            return r.out_of_fuel();
        }
        r.note_place();
        let made = attempt!(r, ops::array_new_elem(r.cx(), ty, element, src, len));
        r.replace_spilled(2, made.into());
        Step::Next(r)
    }

    /// `array.get`.
    ArrayGet: |r| { array_get(r, Extend::Zero) }

    /// `array.get_s`.
    ArrayGetS: |r| { array_get(r, Extend::Sign) }

    /// `array.get_u`.
    ArrayGetU: |r| { array_get(r, Extend::Zero) }

    /// `array.set`.
    ArraySet: |r| {
        let before = r;
        let ty = r.leb_u32();
        let slots = object_type(&r, ty).fields[0].kind.slots();
        let first = r.spilled(slots + 2);
        // SAFETY: validated: the array and the index are below the value, and in memory.
        let (array, index) = unsafe { (first.read() as u32, first.add(1).read() as u32) };
        match element(&r, ty, array, index) {
            Ok(place) => store(&r, array, place, first.wrapping_add(2)),
            Err(code) => return before.raise(code),
        }
        r.drop_slots(slots + 2);
        Step::Next(r)
    }

    /// `array.len`.
    ArrayLen: |r| {
        let array = r.top() as u32;
        if array == 0 {
            return r.raise(TrapCode::NullArrayReference);
        }
        r.set_top(word(&r, array, ARRAY_LENGTH).into());
        Step::Next(r)
    }

    /// `array.fill`.
    ArrayFill: |r| {
        let ty = r.leb_u32();
        let slots = object_type(&r, ty).fields[0].kind.slots();
        let first = r.spilled(slots + 3);
        // SAFETY: validated: array, index, value and length are in memory, in this order.
        let (array, index) = unsafe { (first.read() as u32, first.add(1).read() as u32) };
        // SAFETY: as above; the second slot is of no meaning where the value has one.
        let value = unsafe { [first.add(2).read(), first.add(3).read()] };
        // SAFETY: as above.
        let len = unsafe { first.add(2 + slots).read() as u32 };
        if !pay::<M>(&mut r, array, index, len) {
            return r.out_of_fuel();
        }
        attempt!(r, ops::array_fill(r.cx(), ty, (array, index), value, len));
        r.drop_slots(slots + 3);
        Step::Next(r)
    }

    /// `array.copy`.
    ArrayCopy: |r| {
        let ty = r.leb_u32();
        r.skip_leb();
        let [to, to_index, from, from_index, len] = top_words(&mut r);
        if !pay::<M>(&mut r, to, to_index, len) {
            return r.out_of_fuel();
        }
        attempt!(r, ops::array_copy(r.cx(), ty, (to, to_index), (from, from_index), len));
        r.drop_slots(5);
        Step::Next(r)
    }

    /// `array.init_data`.
    ArrayInitData: |r| {
        let (ty, data) = (r.leb_u32(), r.leb_u32());
        let [array, index, src, len] = top_words(&mut r);
        if !pay::<M>(&mut r, array, index, len) {
            return r.out_of_fuel();
        }
        attempt!(r, ops::array_init_data(r.cx(), ty, data, (array, index), src, len));
        r.drop_slots(4);
        Step::Next(r)
    }

    /// `array.init_elem`.
    ArrayInitElem: |r| {
        let (ty, element) = (r.leb_u32(), r.leb_u32());
        let [array, index, src, len] = top_words(&mut r);
        if !pay::<M>(&mut r, array, index, len) {
            return r.out_of_fuel();
        }
        attempt!(r, ops::array_init_elem(r.cx(), ty, element, (array, index), src, len));
        r.drop_slots(4);
        Step::Next(r)
    }

    /// `ref.test` of a type without null.
    RefTestNonNull: |r| { ref_test(r, false) }

    /// `ref.test` of a type with null.
    RefTestNullable: |r| { ref_test(r, true) }

    /// `ref.cast` to a type without null.
    RefCastNonNull: |r| { ref_cast(r, false) }

    /// `ref.cast` to a type with null.
    RefCastNullable: |r| { ref_cast(r, true) }

    /// `br_on_cast`.
    BrOnCast: |r| { br_on_cast(r, true) }

    /// `br_on_cast_fail`.
    BrOnCastFail: |r| { br_on_cast(r, false) }

    /// `any.convert_extern`: both hierarchies spell references alike.
    AnyConvertExtern: |r| { Step::Next(r) }

    /// `extern.convert_any`.
    ExternConvertAny: |r| { Step::Next(r) }

    /// `ref.i31`.
    RefI31: |r| {
        let value = (r.top() as u32) << 1 | 1;
        r.set_top(value.into());
        Step::Next(r)
    }

    /// `i31.get_s`.
    I31GetS: |r| {
        let reference = r.top() as u32;
        if reference == 0 {
            return r.raise(TrapCode::NullI31Reference);
        }
        r.set_top(u64::from((reference.cast_signed() >> 1).cast_unsigned()));
        Step::Next(r)
    }

    /// `i31.get_u`.
    I31GetU: |r| {
        let reference = r.top() as u32;
        if reference == 0 {
            return r.raise(TrapCode::NullI31Reference);
        }
        r.set_top(u64::from(reference >> 1));
        Step::Next(r)
    }

    /// `ref.eq`.
    RefEq: |r| {
        let right = r.pop() as u32;
        let left = r.top() as u32;
        r.set_top(u64::from(left == right));
        Step::Next(r)
    }
}
