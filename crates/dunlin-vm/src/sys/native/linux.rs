//! Native code on Linux: memory that holds it, faults, the poll page, and where a thread's stack lies.
//!
//! Code that is there as a whole is written to fresh memory that is not executable; then the memory is made
//! executable and is not writable any more. Memory for code that arrives bit by bit is a file in memory that is
//! mapped twice: code is written through one mapping, and runs in the other, so that nothing has to wait while more
//! is added. No mapping is ever writable and executable.
//!
//! ## Faults
//!
//! One handler is installed for the faults that compiled code makes on purpose. It asks
//! `native::fault` what a fault means; what does not belong to compiled code goes to whoever handled the
//! signal before, or has its default effect. So do signals that somebody sent.
//!
//! `SIGBUS` is not among them: no memory of a guest's is of a file that could shrink.

use crate::native::fault::{self, Cause, Fault, Verdict};
use crate::sync::Mutex;
use core::cell::Cell;
use core::ops::Range;
use core::ptr::{self, NonNull};
use dunlin_module::layout::POLL_PAGE_BYTES;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use std::sync::OnceLock;
use std::thread_local;

/// Whether native code runs on this machine.
pub(crate) const IS_SUPPORTED: bool = true;

/// A mapping of our own.
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn new(len: usize, protection: ProtFlags) -> Option<Self> {
        // SAFETY: an anonymous mapping at an address of the kernel's choice aliases nothing.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), len, protection, MapFlags::PRIVATE) };
        NonNull::new(base.ok()?.cast()).map(|base| Self { base, len })
    }

    /// Two mappings of the same fresh memory: one to run, one to write.
    fn twice(len: usize) -> Option<(Self, Self)> {
        let file = memfd_create("wasm-code", MemfdFlags::CLOEXEC).ok()?;
        ftruncate(&file, len as u64).ok()?;
        let map = |protection| {
            // SAFETY: a mapping at an address of the kernel's choice aliases nothing that Rust knows of; the other
            // one of the same file is used by whoever owns both.
            let base =
                unsafe { mmap(ptr::null_mut(), len, protection, MapFlags::SHARED, &file, 0) };
            NonNull::new(base.ok()?.cast()).map(|base| Self { base, len })
        };
        let run = map(ProtFlags::READ | ProtFlags::EXEC)?;
        Some((run, map(ProtFlags::READ | ProtFlags::WRITE)?))
    }

    fn protect(&self, protection: MprotectFlags) -> bool {
        // SAFETY: the mapping is ours; whoever reads or runs it expects what the protection allows.
        unsafe { mprotect(self.base.as_ptr().cast(), self.len, protection) }.is_ok()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody uses it any more.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapping of ours can be unmapped");
    }
}

// SAFETY: a mapping is owned, as a vector's memory would be.
unsafe impl Send for Mapping {}
// SAFETY: a shared owner changes only its protection, which the kernel does atomically.
unsafe impl Sync for Mapping {}

/// A page that guests read while they may run.
pub(crate) struct PollPage(Mapping);

impl PollPage {
    pub(crate) fn new() -> Option<Self> {
        Mapping::new(POLL_PAGE_BYTES, ProtFlags::READ).map(Self)
    }

    pub(crate) fn base(&self) -> *const u8 {
        self.0.base.as_ptr()
    }

    /// Makes reads fault.
    pub(crate) fn close(&self) {
        let closed = self.0.protect(MprotectFlags::empty());
        debug_assert!(closed, "a page of ours can be protected");
    }

    /// Lets reads succeed. Called from the fault handler too.
    pub(crate) fn open(&self) {
        let opened = self.0.protect(MprotectFlags::READ);
        debug_assert!(opened, "a page of ours can be opened");
    }
}

/// Memory that holds code, executable and not writable.
pub(crate) struct CodeMemory {
    run: Mapping,
    /// What may still be added.
    growth: Mutex<Growth>,
}

/// How memory for code grows.
struct Growth {
    /// Another mapping of the same memory, while there is room.
    write: Option<Mapping>,
    /// Bytes that have been written, and are never written again.
    written: usize,
}

impl CodeMemory {
    /// Memory of `bytes` bytes whose contents `write` makes.
    pub(crate) fn new(bytes: usize, write: impl FnOnce(&mut [u8])) -> Option<Self> {
        let mapping = Mapping::new(bytes.max(1), ProtFlags::READ | ProtFlags::WRITE)?;
        let base = mapping.base.as_ptr();
        // SAFETY: the mapping is fresh, zeroed, of this length, and nobody else knows it.
        write(unsafe { core::slice::from_raw_parts_mut(base, bytes) });
        let growth = Mutex::new(Growth { write: None, written: bytes });
        let executable = mapping.protect(MprotectFlags::READ | MprotectFlags::EXEC);
        executable.then_some(Self { run: mapping, growth })
    }

