//! Native code on Linux: memory that holds it, faults, the poll page, and where a thread's stack lies.
//!
//! Code that is there as a whole is written to fresh memory that is not executable; then the memory is made
//! executable and is not writable any more. Memory for code that arrives bit by bit is a file in memory that is
//! mapped twice: code is written through one mapping, and runs in the other, so that nothing has to wait while more
//! is added. No mapping is ever writable and executable. Where code was before that nobody runs any more, all processors
//! are made to fetch their instructions anew before anybody is led to what has been written there.
//!
//! ## Faults
//!
//! One handler is installed for the faults that compiled code makes on purpose. It asks
//! `native::fault` what a fault means; what does not belong to compiled code goes to whoever handled the
//! signal before, or has its default effect. So do signals that somebody sent.
//!
//! `SIGBUS` is not among them: no memory of a guest's is of a file that could shrink.

use crate::native::fault::{self, Cause, Fault, Verdict};
use core::cell::Cell;
use core::ops::Range;
use core::ptr::{self, NonNull};
use dunlin_module::layout::POLL_PAGE_BYTES;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap,
};
use rustix::thread::{MembarrierCommand, membarrier};
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
    /// Another mapping of the same memory, if it changes.
    write: Option<Mapping>,
}

/// What memory holds where there is no code: `int3`, at which whoever gets there stops.
const NO_CODE: u8 = 0xcc;

impl CodeMemory {
    /// Memory of `bytes` bytes whose contents `write` makes.
    pub(crate) fn new(bytes: usize, write: impl FnOnce(&mut [u8])) -> Option<Self> {
        let mapping = Mapping::new(bytes.max(1), ProtFlags::READ | ProtFlags::WRITE)?;
        let base = mapping.base.as_ptr();
        // SAFETY: the mapping is fresh, zeroed, of this length, and nobody else knows it.
        write(unsafe { core::slice::from_raw_parts_mut(base, bytes) });
        let executable = mapping.protect(MprotectFlags::READ | MprotectFlags::EXEC);
        executable.then_some(Self { run: mapping, write: None })
    }

    /// Memory of `bytes` bytes in which there is nothing yet.
    pub(crate) fn growing(bytes: usize) -> Option<Self> {
        let (run, write) = Mapping::twice(bytes)?;
        Some(Self { run, write: Some(write) })
    }

