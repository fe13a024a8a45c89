//! The search of modules with objects, without a second engine: that what it runs is valid, and that it would
//! find a difference.

use dunlin_fuzzing::objects::close::{Closed, close};
use dunlin_fuzzing::objects::generate::{Source, entropy, smith};
use dunlin_fuzzing::objects::ours::{Way, compare, transcript};
use dunlin_fuzzing::objects::script::steps;

/// Seeds of each test.
const SEEDS: u64 = 30;

fn closed(seed: u64) -> Option<Closed> {
    close(&smith(seed, &entropy(Source::Smith, seed))?).ok()
}

#[test]
fn a_closed_module_is_valid_and_imports_one_function() {
    for module in (0..SEEDS).filter_map(closed) {
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&module.bytes)
            .expect("valid");
        assert_eq!(module.skipped, 0, "every type of these modules has a value");
    }
}

#[test]
fn all_configurations_agree() {
    let mut returned = 0;
    for (seed, module) in (0..SEEDS).filter_map(|seed| Some((seed, closed(seed)?))) {
        let steps = steps(seed, &module.calls);
        let said = transcript(Way::Interpreter, seed, &module, &steps);
        for way in Way::ALL {
            let compared = compare(way, seed, &module, &steps, &said);
            assert_eq!(compared.difference, None, "seed {seed}");
            returned += compared.returned;
        }
    }
    assert!(returned > SEEDS, "modules that only trap say little");
}

#[test]
fn a_wrong_word_is_found() {
    let mut found = 0;
    for (seed, module) in (0..SEEDS).filter_map(|seed| Some((seed, closed(seed)?))) {
        let steps = steps(seed, &module.calls);
        let mut said = transcript(Way::Interpreter, seed, &module, &steps);
        let Some(last) = said.last_mut().filter(|last| last.starts_with('v')) else { continue };
        last.push('0');
        found += 1;
        assert!(compare(Way::Optimizer, seed, &module, &steps, &said).difference.is_some());
    }
    assert!(found > 0, "some module ends well");
}
