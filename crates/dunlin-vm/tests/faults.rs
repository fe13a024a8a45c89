//! Faults that are not of compiled code: they go to whoever handled them before, or end the process, as
//! if the engine were not there. Each case is a child process of its own.

#![cfg(all(feature = "native", target_os = "linux", target_arch = "x86_64", not(miri)))]
#![allow(unsafe_code, reason = "signal handlers and faults cannot be had without")]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::ptr;

/// Names the case in a child's environment.
const CASE: &str = "DUNLIN_TEST_FAULT";

/// How the handlers of the test end the process.
const HANDLED: i32 = 42;

extern "C" fn plain(signal: libc::c_int) {
    // SAFETY: ends the process, which signal handlers may.
    unsafe { libc::_exit(if signal == libc::SIGSEGV { HANDLED } else { 1 }) };
}

extern "C" fn informed(
    _signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel's information, which must have been passed on as it was.
    let address = unsafe { (*info).si_addr() } as usize;
    let is_whole = address == 8 && !context.is_null();
    // SAFETY: as above.
    unsafe { libc::_exit(if is_whole { HANDLED } else { 1 }) };
}

fn handle(action: usize, flags: libc::c_int) {
    // SAFETY: zeros are an action.
    let mut new: libc::sigaction = unsafe { std::mem::zeroed() };
    new.sa_sigaction = action;
    new.sa_flags = flags;
    // SAFETY: the action is whole, and its handler has the signature that the flags promise.
    let set = unsafe { libc::sigaction(libc::SIGSEGV, &raw const new, ptr::null_mut()) };
    assert_eq!(set, 0);
}

fn fault() {
    // SAFETY: there is none: nothing is ever mapped there, and the process ends.
    unsafe { ptr::with_exposed_provenance::<u8>(8).read_volatile() };
}

/// What a child does.
fn child(case: &str) {
    let (action, flags) = match case {
        "plain" => (plain as *const () as usize, 0),
        "informed" => (informed as *const () as usize, libc::SA_SIGINFO),
        "ignored" | "sent and ignored" => (libc::SIG_IGN, 0),
        _ => (libc::SIG_DFL, 0),
    };
    handle(action, flags);
    assert!(dunlin_vm::native::is_supported(), "this machine runs native code");
    if case.starts_with("sent") {
        // SAFETY: sends a signal to this thread.
        unsafe { libc::raise(libc::SIGSEGV) };
        std::process::exit(7);
    }
    fault();
    std::process::exit(1);
}

#[track_caller]
fn check(case: &str, ended: impl FnOnce(ExitStatus) -> bool) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "faults_go_to_whom_they_belong", "--nocapture"]).env(CASE, case);
    let output = command.output().expect("a child");
    assert!(ended(output.status), "{case}: {output:?}");
}

#[test]
fn faults_go_to_whom_they_belong() {
    if let Ok(case) = std::env::var(CASE) {
        return child(&case);
    }
    check("plain", |status| status.code() == Some(HANDLED));
    check("informed", |status| status.code() == Some(HANDLED));
    check("default", |status| status.signal() == Some(libc::SIGSEGV));
    // A fault cannot be ignored; a signal that somebody sends can.
    check("ignored", |status| status.signal() == Some(libc::SIGSEGV));
    check("sent", |status| status.signal() == Some(libc::SIGSEGV));
    check("sent and ignored", |status| status.code() == Some(7));
}
