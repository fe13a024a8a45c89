//! The runner: one engine, and a fresh store for every script.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::{self, ScopedJoinHandle};

use dunlin::{
    Engine, Features, Interruption, MemoryStrategy, PoolingConfig, Tier, TierUp, ValidateMode,
};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Span;
use wast::{Wast, WastDirective, WastThread};

use crate::legacy;
use crate::report::{Failure, Report};
use crate::session::Session;

/// How scripts are run: the tier, what is counted, and when functions are validated.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Config {
    /// The tier that executes.
    pub tier: Tier,
    /// When functions are compiled that are executed often, with the tier that begins in the interpreter.
    pub tier_up: TierUp,
    /// Which features modules may use.
    pub features: Features,
    /// When function bodies are validated.
    pub validate: ValidateMode,
    /// Whether every operator is executed by itself, also in sequences that have a handler.
    pub unfused: bool,
    /// Whether relaxed operators have the results of the deterministic profile.
    pub relaxed_deterministic: bool,
    /// Units of fuel that every directive begins with; `None` counts no fuel.
    pub fuel_units: Option<u64>,
    /// Whether epochs may interrupt; every directive begins with a deadline far away.
    pub epochs: bool,
    /// Bytes of the value stack; `None` leaves the engine's default.
    pub stack_bytes_max: Option<usize>,
    /// How memories lie in address space.
    pub memory_strategy: MemoryStrategy,
    /// How compiled code is interrupted.
    pub interruption: Interruption,
    /// Whether compilers check their own intermediate results.
    pub verify_code: bool,
    /// Which functions are compiled where modules are: those for whose index, modulo 64, the bit is 1.
    /// `None` leaves none to the interpreter.
    pub mixed: Option<u64>,
    /// How many instances, memories and tables a pool has from which they come; `None` is no pool.
    pub pooled: Option<u32>,
    /// Whether every module becomes an artifact and comes back from it before it is instantiated. It
    /// needs the optimising tier.
    #[cfg(feature = "optimize")]
    pub artifacts: bool,
    /// Where machine code and what components say is kept, if it is.
    #[cfg(feature = "optimize")]
    pub cache: Option<dunlin::Cache>,
    /// Whether every allocation of an object collects.
    pub gc_zeal: bool,
    /// Whether calls between components run no core functions that are made for them.
    pub unadapted: bool,
}

impl Config {
    fn engine(&self) -> dunlin::Config {
        let mut config = dunlin::Config::new();
        config.memory_strategy(self.memory_strategy).features(self.features);
        config.interruption(self.interruption).verify_code(self.verify_code);
        if let Some(count) = self.pooled {
            let mut pooling = PoolingConfig::new();
            pooling.total_core_instances(count).total_memories(count).total_tables(count);
            pooling.table_elements(u64::MAX);
            config.pooling(pooling);
        }
        config
            .tier(self.tier)
            .tier_up(self.tier_up)
            .validate(self.validate)
            .consume_fuel(self.fuel_units.is_some());
        config.gc_zeal(self.gc_zeal);
        config.fuse_operators(!self.unfused).epoch_interruption(self.epochs);
        config.relaxed_simd_deterministic(self.relaxed_deterministic);
        if let Some(compiled) = self.mixed {
            config.mix_tiers(compiled);
        }
        #[cfg(feature = "optimize")]
        if self.artifacts {
            // The artifacts never leave the process.
            config.artifact_key(dunlin::ArtifactKey::from_secret(b"scripts"));
        }
        #[cfg(feature = "optimize")]
        if let Some(cache) = &self.cache {
            config.cache(cache.clone());
        }
        if let Some(bytes) = self.stack_bytes_max {
            config.max_stack_bytes(bytes);
        }
        config
    }
}

/// Runs scripts, each in a store of its own.
#[derive(Clone)]
pub struct Runner {
    engine: Engine,
    config: Config,
}

impl Runner {
    /// A runner with this configuration.
    ///
    /// # Errors
    ///
    /// When the engine refuses the configuration.
    pub fn new(config: Config) -> dunlin::Result<Self> {
        Ok(Self { engine: Engine::new(&config.engine())?, config })
    }

