//! The searches themselves, on a few seeds: that they find agreement, and that they would find a
//! difference.

use dunlin_fuzzing::judge::judge;
use dunlin_fuzzing::lockstep::run;
use dunlin_fuzzing::mutate::{damage, opinion, verdict};
use dunlin_fuzzing::ours::Ours;
use dunlin_fuzzing::random::Random;
use dunlin_fuzzing::subject::{Export, Plan, State, Subject};
use dunlin_fuzzing::value::{Ending, Value};
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

/// Dunlin with a wrong answer: every `i32` result is one too large.
struct Wrong(Ours);

impl Subject for Wrong {
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
