//! The seeds that the arguments of a search ask for.

use std::ops::Range;

/// Those that `--modules N`, `--seed FIRST` and `--one SEED` ask for, `modules` from 0 on where they do not say; `None` if
/// they are something else.
#[must_use]
pub fn seeds(arguments: impl Iterator<Item = String>, modules: u64) -> Option<Range<u64>> {
    let (mut modules, mut first) = (modules, 0);
    let arguments: Vec<String> = arguments.collect();
    for pair in arguments.chunks(2) {
        let value: u64 = pair.get(1)?.parse().ok()?;
        match pair[0].as_str() {
            "--modules" => modules = value,
            "--seed" => first = value,
            "--one" => (first, modules) = (value, 1),
            _ => return None,
        }
    }
    Some(first..first.saturating_add(modules))
}

#[cfg(test)]
mod tests {
    use super::seeds;

    #[test]
    fn seeds_are_what_arguments_ask_for() {
        let of = |text: &str| seeds(text.split_whitespace().map(String::from), 10);
        assert_eq!(of(""), Some(0..10));
        assert_eq!(of("--seed 5 --modules 2"), Some(5..7));
        assert_eq!(of("--one 9"), Some(9..10));
        for text in ["--seed", "--seed x", "--other 1", "7"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