    /// Runs the script in this file, under its path as name.
    ///
    /// # Errors
    ///
    /// When the file cannot be read. Whatever is wrong with its contents is in the report.
    pub fn run_file(&self, path: impl AsRef<Path>) -> io::Result<Report> {
        let path = path.as_ref();
        let bytes = std::fs::read(path)?;
        let name = path.display().to_string();
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(self.run_text(name, text)),
            Err(error) => {
                let what = format!("the script is not UTF-8: {error}");
                Ok(Report { name, passed: 0, failures: vec![Failure { line: 0, column: 0, what }] })
            }
        }
    }

    /// Runs this script under this name.
    #[must_use]
    pub fn run_text(&self, name: impl Into<String>, text: &str) -> Report {
        let mut report = Report { name: name.into(), ..Report::default() };
        let text = legacy::unfolded(text);
        if let Err(error) = self.run_into(&text, &mut report) {
            report.failures.push(failure(&text, error.span(), error.message()));
        }
        report
    }

    /// Parses the script and runs its directives; the error is one of parsing.
    fn run_into(&self, text: &str, report: &mut Report) -> Result<(), wast::Error> {
        let mut lexer = Lexer::new(text);
        // Some scripts hold right-to-left marks in names on purpose.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer)?;
        let script = parser::parse::<Wast<'_>>(&buffer)?;

        let begin = || Session::new(&self.engine, self.config.clone());
        let mut session = match begin() {
            Ok(session) => session,
            Err(error) => {
                let what = format!("cannot begin: {error}");
                report.failures.push(failure(text, Span::from_offset(0), what));
                return Ok(());
            }
        };
        run_all(
            &mut session,
            script.directives,
            |span, outcome| match outcome {
                Ok(()) => report.passed += 1,
                Err(what) => report.failures.push(failure(text, span, what)),
            },
            text,
        );
        Ok(())
    }
}

/// Runs directives one after the other, and the threads among them beside those that follow; `each` is told what
/// each has come to.
fn run_all(
    session: &mut Session,
    directives: Vec<WastDirective<'_>>,
    mut each: impl FnMut(Span, Result<(), String>),
    text: &str,
) {
    thread::scope(|scope| {
        let mut threads = HashMap::new();
        for directive in directives {
            let span = directive.span();
            let outcome = match directive {
                WastDirective::Thread(thread) => {
                    session.thread(thread.shared_module).map(|session| {
                        let name = thread.name.name().to_owned();
                        threads.insert(name, scope.spawn(|| in_thread(text, session, thread)));
                    })
                }
                WastDirective::Wait { thread, .. } => wait_for(threads.remove(thread.name())),
                directive => guarded(|| session.directive(directive)),
            };
            each(span, outcome);
        }
    });
}

/// Runs the directives of a thread; what fails first is what it comes to.
fn in_thread(text: &str, mut session: Session, thread: WastThread<'_>) -> Result<(), String> {
    let mut first = Ok(());
    let note = |span, outcome: Result<(), String>| {
        if let (Ok(()), Err(what)) = (&first, outcome) {
            first = Err(failure(text, span, what).to_string());
        }
    };
    run_all(&mut session, thread.directives, note, text);
    first
}

/// What a thread that has been started has come to, once it has.
fn wait_for(thread: Option<ScopedJoinHandle<'_, Result<(), String>>>) -> Result<(), String> {
    let thread = thread.ok_or("no such thread runs")?;
    thread.join().unwrap_or_else(|_| Err("bug: a thread panicked".into()))
}

/// Runs one directive, and turns a panic into a failure: a defect of the engine must not hide what
/// the rest of the script says.
fn guarded(directive: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    // The store may be inconsistent after a panic. It is used on: safe code cannot make that unsound,
    // and whatever follows from the first panic is reported after it.
    catch_unwind(AssertUnwindSafe(directive)).unwrap_or_else(|payload| {
        let said = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("(a panic without a message)");
        Err(format!("bug: the engine panicked: {said}"))
    })
}

