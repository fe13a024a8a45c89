//! Faults of compiled code: a trap only if the address, the instruction and the thread are such as the code
//! faults by on purpose; all else goes to whoever handles it otherwise, and ends the process if nobody
//! does. The code is written by hand, so that it can do what no compiler of ours makes. Each case is a
//! child process of its own.

#![cfg(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri)))]
#![allow(unsafe_code, reason = "signal handlers, code and faults cannot be had without")]

use dunlin_core::TrapCode;
use dunlin_module::{Features, Module, Unit};
use dunlin_vm::native::{self, CodeImage, NativeCode};
use dunlin_vm::{
    Failure, MemoryStrategy, ModuleCode, Resources, ResourcesConfig, Store, StoreConfig,
};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Names the case in a child's environment.
const CASE: &str = "DUNLIN_TEST_FAULT";

/// How the test's handlers end the process.
const HANDLED: i32 = 42;

/// How a child ends whose guest returned; with a trap's number added, whose guest trapped.
const RETURNED: i32 = 100;

/// A function's body behind `push rbp; mov rbp, rsp`, where in it an instruction may trap, and why.
/// `rdx` points to the argument.
type Body = (&'static str, &'static [u8], Option<(u32, TrapCode)>);

/// `mov rax, [rdx]; mov rax, [rax]; pop rbp; ret`: reads where the argument says.
const LOAD: &[u8] = &[0x48, 0x8b, 0x02, 0x48, 0x8b, 0x00, 0x5d, 0xc3];
/// `ud2`.
const ILLEGAL: &[u8] = &[0x0f, 0x0b];
/// `xor ecx, ecx; xor eax, eax; xor edx, edx; div ecx`.
const DIVISION: &[u8] = &[0x31, 0xc9, 0x31, 0xc0, 0x31, 0xd2, 0xf7, 0xf1];

const BODIES: [Body; 10] = [
    ("load", LOAD, Some((3, TrapCode::MemoryOutOfBounds))),
    ("poll", LOAD, Some((3, TrapCode::Interrupted))),
    ("load that cannot fault", LOAD, None),
    ("load on the stack", LOAD, Some((3, TrapCode::StackOverflow))),
    ("trap", ILLEGAL, Some((0, TrapCode::Unreachable))),
    ("trap of a poll", ILLEGAL, Some((0, TrapCode::Interrupted))),
    ("no trap", ILLEGAL, None),
    ("division", DIVISION, Some((6, TrapCode::IntegerDivisionByZero))),
    ("division that is no access", DIVISION, Some((6, TrapCode::MemoryOutOfBounds))),
    ("no division", DIVISION, None),
];

/// Bytes between the beginnings of two units.
const UNIT: usize = 32;

/// A module with a memory of one page, and as many functions of an `i64` as there are bodies.
fn module() -> Module {
    let count = BODIES.len() as u8;
    let sections: [(u8, Vec<u8>); 4] = [
        (1, vec![1, 0x60, 1, 0x7e, 0]),
        (3, [&[count][..], &vec![0; count.into()]].concat()),
        (5, vec![1, 0, 1]),
        (10, [&[count][..], &[2, 0, 0x0b].repeat(count.into())].concat()),
    ];
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, contents) in sections {
        bytes.extend([id, contents.len() as u8]);
        bytes.extend(contents);
    }
    Module::parse(Arc::new(bytes), Features::default()).expect("a valid module")
}

fn code(module: &Module) -> NativeCode {
    let mut image = CodeImage { code: vec![0xcc; UNIT * 16].into(), ..CodeImage::default() };
    let mut place = |unit: Unit, bytes: &[u8]| {
        let start = image.units.len() * UNIT;
        image.code.to_mut()[start..][..bytes.len()].copy_from_slice(bytes);
        image.units.push((start as u32, (start + UNIT) as u32, unit));
        start as u32
    };
    let mut traps = Vec::new();
    for (func, (_, body, trap)) in (0..).zip(BODIES) {
        let start = place(Unit::Func(func), &[&[0x55, 0x48, 0x89, 0xe5][..], body].concat());
        traps.extend(trap.map(|(at, code)| (start + 4 + at, code)));
    }
    // The way in: `push rbp; mov rbp, rsp; call rdi; pop rbp; ret`.
    place(Unit::Enter(0), &[0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3]);
    image.traps = traps;
    NativeCode::load(module, image).expect("memory for code")
}

