//! x86-64, System V convention.
//!
//! An entry's frame holds the frame pointer and the registers that a callee keeps (`rbx`, `r12` to
//! `r15`); compiled code of the `tail` convention keeps none, ways in included, which take their arguments
//! in the same registers as functions of the platform's convention. Landing restores them from there, as
//! if the call had returned. Below them is where compiled code had been left when it was entered again.

use crate::context::{Resume, StoreContext, VmContext};
use crate::native::{builtins, fault, leave};
use core::arch::naked_asm;
use core::mem::offset_of;
use dunlin_core::TrapCode;
use dunlin_module::Target;
use dunlin_module::layout::{store_context, vm_context};

/// How far above an entry's stack pointer its frame pointer is: five registers, and the place where compiled
/// code had been left.
const ENTRY_FP_BYTES: usize = 48;

/// What a function may use below its stack pointer by the platform's convention, in bytes.
#[cfg(feature = "stacks")]
pub(crate) const RED_ZONE_BYTES: usize = 128;

/// The frame in which the compiled code around an entry has been left; 0 where there is none.
///
/// # Safety
///
/// `fp` is the frame pointer of an [`enter`] that has not returned.
#[inline]
pub(crate) unsafe fn left_before_entry(fp: usize) -> usize {
    let place = core::ptr::with_exposed_provenance::<usize>(fp - ENTRY_FP_BYTES);
    // SAFETY: the entry has written it there.
    unsafe { *place }
}

/// Whether compiled code whose frame is `fp` returns to the way in of the entry that has noted
/// `entry_sp`: it is what that has called, or has taken its place.
///
/// # Safety
///
/// `fp` is the frame of compiled code, which keeps the chain of frame pointers, and the innermost entry
/// has noted `entry_sp`.
#[inline]
pub(crate) unsafe fn is_called_by_entry(fp: usize, entry_sp: usize) -> bool {
    // SAFETY: a frame begins with its caller's; so for the line below.
    let caller = unsafe { *core::ptr::with_exposed_provenance::<usize>(fp) };
    // SAFETY: the caller is compiled code, at least a way in.
    let outer = unsafe { *core::ptr::with_exposed_provenance::<usize>(caller) };
    outer == entry_sp + ENTRY_FP_BYTES
}

/// Calls `way_in(code, cx, slots)`; returns 0, or 1 if compiled code was left early. Where the stack
/// pointer is meanwhile is written to `sp`, for [`land`]; behind that stands where compiled code has been
/// left before, which the caller writes there again afterwards.
///
/// # Safety
///
/// `way_in` is a way in for `code`'s type, `cx` the context that the code expects, and `slots` are the
/// call's; `sp` is where [`unwind`] and the fault handler look.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn enter(
    way_in: usize,
    code: usize,
    cx: *mut VmContext,
    slots: *mut u64,
    sp: *mut usize,
) -> u32 {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push qword ptr [r8 + 8]",
        "mov [r8], rsp",
        "mov rax, rdi",
        "mov rdi, rsi",
        "mov rsi, rdx",
        "mov rdx, rcx",
        "call rax",
        "xor eax, eax",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Returns 1 from the [`enter`] whose stack pointer is in `rsp`.
///
/// # Safety
///
/// Not to be called: to be jumped to, with that stack pointer.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn land() {
    naked_asm!(
        "cld",
        "mov eax, 1",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// Leaves compiled code for its innermost entry, or for what catches the exception that travels; never returns.
///
/// # Safety
///
/// Called by compiled code that runs with `cx`, and keeps the chain of frame pointers.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn unwind(cx: *mut VmContext) {
    naked_asm!(
        "xor r8d, r8d",
        "jmp {leave}",
        leave = sym leave_code,
    )
}

/// Leaves compiled code with an exception, as [`unwind`]; never returns.
///
/// # Safety
///
/// As for [`unwind`]; the exception is one of the store's.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn throw(cx: *mut VmContext, exception: u32) {
    naked_asm!(
        "mov r8d, esi",
        "jmp {leave}",
        leave = sym leave_code,
    )
}

/// What both do, with the exception in `r8`, or 0.
///
/// # Safety
///
/// Not to be called: to be jumped to from stubs that compiled code calls.
#[unsafe(naked)]
unsafe extern "C" fn leave_code() {
    naked_asm!(
        // The context stays in `rdi`; behind it, where the caller is and its frame. The register that counts fuel
        // stays what it is.
        "mov rsi, [rsp]",
        "mov rdx, rbp",
        "mov rcx, r15",
        "sub rsp, 8",
        "call {note}",
        "jmp {resume}",
        note = sym fault::note_unwind,
        resume = sym resume,
    )
}

/// Goes on where `rax` says: at what catches the exception that travels, or in the innermost entry.
///
/// # Safety
///
/// Not to be called: to be jumped to from stubs that compiled code calls.
#[unsafe(naked)]
unsafe extern "C" fn resume() {
    naked_asm!(
        "mov rcx, rax",
        "mov rax, [rcx + {exception}]",
        "mov rdx, [rcx + {tag}]",
        "mov rbp, [rcx + {fp}]",
        "mov rsp, [rcx + {sp}]",
        "jmp [rcx + {pc}]",
        exception = const offset_of!(Resume, exception),
        tag = const offset_of!(Resume, tag),
        fp = const offset_of!(Resume, fp),
        sp = const offset_of!(Resume, sp),
        pc = const offset_of!(Resume, pc),
    )
}