    /// Has `write` make the contents of `bytes` bytes from `start` on; whether it has.
    ///
    /// # Safety
    ///
    /// Until this returns nobody reads, writes or runs these bytes.
    pub(crate) unsafe fn write_at(
        &self,
        start: usize,
        bytes: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> bool {
        let Some(to) = &self.write else { return false };
        assert!(start.checked_add(bytes).is_some_and(|end| end <= to.len), "bytes that are there");
        let first = to.base.as_ptr().wrapping_add(start);
        // SAFETY: the mapping is writable and has these bytes, and the caller's promise.
        write(unsafe { core::slice::from_raw_parts_mut(first, bytes) });
        true
    }

    /// Makes bytes such that nobody runs them by mistake, and gives back pages with nothing else in them: `free` is
    /// what nobody uses around them.
    ///
    /// # Safety
    ///
    /// Until this returns nobody reads, writes or runs the bytes of `free`, among which `bytes` are.
    pub(crate) unsafe fn clear(&self, bytes: Range<usize>, free: Range<usize>) {
        // SAFETY: the caller's promise.
        let is_clear =
            unsafe { self.write_at(bytes.start, bytes.len(), |target| target.fill(NO_CODE)) };
        let Some(to) = self.write.as_ref().filter(|_| is_clear) else { return };
        let page = rustix::param::page_size();
        let down = |at: usize| at / page * page;
        let start = free.start.next_multiple_of(page).max(down(bytes.start));
        let end = down(free.end).min(bytes.end.next_multiple_of(page));
        if start < end && end <= to.len {
            let first = to.base.as_ptr().wrapping_add(start);
            // SAFETY: the pages are of the mapping, and hold nothing that anybody uses.
            let given = unsafe { madvise(first.cast(), end - start, Advice::LinuxRemove) };
            debug_assert!(given.is_ok(), "pages of a file of ours can be given back");
        }
    }

    /// Says that nothing is written for some time.
    pub(crate) fn rest(&self) {
        if let Some(to) = &self.write {
            // SAFETY: what has been written is in the file, and found again when the mapping is used next.
            let _ = unsafe { madvise(to.base.as_ptr().cast(), to.len, Advice::LinuxDontNeed) };
        }
    }

    pub(crate) fn base(&self) -> usize {
        self.run.base.as_ptr() as usize
    }

    /// How many bytes there may be.
    pub(crate) fn capacity(&self) -> usize {
        self.run.len
    }

    /// `bytes` bytes from an offset on.
    ///
    /// # Safety
    ///
    /// As long as the slice is used, nobody writes them.
    pub(crate) unsafe fn bytes(&self, start: usize, bytes: usize) -> &[u8] {
        assert!(start.checked_add(bytes).is_some_and(|end| end <= self.run.len), "bytes there");
        // SAFETY: the mapping is readable and has these bytes, and the caller's promise.
        unsafe { core::slice::from_raw_parts(self.run.base.as_ptr().add(start), bytes) }
    }
}

/// Whether barriers are to be had: the kernel wants to be told before the first one.
fn has_barriers() -> bool {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    *REGISTERED.get_or_init(|| {
        [
            MembarrierCommand::RegisterPrivateExpedited,
            MembarrierCommand::RegisterPrivateExpeditedSyncCore,
        ]
        .into_iter()
        .all(|command| membarrier(command).is_ok())
    })
}

/// Tells the kernel now, if that is free.
pub(crate) fn announce_barriers() {
    // Each thread is a folder of this one, which has two names besides.
    let has_one_thread = rustix::fs::stat("/proc/self/task").is_ok_and(|task| task.st_nlink == 3);
    if has_one_thread {
        has_barriers();
    }
}

/// Makes all threads of the process execute a memory barrier, wherever they are; `false` if that cannot be had.
pub(crate) fn barrier() -> bool {
    has_barriers() && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}

/// Makes all threads of the process forget what they have fetched of instructions; `false` if that cannot be had.
pub(crate) fn synchronize_cores() -> bool {
    has_barriers() && membarrier(MembarrierCommand::PrivateExpeditedSyncCore).is_ok()
}

/// How much lower the priority of threads is that work beside guests.
const NICE: i32 = 5;

/// Lowers the priority of the calling thread.
pub(crate) fn lower_priority() {
    // On Linux this is of a thread. Where it may not be, the thread is as important as others.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// Processor time that the calling thread has used.
pub(crate) fn thread_time() -> core::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (time.tv_sec.max(0) as u64, time.tv_nsec as u32);
    core::time::Duration::new(seconds, nanoseconds)
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
        #[cfg(feature = "stacks")]
        Verdict::Detour { pc: stub, red_zone } => {
            let below = registers[libc::REG_RSP as usize] as usize - red_zone - size_of::<usize>();
            // SAFETY: compiled code has room for what it calls below its frame, and nothing there is anybody's.
            unsafe { *ptr::with_exposed_provenance_mut::<usize>(below) = pc };
            registers[libc::REG_RSP as usize] = below as i64;
            registers[libc::REG_RIP as usize] = stub as i64;
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

/// Says where the stack lies that the calling thread runs from now on; `None` if that is to be asked. Returns what was
/// known before.
#[cfg(feature = "stacks")]
pub(crate) fn set_stack_bounds(bounds: Option<Range<usize>>) -> Option<Range<usize>> {
    let (start, end) = bounds.map_or((0, 0), |bounds| (bounds.start, bounds.end));
    let (start, end) = STACK.replace((start, end));
    (end != 0).then_some(start..end)
}

#[cold]
fn note_stack_bounds() -> Option<Range<usize>> {
    let bounds = match first_stack_bounds() {
        Some(bounds) => {
            debug_assert_eq!(Some(bounds.start), ask_stack_bounds().map(|asked| asked.start));
            bounds
        }
        None => ask_stack_bounds()?,
    };
    STACK.set((bounds.start, bounds.end));
    Some(bounds)
}

/// The bounds for the process's first thread, if that is the calling one and they follow from what the kernel has said when
/// the process began. To ask for them takes the C library some 60 µs, in which it reads all mappings.
fn first_stack_bounds() -> Option<Range<usize>> {
    if rustix::thread::gettid() != rustix::process::getpid() {
        return None;
    }
    let bytes = rustix::process::getrlimit(rustix::process::Resource::Stack).current?;
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= FIRST_STACK_BYTES_MAX)?;
    // The program's path is the first thing on the stack, below an empty word.
    let path = rustix::param::linux_execfn();
    let end = path.as_ptr() as usize + path.count_bytes() + 1 + size_of::<usize>();
    let page = rustix::param::page_size();
    // A path that lies elsewhere is from somewhere else.
    let here = ptr::from_ref(&bytes) as usize;
    (end.is_multiple_of(page) && (end.checked_sub(bytes)?..end).contains(&here))
        .then(|| (end - bytes).next_multiple_of(page)..end)
}

/// Bytes below the end of the first thread's stack in which the kernel maps nothing else, however small the bound was when
/// the process began.
const FIRST_STACK_BYTES_MAX: usize = 128 << 20;

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