    /// Memory of `bytes` bytes in which there is nothing yet.
    pub(crate) fn growing(bytes: usize) -> Option<Self> {
        let (run, write) = Mapping::twice(bytes)?;
        let growth = Mutex::new(Growth { write: Some(write), written: 0 });
        Some(Self { run, growth })
    }

    /// Adds `bytes` bytes at a multiple of `alignment`, whose contents `write` makes; where they begin. `None` if
    /// there is no room for them, and then there never is again.
    pub(crate) fn append(
        &self,
        bytes: usize,
        alignment: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Option<usize> {
        let mut growth = self.growth.lock();
        let start = growth.written.checked_next_multiple_of(alignment)?;
        let end = start.checked_add(bytes)?;
        let Some(to) = growth.write.as_ref().filter(|to| end <= to.len) else {
            growth.write = None;
            return None;
        };
        let first = to.base.as_ptr().wrapping_add(start);
        // SAFETY: the mapping has these bytes; behind what has been written nobody reads or runs the memory, and
        // the lock is held.
        write(unsafe { core::slice::from_raw_parts_mut(first, bytes) });
        growth.written = end;
        Some(start)
    }

    pub(crate) fn base(&self) -> usize {
        self.run.base.as_ptr() as usize
    }

    /// How many bytes there may be.
    pub(crate) fn capacity(&self) -> usize {
        self.run.len
    }

    /// `bytes` bytes from an offset on, which have been written.
    pub(crate) fn bytes(&self, start: usize, bytes: usize) -> &[u8] {
        let written = self.growth.lock().written;
        assert!(start.checked_add(bytes).is_some_and(|end| end <= written), "bytes that are there");
        // SAFETY: the mapping is readable and has these bytes, and nobody writes them any more.
        unsafe { core::slice::from_raw_parts(self.run.base.as_ptr().add(start), bytes) }
    }
}

/// How much lower the priority of threads is that work beside guests.
const NICE: i32 = 5;

/// Lowers the priority of the calling thread.
pub(crate) fn lower_priority() {
    // On Linux this is of a thread. Where it may not be, the thread is as important as others.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// The signals that faults of compiled code arrive as.
const SIGNALS: [libc::c_int; 3] = [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE];

/// What the kernel says of a signal, from `asm-generic/siginfo.h`: nothing is mapped at the address.
const SEGV_MAPERR: libc::c_int = 1;

/// What is mapped at the address may not be accessed so.
const SEGV_ACCERR: libc::c_int = 2;

/// An opcode that there is not.
const ILL_ILLOPC: libc::c_int = 1;

/// An operand that there is not; what `ud2` is to the kernel.
const ILL_ILLOPN: libc::c_int = 2;

/// An integer division by zero, or with a quotient that is too large.
const FPE_INTDIV: libc::c_int = 1;

/// Who handled them before, in the same order. Known before our handler is installed.
static PREVIOUS: OnceLock<[libc::sigaction; SIGNALS.len()]> = OnceLock::new();

/// Whether our handler is installed.
static INSTALLED: OnceLock<bool> = OnceLock::new();

/// Installs the handler, once; says whether it is there.
pub(crate) fn install_handlers() -> bool {
    *INSTALLED.get_or_init(|| {
        let previous = present_actions();
        previous.is_some_and(|previous| PREVIOUS.set(previous).is_ok()) && install()
    })
}

fn present_actions() -> Option<[libc::sigaction; SIGNALS.len()]> {
    let mut previous = [empty_action(); SIGNALS.len()];
    for (signal, before) in SIGNALS.into_iter().zip(&mut previous) {
        // SAFETY: asks for the present action only.
        if unsafe { libc::sigaction(signal, ptr::null(), before) } != 0 {
            return None;
        }
    }
    Some(previous)
}

fn install() -> bool {
    let mut action = empty_action();
    action.sa_sigaction = handle as *const () as usize;
    // On a signal stack where the thread has one; and a fault in whoever is asked next is one too.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    SIGNALS.into_iter().all(|signal| {
        // SAFETY: the handler has the signature that `SA_SIGINFO` asks for, and does only what a signal
        // handler may.
        unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) == 0 }
    })
}

fn empty_action() -> libc::sigaction {
    // SAFETY: the structure is plain numbers and an optional function pointer; zeros are the default.
    unsafe { core::mem::zeroed() }
}