struct Guest {
    store: Store,
    code: Arc<ModuleCode>,
    instance: u32,
}

impl Guest {
    fn new() -> Self {
        let strategy = MemoryStrategy::Guarded;
        let config = ResourcesConfig { strategy, pool: None, stacks_kept: 0 };
        let resources = Arc::new(Resources::new(config).expect("address space"));
        let types = Arc::default();
        let code = Arc::new(ModuleCode::new(module(), Arc::clone(&types)));
        code.set_native(self::code(code.module()));
        let mut store =
            Store::new(types, StoreConfig { poll_page: true, resources, ..StoreConfig::default() });
        let Ok(instance) = store.instantiate(&code, &[]) else { panic!("an instance") };
        Self { store, code, instance }
    }

    fn memory(&self) -> usize {
        self.store.memory(0).as_ptr() as usize
    }

    fn poll_page(&self) -> usize {
        // SAFETY: the instance's context is alive.
        unsafe { (*self.store.instance_context(self.instance)).poll_page as usize }
    }

    /// Calls a function, and ends the process with what became of it.
    fn end(&mut self, body: &str, argument: usize) -> ! {
        let index = BODIES.iter().position(|(name, ..)| *name == body).expect("a body") as u32;
        let func = self.store.func_ref(self.instance, index);
        let status = match native::call(&mut self.store, func, &mut [argument as u64]) {
            Ok(()) => RETURNED,
            Err(Failure::Trap(trap)) => RETURNED + trap.code as i32,
            Err(_) => 1,
        };
        std::process::exit(status)
    }
}

extern "C" fn informed(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel's information, which must have been passed on as it was.
    let is_whole = unsafe { (*info).si_signo } == signal && !context.is_null();
    // SAFETY: ends the process, which signal handlers may.
    unsafe { libc::_exit(if is_whole { HANDLED } else { 1 }) };
}

static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// What an embedder installs after the engine: it looks, and passes on what is not its own.
extern "C" fn later(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    // SAFETY: set before this handler is installed, and the engine's takes three arguments.
    let before = unsafe {
        std::mem::transmute::<usize, Handler>((*BEFORE.load(Ordering::SeqCst)).sa_sigaction)
    };
    before(signal, info, context);
}

fn handle(signal: libc::c_int, action: usize) -> libc::sigaction {
    // SAFETY: zeros are an action; so for the one below.
    let (mut new, mut before): (libc::sigaction, libc::sigaction) = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action is whole, and its handler has the signature that the flags promise.
    let set = unsafe { libc::sigaction(signal, &raw const new, &raw mut before) };
    assert_eq!(set, 0);
    before
}

/// An address at which nothing may be accessed, and which is nobody's.
fn closed() -> usize {
    let (none, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a mapping at an address of the kernel's choice aliases nothing.
    unsafe { libc::mmap(ptr::null_mut(), 1 << 16, none, flags, -1, 0) as usize }
}

const RESERVED: usize = (4 << 30) + (64 << 20);

/// What a child does: a handler before, a function and its argument, and what else is special.
fn child(case: &str) {
    let (how, case) = case.split_once(": ").expect("how, and what");
    for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGFPE] {
        let action = if how == "chained" { informed as *const () as usize } else { libc::SIG_DFL };
        handle(signal, action);
    }
    assert!(native::is_supported(), "this machine runs native code");
    if how == "later" {
        let before = Box::new(handle(libc::SIGSEGV, later as *const () as usize));
        BEFORE.store(Box::into_raw(before), Ordering::SeqCst);
    }
    let mut guest = Guest::new();
    let (memory, page) = (guest.memory(), guest.poll_page());
    let other = Guest::new();
    let (body, place) = case.split_once(", ").unwrap_or((case, "inside"));
    let argument = match place {
        "inside" => memory,
        "behind the end" => memory + (64 << 10),
        "at the end of the guard" => memory + RESERVED - 1,
        "behind the guard" => closed(),
        "near zero" => 4095,
        "not so near" => 4096,
        "nowhere" => 1 << 63,
        "another store's guard" => other.memory() + (64 << 10),
        "the poll page" => {
            guest.store.interrupts().interrupt();
            page
        }
        "the end of the poll page" => {
            guest.store.interrupts().interrupt();
            page + 4095
        }
        "another store's poll page" => {
            other.store.interrupts().interrupt();
            other.poll_page()
        }
        other => panic!("{other}"),
    };
    if how == "written" {
        let way_in = guest.code.native().expect("code").way_in(0);
        // SAFETY: there is none: the page cannot be written, and the process ends.
        unsafe { ptr::with_exposed_provenance_mut::<u8>(way_in).write_volatile(0xc3) };
        std::process::exit(RETURNED);
    }
    if how == "outside" {
        return outside(&guest, argument);
    }
    guest.end(body, argument)
}

