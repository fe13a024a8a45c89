//! x86-64, System V convention.
//!
//! An entry's frame holds the frame pointer and the registers that a callee keeps (`rbx`, `r12` to
//! `r15`); compiled code of the `tail` convention keeps none. Landing restores them from there, as if the
//! call had returned.

use crate::context::VmContext;
use crate::native::fault;
use core::arch::naked_asm;

/// Calls `way_in(code, cx, slots)`; returns 0, or 1 if compiled code was left early. Where the stack
/// pointer is meanwhile is written to `sp`, for [`land`].
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
        "sub rsp, 8",
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

/// Leaves compiled code for its innermost entry; never returns.
///
/// # Safety
///
/// Called by compiled code that runs with `cx`, and keeps the chain of frame pointers.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn unwind(cx: *mut VmContext) {
    naked_asm!(
        // The context stays in `rdi`; behind it, where the caller is and its frame.
        "mov rsi, [rsp]",
        "mov rdx, rbp",
        "mov rcx, r15",
        "sub rsp, 8",
        "call {note}",
        "mov rsp, rax",
        "jmp {land}",
        note = sym fault::note_unwind,
        land = sym land,
    )
}
