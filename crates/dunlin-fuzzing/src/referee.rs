//! Whose fault a difference is: an engine and a referee, both beside Dunlin.
//!
//! A [`Refereed`] engine is two: each step runs on both, and what the referee says counts. Where the other one says
//! something else that is noted, and from then on it takes no part any more: what it holds is worth nothing. Its own
//! limits end a step as ever, so that all three take the same steps until then.

use crate::generate::Generated;
use crate::lockstep::{Report, run, told, told_states};
use crate::subject::{Export, Plan, State, Subject};
use crate::value::{Ending, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// What the other engine was the first time to say differently, with both's words.
type Defect = Rc<RefCell<Option<String>>>;

/// A module of both engines.
pub struct Modules<B: Subject, C: Subject> {
    other: Option<B::Module>,
    referee: C::Module,
    defect: Defect,
}

/// An instance in both engines.
pub struct Refereed<B, C> {
    other: Option<B>,
    referee: C,
    defect: Defect,
    /// The step that was taken last, for people.
    step: String,
}

/// Runs `generated` again, on which `A` and `B` differed as `first` says, with a referee. If `A` agrees with it and `B`
/// does not, that is a defect of `B` and no difference.
#[must_use]
pub fn settle<A: Subject, B: Subject, C: Subject>(first: Report, generated: &Generated) -> Report {
    let Some(difference) = first.difference else { return first };
    let report = run::<A, Refereed<B, C>>(generated);
    let why = match (&report.difference, &report.peer_defect) {
        (None, Some(_)) => return report,
        (Some(other), _) => format!("beside the third engine: {other}"),
        (None, None) => "the third engine did not get there".to_owned(),
    };
    Report { difference: Some(format!("{difference}\n{why}")), peer_defect: None, ..report }
}

impl<B: Subject, C: Subject> Subject for Refereed<B, C> {
    type Module = Modules<B, C>;

    fn compile(bytes: &[u8], plan: &Plan) -> Result<Self::Module, String> {
        let referee = C::compile(bytes, plan)?;
        let other = B::compile(bytes, plan);
        let why = other.as_ref().err().map(|error| format!("load: {error}"));
        Ok(Modules { other: other.ok(), referee, defect: Rc::new(RefCell::new(why)) })
    }

    fn exports(module: &Self::Module) -> Vec<Export> {
        C::exports(&module.referee)
    }

    fn instantiate(module: &Self::Module, plan: &Plan) -> (Option<Self>, Ending) {
        let takes_part = module.defect.borrow().is_none();
        let other = module.other.as_ref().filter(|_| takes_part);
        let (other, said) = match other.map(|module| B::instantiate(module, plan)) {
            Some((_, said)) if said.is_own_limit() => return (None, said),
            Some((other, said)) => (other, Some(said)),
            None => (None, None),
        };
        let (referee, ending) = C::instantiate(&module.referee, plan);
        let Some(referee) = referee else {
            differ(&module.defect, "instantiate", said.as_ref(), &ending);
            return (None, ending);
        };
        let defect = Rc::clone(&module.defect);
        let mut both = Self { other, referee, defect, step: "instantiate".to_owned() };
        both.judge(said.as_ref(), &ending);
        (Some(both), ending)
    }

    fn call(&mut self, export: &Export, arguments: &[Value]) -> Ending {
        self.step = format!("{}({arguments:x?})", export.name);
        let said = self.other.as_mut().map(|other| other.call(export, arguments));
        if let Some(said) = said.as_ref().filter(|said| said.is_own_limit()) {
            return said.clone();
        }
        let ending = self.referee.call(export, arguments);
        self.judge(said.as_ref(), &ending);
        ending
    }

    fn state(&mut self) -> State {
        let state = self.referee.state();
        if let Some(other) = self.other.as_mut().map(Subject::state)
            && other != state
        {
            let words = told_states(&state, &other).replace("first:", "third:");
            *self.defect.borrow_mut() = Some(format!("after {}:\n{words}", self.step));
            self.other = None;
        }
        state
    }

    fn defect(module: &Self::Module) -> Option<String> {
        module.defect.borrow().clone()
    }
}

impl<B, C> Refereed<B, C> {
    /// Compares how a step ended.
    fn judge(&mut self, said: Option<&Ending>, ending: &Ending) {
        if differ(&self.defect, &self.step, said, ending) {
            self.other = None;
        }
    }
}

/// Whether the other engine said something else than the referee, which is noted. A limit of the referee's says nothing.
fn differ(defect: &Defect, step: &str, said: Option<&Ending>, ending: &Ending) -> bool {
    let Some(said) = said.filter(|said| !ending.is_own_limit() && !said.agrees(ending)) else {
        return false;
    };
    *defect.borrow_mut() = Some(told(step, ending, said).replace("first:", "third:"));
    true
}
