//! Runs a module on two engines, step by step, and compares what each step did.
//!
//! 1. Both load the module: it is valid, so both must take it.
//! 2. Both instantiate it, with imports that the seed decides.
//! 3. Every export is called with arguments that the seed decides. After each step the ending, what the
//!    host saw, globals, memories and tables must agree.
//! 4. Where an engine ran into a limit of its own (stack, fuel), their states no longer correspond: the
//!    step is *inconclusive*, and both go on with a fresh instance.
//! 5. A panic of the second engine is its own defect and says nothing about the first: it is counted and
//!    ends the module. A panic of the first is a difference.

use crate::generate::Generated;
use crate::random::Random;
use crate::subject::{Plan, State, Subject};
use crate::value::{Ending, Trap, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls of one module.
const CALLS_MAX: usize = 24;

/// How the message of a panic while loading begins.
const PANIC: &str = "PANIC: ";

/// Fresh instances of one module.
const INSTANCES_MAX: usize = 8;

/// What running a module on both engines gave.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The first step that differed, for people.
    pub difference: Option<String>,
    /// Steps that one engine's own limits ended.
    pub inconclusive: u64,
    /// Whether the second engine panicked.
    pub peer_panic: Option<String>,
    /// What the second engine alone got wrong: Dunlin and a third one agree on something else.
    pub peer_defect: Option<String>,
    /// Calls that both engines made and agreed about.
    pub calls: u64,
    /// Calls among them that returned values rather than trapped.
    pub returned: u64,
}

/// Runs `generated` on `A` and on `B`.
#[must_use]
pub fn run<A: Subject, B: Subject>(generated: &Generated) -> Report {
    let mut report = Report::default();
    let plan = &generated.plan;
    let (a, b) = (
        guarded_compile::<A>(&generated.bytes, plan),
        guarded_compile::<B>(&generated.bytes, plan),
    );
    let (a, b) = match (a, b) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(_), Err(_)) => return report,
        (Err(error), Ok(_)) => return differs(report, "load", &error, "it is valid"),
        (Ok(_), Err(error)) if error.starts_with(PANIC) => {
            report.peer_panic = Some(error);
            return report;
        }
        (Ok(_), Err(error)) => return differs(report, "load", "it is valid", &error),
    };
    let mut pair = Pair::<A, B> { a: &a, b: &b, plan, instances: None };
    let exports = A::exports(&a);
    let mut random = Random::of(plan.seed, 5);
    let mut fresh = 0;
    for export in exports.iter().cycle().take((exports.len() * 2).min(CALLS_MAX)) {
        if pair.instances.is_none() {
            if fresh == INSTANCES_MAX {
                break;
            }
            fresh += 1;
            if !pair.instantiate(&mut report) {
                break;
            }
        }
        let arguments: Vec<Value> =
            export.params.iter().map(|kind| Value::random(*kind, &mut random)).collect();
        pair.step(&mut report, &format!("{}({arguments:x?})", export.name), |a, b| {
            (guarded(|| a.call(export, &arguments)), guarded(|| b.call(export, &arguments)))
        });
        if report.difference.is_some() || report.peer_panic.is_some() {
            break;
        }
    }
    if exports.is_empty() && pair.instances.is_none() {
        pair.instantiate(&mut report);
    }
    report.peer_defect = B::defect(&b);
    report
}

impl Report {
    /// Notes a panic of the second engine; whether there was one.
    fn ends_with(&mut self, ending: &Ending) -> bool {
        if let Ending::Panic(message) = ending {
            self.peer_panic = Some(message.clone());
        }
        self.peer_panic.is_some()
    }
}

struct Pair<'m, A: Subject, B: Subject> {
    a: &'m A::Module,
    b: &'m B::Module,
    plan: &'m Plan,
    instances: Option<(A, B)>,
}