fn failure(text: &str, span: Span, what: impl Into<String>) -> Failure {
    let (line, column) = span.linecol_in(text);
    Failure { line: line + 1, column: column + 1, what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = r#"(module $m
        (global (export "g") i32 (i32.const 1))
        (func (export "one") (result i32) (i32.const 1))
        (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2))
        (func (export "trap") (unreachable)))"#;

    /// What the runner says of this directive, which stands behind [`MODULE`].
    fn failures(directive: &str) -> Vec<String> {
        let runner = Runner::new(Config::default()).expect("the default configuration is valid");
        let report = runner.run_text("test", &format!("{MODULE}\n{directive}"));
        assert_eq!(report.failures.iter().filter(|failure| failure.line < 6).count(), 0);
        report.failures.into_iter().map(|failure| failure.what).collect()
    }

    #[test]
    fn directives_that_hold_are_no_failures() {
        for directive in [
            r#"(assert_return (invoke "one") (i32.const 1))"#,
            r#"(assert_return (invoke $m "two") (i32.const 1) (i64.const 2))"#,
            r#"(assert_return (invoke "one") (either (i32.const 0) (i32.const 1)))"#,
            r#"(assert_return (get "g") (i32.const 1))"#,
            r#"(assert_trap (invoke "trap") "unreachable")"#,
            r#"(assert_trap (module (func $f unreachable) (start $f)) "unreachable")"#,
            r#"(assert_malformed (module quote "(func") "unexpected end")"#,
            r#"(assert_malformed (module binary "") "unexpected end")"#,
            r#"(assert_invalid (module (func (result i32))) "type mismatch")"#,
            r#"(assert_unlinkable (module (import "no" "no" (func))) "unknown import")"#,
            r#"(register "m" $m) (module (import "m" "one" (func (result i32))))"#,
            r#"(module definition $d (func (export "f"))) (module instance $i $d) (invoke $i "f")"#,
        ] {
            assert_eq!(failures(directive), Vec::<String>::new(), "{directive}");
        }
    }

    #[test]
    fn directives_that_do_not_hold_say_why() {
        for (directive, what) in [
            (r#"(invoke "none")"#, "no function is exported as `none`"),
            (r#"(invoke $none "one")"#, "no instance is named `$none`"),
            (r#"(invoke "trap")"#, "trap: unreachable"),
            (r#"(assert_return (invoke "one") (i32.const 2))"#, "result 0: expected"),
            (r#"(assert_return (invoke "one") (i64.const 1))"#, "result 0: expected"),
            (r#"(assert_return (invoke "two") (i32.const 1))"#, "expected 1 results, got 2"),
            (r#"(assert_return (get "none") (i32.const 1))"#, "no global is exported as `none`"),
            (r#"(assert_trap (invoke "one") "unreachable")"#, "but it returned"),
            (r#"(assert_trap (invoke "trap") "undefined")"#, "expected trap `undefined`, got trap"),
            (r#"(assert_exhaustion (invoke "one") "call stack")"#, "but it returned"),
            (r#"(assert_exhaustion (invoke "trap") "call stack")"#, "got trap: unreachable"),
            (r#"(assert_invalid (module) "type mismatch")"#, "expected the module to be rejected"),
            (
                r#"(assert_malformed (module quote "(memory 1)") "x")"#,
                "expected the module to be rejected",
            ),
            (r#"(assert_unlinkable (module) "unknown")"#, "expected the module not to link"),
            (r#"(assert_exception (invoke "one"))"#, "but it returned"),
            (r#"(assert_exception (invoke "trap"))"#, "expected an exception, got trap"),
            (r#"(module (import "no" "no" (func)))"#, "link: "),
        ] {
            let failures = failures(directive);
            assert_eq!(failures.len(), 1, "{directive}: {failures:?}");
            assert!(failures[0].contains(what), "{directive}: {failures:?}");
        }
    }

    #[test]
    fn threads_of_a_script_share_memories() {
        let script = |wanted: u32| {
            format!(
                r#"(module $memory (memory (export "m") 1 1 shared))
                (thread $other (shared (module $memory))
                    (register "lent" $memory)
                    (module (memory (import "lent" "m") 1 1 shared)
                        (func (export "wait") (result i32)
                            (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))
                    (assert_return (invoke "wait") (i32.const {wanted})))
                (register "lent" $memory)
                (module (memory (import "lent" "m") 1 1 shared)
                    (func (export "wake") (result i32)
                        (loop (br_if 0 (i32.eqz (memory.atomic.notify (i32.const 0) (i32.const 9)))))
                        (i32.const 1)))
                (assert_return (invoke "wake") (i32.const 1))
                (wait $other)
                (wait $other)"#
            )
        };
        assert_eq!(failures(&script(0)), ["no such thread runs"]);
        let failures = failures(&script(1));
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(failures[0].contains("result 0: expected"), "{failures:?}");
    }

    #[test]
    fn a_module_that_fails_leaves_no_instance_behind() {
        let failures = failures(r#"(module (func $f unreachable) (start $f)) (invoke "one")"#);
        assert_eq!(failures, ["trap: unreachable", "there is no instance"]);
    }

    #[test]
    fn a_script_that_does_not_parse_is_one_failure_with_its_place() {
        let runner = Runner::new(Config::default()).expect("the default configuration is valid");
        let report = runner.run_text("test", "(module)\n(assert_retrun)");
        assert_eq!((report.passed, report.failures.len()), (0, 1));
        assert_eq!(report.failures[0].line, 2);
    }

    #[test]
    fn a_panic_is_a_failure_with_the_word_bug() {
        let outcome = guarded(|| panic!("on purpose"));
        assert_eq!(outcome, Err("bug: the engine panicked: on purpose".into()));
    }
}
