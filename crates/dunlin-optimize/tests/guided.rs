//! What the compiler makes of profiles.

use dunlin_module::{
    CallTarget, CastType, CompiledFunction, Compiler, Features, FunctionProfile, Module, Profile,
    Scratch, StaticTables, Unit,
};
use dunlin_optimize::{Optimizer, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A profile that somebody has written.
#[derive(Default)]
struct Written(BTreeMap<u32, FunctionProfile>);

impl Profile for Written {
    fn calls(&self, func: u32) -> u32 {
        self.0.get(&func).map_or(0, |of| of.calls)
    }

    fn is_reached(&self, func: u32, offset: u32) -> bool {
        self.0.get(&func).is_none_or(|of| of.is_reached(offset))
    }

    fn target(&self, offset: u32) -> Option<CallTarget> {
        self.0.values().find_map(|of| of.targets.get(&offset)).copied()
    }

    fn cast(&self, offset: u32) -> Option<CastType> {
        self.0.values().find_map(|of| of.casts.get(&offset)).copied()
    }

    fn cell(&self, _offset: u32) -> Option<i32> {
        None
    }
}

struct Subject {
    optimizer: Optimizer,
    module: Module,
}

impl Subject {
    fn new(text: &str) -> Self {
        let optimizer = Optimizer::new(Settings { verify: true, ..Settings::default() });
        let bytes = wat::parse_str(text).expect("a valid text");
        let module = Module::parse(Arc::new(bytes), Features::default()).expect("a valid module");
        for func in 0..module.func_count() {
            module.prepare(func, &mut Scratch::default()).expect("a valid body");
        }
        Self { optimizer: optimizer.expect("a machine that is supported"), module }
    }

    /// Offsets in the module of the operators of a function with this opcode.
    fn operators(&self, func: u32, opcode: u8) -> Vec<u32> {
        let mut reader =
            self.module.body(func).expect("a body").get_operators_reader().expect("operators");
        let mut found = Vec::new();
        while !reader.eof() {
            let at = reader.original_position() as u32;
            reader.read().expect("it is valid");
            found.extend((self.module.bytes()[at as usize] == opcode).then_some(at));
        }
        found
    }

    fn compile(&self, func: u32, profile: &dyn Profile) -> CompiledFunction {
        let tables = StaticTables::default();
        let mut worker = self.optimizer.guided_worker(&self.module, &tables, profile);
        worker.compile(Unit::Func(func)).expect("code")
    }

    /// The functions that stand in place of calls in the code of a function.
    fn inlined(&self, func: u32, profile: &Written) -> Vec<u32> {
        self.compile(func, profile).inlined.iter().map(|call| call.func).collect()
    }
}

/// A function in which control got to these places, if that is known.
fn reached(places: Option<&[u32]>) -> Written {
    let reached = places.map(|places| places.iter().copied().collect());
    let calls = 100;
    Written(BTreeMap::from([(1, FunctionProfile { calls, reached, ..FunctionProfile::default() })]))
}

const WAYS: &str = "(module
    (func $small (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func (param i32) (result i32)
        (if (local.get 0) (then (return (call $small (i32.const 1)))) (else
            (block $out
                (br_if $out (i32.eq (local.get 0) (i32.const 7)))
                (return (call $small (i32.const 2))))
            (return (call $small (i32.const 3)))))
        (i32.const 0)))";

#[test]
fn nothing_stands_in_place_of_calls_that_control_never_got_to() {
    let subject = Subject::new(WAYS);
    let [ifs, elses, branches, ends] =
        [0x04, 0x05, 0x0d, 0x0b].map(|opcode| subject.operators(1, opcode)[0]);
    let count = |places: &[u32]| subject.inlined(1, &reached(Some(places))).len();
    assert_eq!(count(&[ifs, elses, branches, ends]), 3);
    assert_eq!(count(&[]), 0);
    assert_eq!(count(&[ifs]), 1);
    assert_eq!(count(&[elses]), 0);
    assert_eq!(count(&[elses, branches]), 1);
    assert_eq!(count(&[elses, ends]), 1);
    // Nobody knows yet.
    assert_eq!(subject.inlined(1, &reached(None)).len(), 3);
    assert_eq!(subject.inlined(1, &Written::default()).len(), 3);
}

const CALLS: &str = "(module
    (type $t (func (param i32) (result i32)))
    (type $u (func (param i32)))
    (table 2 funcref)
    (func $most (type $t) (i32.add (local.get 0) (i32.const 1)))
    (func (param i32) (result i32) (call_indirect (type $t) (i32.const 5) (local.get 0)))
    (func (param i32 (ref null $t)) (result i32) (call_ref $t (i32.const 5) (local.get 1)))
    (func $other (type $u)))";

#[test]
fn what_is_called_most_stands_in_place_of_the_call() {
    let subject = Subject::new(CALLS);
    for (func, opcode) in [(1, 0x11), (2, 0x14)] {
        let offset = subject.operators(func, opcode)[0];
        let inlined = |target: u32, percent: u32| {
            let targets = BTreeMap::from([(offset, CallTarget { func: target, percent })]);
            let profile = FunctionProfile { calls: 100, targets, ..FunctionProfile::default() };
            subject.inlined(func, &Written(BTreeMap::from([(9, profile)])))
        };
        assert_eq!(inlined(0, 99), [0]);
        assert_eq!(inlined(0, 70), [0]);
        assert_eq!(inlined(0, 30), [0; 0], "it is one of many");
        assert_eq!(inlined(3, 99), [0; 0], "it is of another type");
        assert_eq!(inlined(4, 99), [0; 0], "there is none");
    }
}

#[test]
fn a_function_that_is_called_often_may_be_larger_and_stand_in_itself() {
    let steps =
        "(local.set 0 (i32.mul (i32.add (local.get 0) (i32.const 7)) (i32.const 5)))".repeat(10);
    let text = format!(
        "(module
            (func $large (param i32) (result i32) {steps} (local.get 0))
            (func (param i32) (result i32) (call $large (call $large (local.get 0))))
            (func $self (param i32) (result i32)
                (if (result i32) (local.get 0)
                    (then (call $self (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0)))))"
    );
    let subject = Subject::new(&text);
    let called = |calls: u32| FunctionProfile { calls, ..FunctionProfile::default() };
    let profile = |large| Written(BTreeMap::from([(0, called(large)), (1, called(20))]));
    assert_eq!(subject.inlined(1, &profile(40)), [0, 0]);
    assert_eq!(subject.inlined(1, &profile(1)), [0; 0]);
    assert_eq!(subject.inlined(2, &profile(1)), [2, 2]);
}

#[test]
fn casts_ask_for_what_they_met_most_first() {
    let text = "(module
        (type $top (sub (struct)))
        (type $low (sub $top (struct (field i32))))
        (type $beside (sub (struct (field i64))))
        (func (param anyref) (result i32) (ref.test (ref $top) (local.get 0))))";
    let subject = Subject::new(text);
    let offset = subject.operators(0, 0xfb)[0];
    let code = |ty: u32| {
        let casts = BTreeMap::from([(offset, CastType { ty, percent: 99 })]);
        let profile = FunctionProfile { calls: 1, casts, ..FunctionProfile::default() };
        subject.compile(0, &Written(BTreeMap::from([(0, profile)]))).code
    };
    let plain = subject.compile(0, &Written::default()).code;
    assert_ne!(code(1), plain);
    // That it is the one that is asked for, or is not declared to be below it, or is not there.
    for other in [0, 2, 3, 99] {
        assert_eq!(code(other), plain, "{other}");
    }
}