/// Runs a guest's code on a thread that has not entered it.
fn outside(guest: &Guest, mut argument: usize) {
    type WayIn = extern "C" fn(usize, usize, *mut usize);
    let way_in = guest.code.native().expect("code").way_in(0);
    // SAFETY: the way in is code of this signature.
    let way_in = unsafe { std::mem::transmute::<usize, WayIn>(way_in) };
    let load = guest.code.code()[0].load(Ordering::SeqCst) as usize;
    std::thread::scope(|scope| {
        scope.spawn(|| way_in(load, 0, &raw mut argument));
    });
    std::process::exit(RETURNED);
}

#[track_caller]
fn check(case: &str, ended: impl FnOnce(ExitStatus) -> bool) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "faults_are_traps_only_where_they_fit", "--nocapture"]);
    let output = command.env(CASE, case).output().expect("a child");
    assert!(ended(output.status), "{case}: {output:?}");
}

#[test]
fn faults_are_traps_only_where_they_fit() {
    if let Ok(case) = std::env::var(CASE) {
        return child(&case);
    }
    let returned = RETURNED;
    let trap = |code: TrapCode| RETURNED + code as i32;
    let rows = [
        ("load, inside", returned),
        ("load, behind the end", trap(TrapCode::MemoryOutOfBounds)),
        ("load, at the end of the guard", trap(TrapCode::MemoryOutOfBounds)),
        // Where what is out of bounds is sent.
        ("load, near zero", trap(TrapCode::MemoryOutOfBounds)),
        ("poll, the poll page", trap(TrapCode::Interrupted)),
        ("poll, the end of the poll page", trap(TrapCode::Interrupted)),
        ("trap", trap(TrapCode::Unreachable)),
        ("trap of a poll", trap(TrapCode::Interrupted)),
        ("division", trap(TrapCode::IntegerDivisionByZero)),
    ];
    for (case, expected) in rows {
        for how in ["default", "chained", "later"] {
            check(&format!("{how}: {case}"), |status| status.code() == Some(expected));
        }
    }
    let rows = [
        ("load, behind the guard", libc::SIGSEGV),
        ("load, not so near", libc::SIGSEGV),
        ("poll, near zero", libc::SIGSEGV),
        ("load on the stack, near zero", libc::SIGSEGV),
        ("load, nowhere", libc::SIGSEGV),
        ("load, another store's guard", libc::SIGSEGV),
        ("load, the poll page", libc::SIGSEGV),
        ("poll, behind the end", libc::SIGSEGV),
        ("poll, another store's poll page", libc::SIGSEGV),
        ("load that cannot fault, behind the end", libc::SIGSEGV),
        ("load on the stack, behind the end", libc::SIGSEGV),
        ("no trap", libc::SIGILL),
        ("division that is no access", libc::SIGFPE),
        ("no division", libc::SIGFPE),
    ];
    for (case, signal) in rows {
        check(&format!("default: {case}"), |status| status.signal() == Some(signal));
        check(&format!("later: {case}"), |status| status.signal() == Some(signal));
        check(&format!("chained: {case}"), |status| status.code() == Some(HANDLED));
    }
    // Whatever the address: no guest of this thread's can have been meant.
    let case = "outside: load, behind the end";
    check(case, |status| status.signal() == Some(libc::SIGSEGV));
    check("written: load", |status| status.signal() == Some(libc::SIGSEGV));
}
