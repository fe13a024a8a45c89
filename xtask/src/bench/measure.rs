//! One run of a program: its processor time, its wall time, and what it printed.
//!
//! Processor time (user and system, of all threads) is what peaks are compared by: it hardly depends
//! on what else the machine does. Wall time is what a person waits for at a start.

use std::io::Read as _;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::steps::describe;

/// A run beyond this is a hang: the slowest engine takes a few seconds for a kernel.
const RUN_SECONDS_MAX: u64 = 180;

/// How often a run is looked at, to see whether it must be ended.
const LOOK: Duration = Duration::from_millis(100);

/// What one run took.
#[derive(Clone, Debug)]
pub struct Sample {
    /// User and system time of the process.
    pub cpu: Duration,
    /// From before the start to after the end.
    pub wall: Duration,
    /// Standard output.
    pub output: String,
}

/// Runs a program to its end.
///
/// # Errors
///
/// When it cannot be started, fails, or takes longer than [`RUN_SECONDS_MAX`].
pub fn sample(command: &mut Command) -> Result<Sample, Error> {
    let call = describe(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let before = children_time();
    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|cause| Error::new(format!("cannot start `{call}`")).cause(cause))?;
    let watch = Watch::over(child.id());
    let mut output = String::new();
    let mut said = String::new();
    // Programs here print a line or two, so that one pipe cannot fill while the other is read.
    let read = child.stdout.take().map(|mut pipe| pipe.read_to_string(&mut output));
    let read_too = child.stderr.take().map(|mut pipe| pipe.read_to_string(&mut said));
    let status = child.wait();
    let wall = start.elapsed();
    let cpu = children_time().saturating_sub(before);
    let late = watch.end();
    let failed = |cause: &dyn std::fmt::Display| {
        Error::new(format!("`{call}` failed")).cause(cause).cause(said.trim()).hint(call.clone())
    };
    if late {
        return Err(failed(&format!("it took longer than {RUN_SECONDS_MAX} s")));
    }
    for result in [read, read_too].into_iter().flatten() {
        result.map_err(|cause| failed(&cause))?;
    }
    match status {
        Ok(status) if ExitStatus::success(&status) => Ok(Sample { cpu, wall, output }),
        Ok(status) => Err(failed(&status)),
        Err(cause) => Err(failed(&cause)),
    }
}

/// Bytes that a run of the program has in memory at most, by the system's count: of a process of our own that runs
/// nothing else, since what is counted is the largest of all children. No less than that process has, a few MiB.
///
/// # Errors
///
/// When it cannot be started or fails.
pub fn resident(command: &Command) -> Result<u64, Error> {
    let own = std::env::current_exe()
        .map_err(|cause| Error::new("cannot find the own program").cause(cause))?;
    let mut outer = Command::new(own);
    outer.arg("resident").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    let said = sample(&mut outer)?.output;
    said.trim().parse().map_err(|cause| Error::new(format!("`{said}` is no size")).cause(cause))
}

/// What [`resident`] starts: runs the program that the words name, and prints its largest size.
///
/// # Errors
///
/// When it cannot be started or fails.
pub fn run_resident(words: &[String]) -> Result<(), Error> {
    let [program, arguments @ ..] = words else {
        return Err(Error::new("`resident` needs a program"));
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = crate::steps::program(program, &arguments);
    // Where this process was started, which is not everywhere the workspace's root.
    let here = std::env::current_dir()
        .map_err(|cause| Error::new("there is no current folder").cause(cause))?;
    command.current_dir(here).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command
        .status()
        .map_err(|cause| Error::new(format!("cannot start `{program}`")).cause(cause))?;
    if !status.success() {
        return Err(Error::new(format!("`{program}` failed")).cause(status));
    }
    println!("{}", children_resident());
    Ok(())
}

/// Bytes in memory of the largest child that was waited for; 0 where the system does not tell.
#[cfg(unix)]
fn children_resident() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |usage| usage.max_rss());
    u64::try_from(kibibytes).unwrap_or(0) << 10
}

#[cfg(not(unix))]
fn children_resident() -> u64 {
    0
}

/// Ends a process that takes too long.
struct Watch {
    done: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Watch {
    fn over(process: u32) -> Self {
        let (done, ended) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            loop {
                match ended.recv_timeout(LOOK) {
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    _ => return false,
                }
                if start.elapsed() > Duration::from_secs(RUN_SECONDS_MAX) {
                    kill(process);
                    return true;
                }
            }
        });
        Self { done, thread }
    }

    /// Whether the process was ended.
    fn end(self) -> bool {
        drop(self.done);
        self.thread.join().unwrap_or(false)
    }
}

#[cfg(unix)]
fn kill(process: u32) {
    if let Ok(process) = i32::try_from(process) {
        // A process that ended on its own in this moment is what was wanted.
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(process),
            nix::sys::signal::Signal::SIGKILL,
        );
    }
}

#[cfg(not(unix))]
fn kill(_process: u32) {}

/// User and system time of all children that were waited for.
#[cfg(unix)]
fn children_time() -> Duration {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else {
        return Duration::ZERO;
    };
    [usage.user_time(), usage.system_time()].iter().fold(Duration::ZERO, |sum, time| {
        sum + Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap_or(0))
    })
}

/// Where the system does not tell, the wall clock stands in.
#[cfg(not(unix))]
fn children_time() -> Duration {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// What the machine calls its processor.
pub fn processor() -> String {
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = known.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores", name.unwrap_or(std::env::consts::ARCH).trim())
}

/// The day, as `2026-11-22`.
pub fn today() -> String {
    let mut command = crate::steps::program("date", &["-u", "+%Y-%m-%d"]);
    let day = crate::steps::capture("date", &mut command).unwrap_or_default();
    day.trim().to_owned()
}

/// The middle of the values, the mean of the two middle ones for an even number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The smallest value.
pub fn smallest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The geometric mean, nothing for no values.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    let logarithms: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (logarithms / values.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{geometric_mean, median, sample, smallest};
    use crate::steps::program;

    #[test]
    fn a_run_tells_its_output_and_its_time() {
        let mut busy =
            program("sh", &["-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i"]);
        let taken = sample(&mut busy).expect("it runs");
        assert_eq!(taken.output, "20000\n");
        assert!(taken.cpu > Duration::ZERO && taken.wall > Duration::ZERO, "{taken:?}");
        let error =
            sample(&mut program("sh", &["-c", "echo why >&2; exit 9"])).expect_err("it fails");
        assert!(error.to_string().contains("why"), "{error}");
    }

    #[test]
    fn means_are_what_they_say() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!((geometric_mean(&[1.0, 4.0, 16.0]).expect("three values") - 4.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
        assert!((smallest(&[2.0, 1.5]) - 1.5).abs() < 1e-12);
    }
}
