//! The searches themselves, on a few seeds: that they find agreement, and that they would find a
//! difference.

use dunlin_fuzzing::judge::judge;
use dunlin_fuzzing::lockstep::run;
use dunlin_fuzzing::mutate::{damage, opinion, verdict};
use dunlin_fuzzing::ours::{Optimizer, Ours};
use dunlin_fuzzing::peer::Peer;
use dunlin_fuzzing::random::Random;
use dunlin_fuzzing::referee::settle;
use dunlin_fuzzing::subject::{Export, Plan, State, Subject};
use dunlin_fuzzing::value::{Ending, Trap, Value};
use dunlin_fuzzing::{generate, shrink};

/// Seeds of each test.
const SEEDS: u64 = 60;

/// Bytes of native stack: more than the engines are told that they may use, and than tests usually get.
const STACK_BYTES: usize = 64 << 20;

#[test]
fn all_engines_agree() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(agree_everywhere);
    thread.expect("a thread").join().expect("they agree");
}

fn agree_everywhere() {
    let mut calls = 0;
    for seed in 0..SEEDS {
        let Some(generated) = generate::module(seed) else { continue };
        let report = judge(&generated);
        assert_eq!(report.difference, None, "seed {seed}");
        calls += report.returned;
    }
    assert!(calls > SEEDS, "modules that only trap say little");
}

/// Dunlin that is not itself: every `i32` result is one too large, or every call ends at once for want of fuel.
struct Odd<const TIRED: bool>(Ours);

type Wrong = Odd<false>;

type Tired = Odd<true>;

impl<const TIRED: bool> Subject for Odd<TIRED> {
    type Module = <Ours as Subject>::Module;

    fn compile(bytes: &[u8], plan: &Plan) -> Result<Self::Module, String> {
        <Ours>::compile(bytes, plan)
    }

    fn exports(module: &Self::Module) -> Vec<Export> {
        <Ours>::exports(module)
    }

    fn instantiate(module: &Self::Module, plan: &Plan) -> (Option<Self>, Ending) {
        let (instance, ending) = Ours::instantiate(module, plan);
        (instance.map(Self), ending)
    }

    fn call(&mut self, export: &Export, arguments: &[Value]) -> Ending {
        let wrong = |value: Value| match value {
            Value::I32(bits) => Value::I32(bits.wrapping_add(1)),
            other => other,
        };
        match self.0.call(export, arguments) {
            _ if TIRED => Ending::Trap(Trap::Fuel),
            Ending::Values(values) => Ending::Values(values.into_iter().map(wrong).collect()),
            other => other,
        }
    }

    fn state(&mut self) -> State {
        self.0.state()
    }
}

#[test]
fn a_wrong_answer_is_found_and_made_small() {
    let differs =
        |generated: &generate::Generated| run::<Wrong, Ours>(generated).difference.is_some();
    let found = (0..SEEDS).find(|seed| generate::module(*seed).is_some_and(|m| differs(&m)));
    let seed = found.expect("one of the modules returns an `i32`");
    let whole = generate::module(seed).expect("it was found").bytes.len();
    let small = shrink::shrink(seed, differs).expect("it was found");
    assert!(small.bytes.len() < whole && differs(&small));
    assert!(shrink::text(&small.bytes).starts_with("(module"));
}

/// A module that the second engine computes another number of than all others do.
const SECOND_IS_WRONG: u64 = 600_041_945;

#[test]
fn a_third_engine_says_who_is_wrong() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(settle_all);
    thread.expect("a thread").join().expect("they are settled");
}

fn settle_all() {
    type Third = Ours<Optimizer>;
    let generated = generate::module(SECOND_IS_WRONG).expect("it makes one");
    let first = run::<Ours, Peer>(&generated);
    assert!(first.difference.is_some(), "the second engine is mended: another seed is needed here");

    // The second engine is wrong: no difference.
    let report = settle::<Ours, Peer, Third>(first.clone(), &generated);
    assert_eq!(report.difference, None);
    let defect = report.peer_defect.expect("it is told");
    assert!(defect.contains("third:") && defect.contains("second:"), "{defect}");
    // Dunlin goes on beside the third.
    assert!(report.calls > first.calls);

    // Dunlin is wrong, and the second engine may be too.
    let differs = |generated: generate::Generated| {
        let report = run::<Wrong, Ours>(&generated);
        report.difference.is_some().then_some((generated, report))
    };
    let (odd, wrong) = (0..SEEDS).find_map(|seed| differs(generate::module(seed)?)).expect("one");
    for report in [
        settle::<Wrong, Ours, Third>(wrong.clone(), &odd),
        settle::<Wrong, Peer, Third>(wrong, &odd),
    ] {
        let difference = report.difference.expect("it stays one");
        assert!(difference.contains("beside the third engine: "), "{difference}");
        assert_eq!(report.peer_defect, None);
    }

    // A third engine that does not get there settles nothing.
    let report = settle::<Ours, Peer, Tired>(first, &generated);
    let difference = report.difference.expect("it stays one");
    assert!(difference.ends_with("the third engine did not get there"), "{difference}");
}

#[test]
fn damage_is_judged_alike_by_the_validator() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..SEEDS {
        let Some(generated) = generate::module(seed) else { continue };
        let mut random = Random::of(seed, 6);
        for _ in 0..20 {
            let bytes = damage(&generated.bytes, &mut random);
            let ours = opinion::<Ours>(&bytes, &generated.plan).expect("no panic");
            let expected = verdict(&bytes);
            assert_eq!(ours.is_ok(), expected.is_ok(), "seed {seed}: {ours:?}, {expected:?}");
            *if ours.is_ok() { &mut valid } else { &mut invalid } += 1;
        }
    }
    assert!(valid > 0 && invalid > valid, "{valid} valid, {invalid} not");
}
