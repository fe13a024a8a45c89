//! Turns of tasks: what one poll of a task may take, whichever guests it runs.
//!
//! A guest gives up the thread after [`TURN`], but whoever polls it need not: a connection that has got a piece of a response asks
//! for the next one at once, and goes on with requests that it has read already. So the first guest that runs in a poll of
//! a task notes when, and after a turn's length there is none for it or another until the worker has looked at its other tasks.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Instant;

use super::guest::TURN;

/// The turn of the task that a worker polls. Clones are the same turn.
#[derive(Clone, Default)]
pub(crate) struct TaskTurn(Rc<Cell<Option<Instant>>>);

impl TaskTurn {
    /// Runs a task in which guests run: each poll of it is a turn.
    pub(crate) async fn of<F: Future>(&self, mut task: Pin<&mut F>) -> F::Output {
        poll_fn(|context| {
            self.0.set(None);
            task.as_mut().poll(context)
        })
        .await
    }

    /// Whether a guest may run now; else the task is polled again when others have had their turn.
    pub(crate) fn is_left(&self, context: &Context<'_>) -> bool {
        match self.0.get() {
            None => self.0.set(Some(Instant::now())),
            Some(begun) if begun.elapsed() < TURN => {}
            Some(_) => {
                // In a task whose polls nobody notes, the next one is a turn nevertheless.
                self.0.set(None);
                context.waker().wake_by_ref();
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use std::task::{Poll, Wake, Waker};

    #[derive(Default)]
    struct Woken(AtomicU32);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Runs guests for as long as it is let, each for half of a turn; how many.
    fn run_all(turn: &TaskTurn, context: &Context<'_>) -> u32 {
        let mut count = 0;
        while turn.is_left(context) {
            std::thread::sleep(TURN / 2);
            count += 1;
        }
        count
    }

    #[test]
    fn a_poll_is_one_turn_for_all_guests_of_a_task() {
        let (turn, woken) = (TaskTurn::default(), Arc::new(Woken::default()));
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let most = Cell::new(0);
        let task = pin!(poll_fn(|context| {
            most.set(most.get().max(run_all(&turn, context)));
            Poll::<()>::Pending
        }));
        let mut task = pin!(turn.of(task));
        for polls in 1..=3 {
            assert!(task.as_mut().poll(&mut context).is_pending());
            assert_eq!(woken.0.load(Relaxed), polls, "it is polled again");
        }
        assert!((1..=2).contains(&most.get()), "{most:?}");
    }

    #[test]
    fn a_poll_is_a_turn_whatever_the_one_before_has_left() {
        let turn = TaskTurn::default();
        let mut context = Context::from_waker(Waker::noop());
        let task = pin!(poll_fn(|context| {
            assert!(turn.is_left(context));
            std::thread::sleep(TURN);
            Poll::<()>::Pending
        }));
        let mut task = pin!(turn.of(task));
        for _ in 0..3 {
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
    }
}
