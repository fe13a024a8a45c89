//! Parses command lines and prints help screens, both from the same rows.
//!
//! A command's flags are rows ([`Flag`]): name, value, help, and the function that stores the value.
//! Nothing else knows a flag, so parser and help cannot disagree. Parsing allocates only what the
//! options themselves hold, and costs a start-up about a microsecond.

use std::ffi::{OsStr, OsString};
use std::io::Write;

use crate::report::Report;

/// One flag of a command whose options are collected in an `O`.
pub(crate) struct Flag<O> {
    /// Its name, without the two dashes.
    pub(crate) name: &'static str,
    /// What its value is called in help, or nothing if it is a switch.
    pub(crate) value: Option<&'static str>,
    /// A value that can be pasted, for hints. Switches have none.
    pub(crate) example: &'static str,
    /// One line of help.
    pub(crate) help: &'static str,
    /// Stores the value; says why when it is not one.
    pub(crate) set: fn(&mut O, &OsStr) -> Result<(), String>,
}

/// Which words after the flags a command takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// One module; everything after it belongs to the guest, dashes or not.
    ModuleThenGuest,
    /// Exactly one file.
    One,
    /// One file or more.
    Many,
    /// Any number of files.
    Any,
    /// Exactly one of these words.
    Verb(&'static [&'static str]),
}

/// A command: its name, help and rows.
pub(crate) struct Command<O: 'static> {
    /// The word that selects it.
    pub(crate) name: &'static str,
    /// What follows the name in the usage line.
    pub(crate) usage: &'static str,
    /// Help above the flags.
    pub(crate) about: &'static str,
    /// Help below the flags.
    pub(crate) notes: &'static str,
    /// Which words it takes.
    pub(crate) words: Words,
    /// Flags of one letter, and the names that they stand for.
    pub(crate) short: &'static [(char, &'static str)],
    /// Its flags.
    pub(crate) flags: &'static [Flag<O>],
}

/// What a command line asks for.
pub(crate) enum Parsed<O> {
    /// The help screen.
    Help,
    /// The command, with these options and words.
    Run(O, Vec<OsString>),
}