/// The handler.
///
/// # Safety
///
/// Called by the kernel with a fault's information.
unsafe extern "C" fn handle(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: with `SA_SIGINFO` the third argument is the interrupted context.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let pc = registers[libc::REG_RIP as usize] as usize;
    let fp = registers[libc::REG_RBP as usize] as usize;
    let fuel = registers[libc::REG_R15 as usize] as u64;
    // SAFETY: the information is the kernel's.
    let cause = cause(signal, unsafe { &*info }, pc);
    match cause.map_or(Verdict::Unknown, |cause| fault::judge(Fault { pc, fp, fuel, cause })) {
        Verdict::Land { pc, sp } => {
            registers[libc::REG_RIP as usize] = pc as i64;
            registers[libc::REG_RSP as usize] = sp as i64;
        }
        Verdict::Retry => {}
        // SAFETY: the arguments are the kernel's.
        Verdict::Unknown => unsafe { pass_on(signal, info, context) },
    }
}

/// What happened, if it is something that compiled code does on purpose: not a signal that somebody sent,
/// nor an access with an address of which the kernel does not say where it leads.
fn cause(signal: libc::c_int, info: &libc::siginfo_t, pc: usize) -> Option<Cause> {
    // SAFETY: signals that the kernel raises for a fault have an address.
    let address = unsafe { info.si_addr() } as usize;
    match (signal, info.si_code) {
        (libc::SIGSEGV, SEGV_MAPERR | SEGV_ACCERR) => Some(Cause::Access(address)),
        (libc::SIGILL, ILL_ILLOPC | ILL_ILLOPN) if address == pc => Some(Cause::Instruction),
        (libc::SIGFPE, FPE_INTDIV) if address == pc => Some(Cause::Division),
        _ => None,
    }
}

/// Gives a fault that is not ours to whoever handled the signal before.
///
/// # Safety
///
/// As for [`handle`].
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the information is the kernel's.
    let is_sent = unsafe { (*info).si_code } <= 0;
    let index = SIGNALS.iter().position(|known| *known == signal);
    let Some(previous) = PREVIOUS.get().zip(index).map(|(all, index)| &all[index]) else {
        return default_effect(signal, is_sent);
    };
    match previous.sa_sigaction {
        libc::SIG_IGN if is_sent => {}
        libc::SIG_DFL | libc::SIG_IGN => default_effect(signal, is_sent),
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            type Handler =
                unsafe extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            // SAFETY: whoever installed it said that it has this signature.
            let handler = unsafe { core::mem::transmute::<usize, Handler>(handler) };
            // SAFETY: the arguments are the kernel's.
            unsafe { handler(signal, info, context) };
        }
        handler => {
            // SAFETY: without `SA_SIGINFO` a handler takes the signal's number only.
            let handler = unsafe {
                core::mem::transmute::<usize, unsafe extern "C" fn(libc::c_int)>(handler)
            };
            // SAFETY: as above.
            unsafe { handler(signal) };
        }
    }
}

/// Makes the signal's default effect happen: at once where somebody sent it, or else when the faulting
/// instruction runs again.
fn default_effect(signal: libc::c_int, is_sent: bool) {
    let action = empty_action();
    // SAFETY: the default action is always valid.
    unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    if is_sent {
        // SAFETY: sends a signal to this thread, which does not block it here.
        unsafe { libc::raise(signal) };
    }
}

thread_local! {
    /// The thread's stack, once it has been asked for: from the lowest address to the end.
    static STACK: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Where the calling thread's own stack lies, guard excluded; `None` if that is not to be known.
#[inline]
pub(crate) fn stack_bounds() -> Option<Range<usize>> {
    let (start, end) = STACK.get();
    if end != 0 { Some(start..end) } else { note_stack_bounds() }
}

#[cold]
fn note_stack_bounds() -> Option<Range<usize>> {
    let bounds = ask_stack_bounds()?;
    STACK.set((bounds.start, bounds.end));
    Some(bounds)
}

fn ask_stack_bounds() -> Option<Range<usize>> {
    // SAFETY: an attribute object is plain memory that the call below initialises.
    let mut attributes: libc::pthread_attr_t = unsafe { core::mem::zeroed() };
    // SAFETY: the object is ours; `pthread_self` has no preconditions.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) } != 0 {
        return None;
    }
    let (mut base, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: the object has been initialised.
    let found =
        unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut base, &raw mut size) };
    // SAFETY: as above.
    unsafe { libc::pthread_attr_getguardsize(&raw const attributes, &raw mut guard) };
    // SAFETY: as above, and it is not used after this.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    let start = base as usize;
    (found == 0).then(|| start + guard..start + size)
}