/// Lets others have the thread in the middle of compiled code, which goes on with all its registers as they were.
///
/// Of vector registers their low halves are kept: compiled code uses no more.
///
/// # Safety
///
/// Not to be called: to be jumped to with the place to go on at on the stack, and below a red zone.
#[cfg(feature = "stacks")]
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn detour() {
    naked_asm!(
        "pushfq",
        "push rbp",
        "mov rbp, rsp",
        "push rax; push rcx; push rdx; push rbx; push rsi; push rdi; push r8",
        "push r9; push r10; push r11; push r12; push r13; push r14; push r15",
        "sub rsp, 256",
        "and rsp, -16",
        "movups [rsp], xmm0; movups [rsp + 16], xmm1",
        "movups [rsp + 32], xmm2; movups [rsp + 48], xmm3",
        "movups [rsp + 64], xmm4; movups [rsp + 80], xmm5",
        "movups [rsp + 96], xmm6; movups [rsp + 112], xmm7",
        "movups [rsp + 128], xmm8; movups [rsp + 144], xmm9",
        "movups [rsp + 160], xmm10; movups [rsp + 176], xmm11",
        "movups [rsp + 192], xmm12; movups [rsp + 208], xmm13",
        "movups [rsp + 224], xmm14; movups [rsp + 240], xmm15",
        "cld",
        "call {give_way}",
        "movups xmm0, [rsp]; movups xmm1, [rsp + 16]",
        "movups xmm2, [rsp + 32]; movups xmm3, [rsp + 48]",
        "movups xmm4, [rsp + 64]; movups xmm5, [rsp + 80]",
        "movups xmm6, [rsp + 96]; movups xmm7, [rsp + 112]",
        "movups xmm8, [rsp + 128]; movups xmm9, [rsp + 144]",
        "movups xmm10, [rsp + 160]; movups xmm11, [rsp + 176]",
        "movups xmm12, [rsp + 192]; movups xmm13, [rsp + 208]",
        "movups xmm14, [rsp + 224]; movups xmm15, [rsp + 240]",
        "lea rsp, [rbp - 112]",
        "pop r15; pop r14; pop r13; pop r12; pop r11; pop r10; pop r9",
        "pop r8; pop rdi; pop rsi; pop rbx; pop rdx; pop rcx; pop rax",
        "pop rbp",
        "popfq",
        "ret {red_zone}",
        give_way = sym crate::stacks::give_way_in_code,
        red_zone = const RED_ZONE_BYTES,
    )
}

/// What calls through a table that never changes call where an element is not a function of their type: it traps in
/// their place.
pub(crate) fn refusal(target: Target) -> *mut u8 {
    let stub = match target {
        Target::Null => refuse_null as *const (),
        Target::Other => refuse_other as *const (),
        Target::Func(_) => refuse_missing as *const (),
    };
    stub.cast::<u8>().cast_mut()
}

/// Stubs that compiled code calls as functions of any type, which leave it with a trap.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $code:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// Called by compiled code, which keeps the chain of frame pointers, with its context.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(cx: *mut VmContext) {
            naked_asm!(
                "mov r8d, {code}",
                // As where compiled code is left otherwise, but what has been passed on the stack is anything.
                "mov rsi, [rsp]",
                "mov rdx, rbp",
                "mov rcx, r15",
                "and rsp, -16",
                "call {note}",
                "jmp {resume}",
                code = const TrapCode::$code as u32,
                note = sym fault::note_refusal,
                resume = sym resume,
            )
        }
    )*};
}

refusals! {
    /// The element is null, or there is none.
    refuse_null = UninitializedElement;
    /// It is a function of another type.
    refuse_other = IndirectCallTypeMismatch;
    /// It is a function that has no code, which is a defect of ours.
    refuse_missing = InvalidFunction;
}

/// Stubs by which ways out call functions in the platform's convention, with the way out's frame pointer
/// as one more argument.
macro_rules! with_frame {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) $register:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// Called by a way out, as the function of this name in `leave` asks.
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name($($arg: $ty),*) -> u32 {
            naked_asm!(
                concat!("mov ", $register, ", rbp"),
                "jmp {to}",
                to = sym leave::$name,
            )
        }
    )*};
}

with_frame! {
    /// Calls a function of the instance.
    call_func(cx: *mut VmContext, func: u32, slots: *mut u64) "rcx";
    /// Calls the function of a reference.
    call_ref(cx: *mut VmContext, reference: u32, slots: *mut u64) "rcx";
    /// Calls an imported function of a guest's.
    call_import(
        reference: *const (), context: *mut StoreContext, cx: *mut VmContext, slots: *mut u64
    ) "r8";
}

/// Stubs by which compiled code calls what may look at its frames: each makes a frame and notes it in the store's
/// context, so that compiled code's frames are found from there.
macro_rules! noted {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $result:ty;)*) => {$(
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// Called by compiled code, as the function of this name in `builtins` asks.
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name(cx: *mut VmContext, $($arg: $ty),*) -> $result {
            naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "mov rax, [rdi + {store}]",
                "mov [rax + {left}], rbp",
                "call {to}",
                "pop rbp",
                "ret",
                store = const vm_context::STORE * 8,
                left = const store_context::LEFT_FP,
                to = sym builtins::$name,
            )
        }
    )*};
}

noted! {
    /// Makes a structure.
    new_struct(ty: u32) -> u32;
    /// Makes an array.
    new_array(ty: u32, len: u32) -> u32;
    /// Makes an array of a data segment.
    array_new_data(ty: u32, data: u32, src: u32, len: u32) -> u32;
    /// Makes an exception.
    new_exception(tag: u32) -> u32;
    /// Makes an array of an element segment.
    array_new_elem(ty: u32, element: u32, src: u32, len: u32) -> u32;
    /// Says that a function's budget has run out.
    ran_out(func: u32, in_loop: u32, slots: *const u64, counts: u64) -> usize;
}