impl<O: Default> Command<O> {
    /// Parses what follows the command's name.
    ///
    /// # Errors
    ///
    /// A usage report for an unknown flag, a bad or missing value, or missing words.
    pub(crate) fn parse(&self, arguments: Vec<OsString>) -> Result<Parsed<O>, Report> {
        let mut options = O::default();
        let mut words = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_str().unwrap_or("");
            match text {
                "--" => words.extend(arguments.by_ref()),
                "-h" | "--help" => return Ok(Parsed::Help),
                _ if text.starts_with('-') && text != "-" => {
                    self.set_flag(&mut options, text, &mut arguments)?;
                }
                _ => words.push(argument),
            }
            if self.words == Words::ModuleThenGuest && !words.is_empty() {
                words.extend(arguments.by_ref());
            }
        }
        self.check_count(&words)?;
        Ok(Parsed::Run(options, words))
    }

    fn set_flag(
        &self,
        options: &mut O,
        text: &str,
        arguments: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Report> {
        let (dashed, attached) = match text.split_once('=') {
            Some((dashed, value)) => (dashed, Some(OsString::from(value))),
            None => (text, None),
        };
        let found = match dashed.strip_prefix("--") {
            Some(name) => self.flag(name),
            None => self.short_flag(dashed),
        };
        let Some(flag) = found else { return Err(self.unknown_flag(dashed)) };
        let value = match (flag.value, attached) {
            (None, None) => OsString::new(),
            (None, Some(value)) => {
                return Err(Report::usage(format!(
                    "`{dashed}` takes no value, and was given `{}`",
                    value.display()
                ))
                .hint(format!("`{dashed}`")));
            }
            (Some(_), Some(value)) => value,
            (Some(name), None) => arguments.next().ok_or_else(|| {
                Report::usage(format!("`{dashed}` needs a value: `{name}`"))
                    .hint(format!("`{dashed} {}`", flag.example))
            })?,
        };
        (flag.set)(options, &value).map_err(|why| {
            Report::usage(format!("`{dashed}` cannot be `{}`", value.display()))
                .cause(why)
                .hint(format!("`{dashed} {}`", flag.example).trim_end().to_owned())
        })
    }

    fn flag(&self, name: &str) -> Option<&Flag<O>> {
        self.flags.iter().find(|flag| flag.name == name)
    }

    /// The flag that a dash and a letter stand for.
    fn short_flag(&self, dashed: &str) -> Option<&Flag<O>> {
        let mut letters = dashed.strip_prefix('-')?.chars();
        let (letter, None) = (letters.next()?, letters.next()) else { return None };
        self.short.iter().find(|row| row.0 == letter).and_then(|row| self.flag(row.1))
    }

    #[cold]
    fn unknown_flag(&self, dashed: &str) -> Report {
        let report = Report::usage(format!("`dunlin {}` has no flag `{dashed}`", self.name));
        let names = self.flags.iter().map(|flag| flag.name);
        match nearest(dashed.trim_start_matches('-'), names) {
            Some(name) => report.hint(format!("did you mean `--{name}`?")),
            None => report.hint(format!("`dunlin {} --help` lists its flags", self.name)),
        }
    }

    fn check_count(&self, words: &[OsString]) -> Result<(), Report> {
        if let Words::Verb(verbs) = self.words {
            return self.check_verb(words, verbs);
        }
        let report = match (self.words, words.len()) {
            (Words::Any, _) => return Ok(()),
            (_, 0) => Report::usage(format!("`dunlin {}` needs a file", self.name)),
            (Words::One, 2..) => {
                let extra = words[1].display();
                Report::usage(format!("`dunlin {}` takes one file; `{extra}` is more", self.name))
            }
            _ => return Ok(()),
        };
        Err(report.hint(format!("`dunlin {} --help` shows how", self.name)))
    }

    fn check_verb(&self, words: &[OsString], verbs: &[&str]) -> Result<(), Report> {
        let [word] = words else {
            let known: Vec<String> = verbs.iter().map(|verb| format!("`{verb}`")).collect();
            let known = known.join(", ");
            return Err(Report::usage(format!("`dunlin {}` takes one of: {known}", self.name))
                .hint(format!("`dunlin {} {}`", self.name, verbs[0])));
        };
        let word = word.to_string_lossy();
        if verbs.contains(&&*word) {
            return Ok(());
        }
        let near = nearest(&word, verbs.iter().copied()).unwrap_or(verbs[0]);
        Err(Report::usage(format!("`dunlin {}` has no `{word}`", self.name))
            .hint(format!("`dunlin {} {near}`", self.name)))
    }

    /// Writes the help screen.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub(crate) fn help(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "{}\n\nusage: dunlin {} {}\n\noptions:", self.about, self.name, self.usage)?;
        let left = |flag: &Flag<O>| {
            let short = self.short.iter().find(|row| row.1 == flag.name);
            let short = short.map_or(String::new(), |row| format!("-{}, ", row.0));
            match flag.value {
                Some(value) => format!("{short}--{} {value}", flag.name),
                None => format!("{short}--{}", flag.name),
            }
        };
        let help = "-h, --help";
        let widths = self.flags.iter().map(|flag| left(flag).len());
        let width = widths.chain([help.len()]).max().unwrap_or(0);
        for flag in self.flags {
            writeln!(out, "  {:width$}  {}", left(flag), flag.help)?;
        }
        writeln!(out, "  {help:width$}  Show this screen")?;
        if !self.notes.is_empty() {
            writeln!(out, "\n{}", self.notes)?;
        }
        Ok(())
    }
}