impl<A: Subject, B: Subject> Pair<'_, A, B> {
    /// Instantiates in both engines; `false` if there is nothing to go on with.
    fn instantiate(&mut self, report: &mut Report) -> bool {
        let (a, ending_a) = guarded_instantiate::<A>(self.a, self.plan);
        let (b, ending_b) = guarded_instantiate::<B>(self.b, self.plan);
        let panicked = matches!(ending_a, Ending::Panic(_));
        if !panicked && (ending_a.is_own_limit() || ending_b.is_own_limit()) {
            report.inconclusive += 1;
            return false;
        }
        if !panicked && report.ends_with(&ending_b) {
            return false;
        }
        if !ending_a.agrees(&ending_b) {
            report.difference = Some(told("instantiate", &ending_a, &ending_b));
            return false;
        }
        let (Some(a), Some(b)) = (a, b) else { return false };
        self.instances = Some((a, b));
        self.compare_states(report, "instantiate");
        report.difference.is_none()
    }

    fn step(
        &mut self,
        report: &mut Report,
        what: &str,
        call: impl FnOnce(&mut A, &mut B) -> (Ending, Ending),
    ) {
        let Some((a, b)) = &mut self.instances else { return };
        let (ending_a, ending_b) = call(a, b);
        let panicked = matches!(ending_a, Ending::Panic(_));
        if !panicked && (ending_a.is_own_limit() || ending_b.is_own_limit()) {
            report.inconclusive += 1;
            self.instances = None;
            return;
        }
        if !panicked && report.ends_with(&ending_b) {
            return;
        }
        if !ending_a.agrees(&ending_b) {
            report.difference = Some(told(what, &ending_a, &ending_b));
            return;
        }
        report.calls += 1;
        report.returned += u64::from(matches!(ending_a, Ending::Values(_)));
        self.compare_states(report, what);
        // The counter in the module may be used up: then each further call would trap at once.
        if matches!(ending_a, Ending::Trap(Trap::Unreachable)) {
            self.instances = None;
        }
    }

    fn compare_states(&mut self, report: &mut Report, what: &str) {
        let Some((a, b)) = &mut self.instances else { return };
        let (a, b) = (a.state(), b.state());
        if a != b {
            report.difference = Some(format!("after {what}:\n{}", told_states(&a, &b)));
        }
    }
}

/// An engine's panic is a finding, not the end of the search.
fn guarded(call: impl FnOnce() -> Ending) -> Ending {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Ending::Panic(message(&*panic)))
}

fn guarded_instantiate<S: Subject>(module: &S::Module, plan: &Plan) -> (Option<S>, Ending) {
    catch_unwind(AssertUnwindSafe(|| S::instantiate(module, plan)))
        .unwrap_or_else(|panic| (None, Ending::Panic(message(&*panic))))
}

fn guarded_compile<S: Subject>(bytes: &[u8], plan: &Plan) -> Result<S::Module, String> {
    catch_unwind(AssertUnwindSafe(|| S::compile(bytes, plan)))
        .unwrap_or_else(|panic| Err(format!("{PANIC}{}", message(&*panic))))
}

/// What a panic said.
#[must_use]
pub fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

fn differs(mut report: Report, what: &str, a: &str, b: &str) -> Report {
    report.difference = Some(format!("{what}:\n  first:  {a}\n  second: {b}"));
    report
}

/// How two endings of a step differ.
pub(crate) fn told(what: &str, a: &Ending, b: &Ending) -> String {
    format!("{what}:\n  first:  {a}\n  second: {b}")
}

/// What of two states differs.
pub(crate) fn told_states(a: &State, b: &State) -> String {
    let mut text = String::new();
    let mut part = |name: &str, a: String, b: String| {
        if a != b {
            text.push_str(&format!("  {name}\n    first:  {a}\n    second: {b}\n"));
        }
    };
    part("host calls", format!("{:x}", a.host), format!("{:x}", b.host));
    part("globals", format!("{:x?}", a.globals), format!("{:x?}", b.globals));
    part("memories", format!("{:x?}", a.memories), format!("{:x?}", b.memories));
    part("tables", format!("{:x?}", a.tables), format!("{:x?}", b.tables));
    text
}