/// The candidate that a misspelt word was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    // A third of the letters may be wrong; more is a guess that annoys.
    let distance_max = word.chars().count() / 3;
    candidates
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= distance_max.max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements that turn one word into the other (Levenshtein), kept in
/// one row of the usual matrix. Words longer than any flag are no misspelling of one.
pub(crate) fn edit_distance(from: &str, to: &str) -> usize {
    const WORD_CHARS_MAX: usize = 64;
    let to: Vec<char> = to.chars().collect();
    if from.chars().count() > WORD_CHARS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Options {
        level: Option<String>,
        loud: bool,
    }

    fn command(words: Words) -> Command<Options> {
        const FLAGS: &[Flag<Options>] = &[
            Flag {
                name: "level",
                value: Some("N"),
                example: "3",
                help: "How high",
                set: |o, value| {
                    let text = value.to_str().filter(|text| text.len() == 1);
                    o.level = Some(text.ok_or("expected one digit")?.to_owned());
                    Ok(())
                },
            },
            Flag {
                name: "loud",
                value: None,
                example: "",
                help: "Be loud",
                set: |o, _| {
                    o.loud = true;
                    Ok(())
                },
            },
        ];
        let short = &[('n', "level")];
        Command {
            name: "test",
            usage: "FILE",
            about: "Tests.",
            notes: "",
            words,
            short,
            flags: FLAGS,
        }
    }

    fn check(words: Words, line: &str, expected: Result<(Option<&str>, bool, &str), &str>) {
        let arguments = line.split_whitespace().map(OsString::from).collect();
        let found = match command(words).parse(arguments) {
            Ok(Parsed::Run(options, words)) => Ok((options, words)),
            Ok(Parsed::Help) => Err("help".to_owned()),
            Err(report) => {
                let text = anstream::adapter::strip_str(&report.to_string()).to_string();
                Err(text.lines().next().unwrap_or("").to_owned())
            }
        };
        match (found, expected) {
            (Ok((options, words)), Ok((level, loud, expected))) => {
                assert_eq!(options.level.as_deref(), level, "{line}");
                assert_eq!(options.loud, loud, "{line}");
                assert_eq!(words.join(OsStr::new(" ")), OsStr::new(expected), "{line}");
            }
            (Err(found), Err(expected)) => assert_eq!(found, expected, "{line}"),
            (Ok(_), Err(expected)) => panic!("`{line}` was accepted instead of: {expected}"),
            (Err(found), Ok(_)) => panic!("`{line}` was refused: {found}"),
        }
    }

    #[test]
    fn flags_end_where_the_guest_begins() {
        use Words::{Many, ModuleThenGuest, One};
        check(ModuleThenGuest, "--level 3 a --loud -h", Ok((Some("3"), false, "a --loud -h")));
        check(ModuleThenGuest, "--level=3 -- --loud", Ok((Some("3"), false, "--loud")));
        check(ModuleThenGuest, "- x", Ok((None, false, "- x")));
        check(Many, "a --loud b", Ok((None, true, "a b")));
        check(Many, "a -h b", Err("help"));
        check(Many, "-n 3 a", Ok((Some("3"), false, "a")));
        check(Many, "-n=3 a", Ok((Some("3"), false, "a")));
        check(Words::Verb(&["list", "clear"]), "clear", Ok((None, false, "clear")));
        check(Words::Verb(&["list", "clear"]), "claer", Err("error: `dunlin test` has no `claer`"));
        check(
            Words::Verb(&["list", "clear"]),
            "",
            Err("error: `dunlin test` takes one of: `list`, `clear`"),
        );
        check(One, "a b", Err("error: `dunlin test` takes one file; `b` is more"));
        check(Many, "--loud", Err("error: `dunlin test` needs a file"));
    }

    #[test]
    fn bad_flags_are_named() {
        use Words::Many;
        check(Many, "--lvl 3", Err("error: `dunlin test` has no flag `--lvl`"));
        check(Many, "-l 3", Err("error: `dunlin test` has no flag `-l`"));
        check(Many, "a --level", Err("error: `--level` needs a value: `N`"));
        check(Many, "a --level 33", Err("error: `--level` cannot be `33`"));
        check(Many, "a --loud=1", Err("error: `--loud` takes no value, and was given `1`"));
    }

    #[test]
    fn misspellings_are_understood_within_reason() {
        let names = || ["level", "loud", "max-memory"].into_iter();
        assert_eq!(nearest("levle", names()), None);
        assert_eq!(nearest("lvel", names()), Some("level"));
        assert_eq!(nearest("maxmemory", names()), Some("max-memory"));
        assert_eq!(nearest("colour", names()), None);
        assert_eq!(edit_distance("kitten", "sitting"), 3);
    }
}
