//! Rule: unsafe code stands only in the rooms that the design names.
//!
//! A crate with such a room says so at a visible line: its head has an `# Unsafe` section. A library
//! without one forbids unsafe code, so that no later `allow` can bring it in.

use super::Finding;
use super::source;
use super::tree::Tree;

/// Every room, as a prefix of paths: the VM for memories, stacks and the operating system, the
/// interpreter's handlers, which read code and slots that validation has judged, and the file of the
/// embedding API in which the VM's owner pointer becomes the store again.
const ROOMS: &[&str] =
    &["crates/dunlin-vm/", "crates/dunlin-interp/src/exec/", "crates/dunlin/src/host.rs"];

/// Judges the sources of every crate and of `xtask`; guests are programs of their own.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, views) in tree.rust() {
        let in_house = file.path.starts_with("crates/") || file.path.starts_with("xtask/src/");
        let in_room = ROOMS.iter().any(|room| file.path.starts_with(room));
        if !in_house || in_room {
            continue;
        }
        for at in source::words(&views.code, "unsafe") {
            let line = source::line(&views.code, at);
            let what = "unsafe code outside the rooms of xtask/src/tidy/rooms.rs";
            findings.push(Finding::new(&file.path, line, what));
        }
    }
    findings.extend(tree.rust().filter_map(|(file, _)| judge_head(&file.path, &file.text)));
    findings
}

/// Judges the head of a crate's library.
fn judge_head(path: &str, text: &str) -> Option<Finding> {
    let folder = path.strip_suffix("src/lib.rs").filter(|path| path.starts_with("crates/"))?;
    let opted_in = ROOMS.iter().any(|room| room.starts_with(folder));
    let said = text.lines().any(|line| line.trim_end() == "//! # Unsafe");
    let forbidden = text.contains("#![forbid(unsafe_code)]");
    if opted_in && !said {
        return Some(Finding::new(path, 1, "the head must have an `//! # Unsafe` section"));
    }
    if !opted_in && !forbidden {
        return Some(Finding::new(path, 1, "the crate must say `#![forbid(unsafe_code)]`"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{ROOMS, Tree, judge};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        judge(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_room_is_a_folder_or_a_file() {
        for room in ROOMS {
            assert!(room.ends_with('/') || room.ends_with(".rs"), "{room}");
        }
    }

    #[test]
    fn unsafe_code_is_found_outside_the_rooms() {
        let text = "//! A.\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(lines("crates/dunlin-core/src/a.rs", text), [3]);
        assert_eq!(lines("crates/dunlin-interp/src/a.rs", text), [3]);
        assert!(lines("crates/dunlin-interp/src/exec/a.rs", text).is_empty());
        assert!(lines("examples/a.rs", text).is_empty());
    }

    #[test]
    fn the_word_in_comments_strings_and_lints_is_not_code() {
        let text =
            "//! A.\n// unsafe\nconst A: &str = \"unsafe\";\n#[deny(unsafe_code)] mod m {}\n";
        assert!(lines("crates/dunlin-core/src/a.rs", text).is_empty());
    }

    #[test]
    fn a_crate_opts_in_or_forbids() {
        assert_eq!(lines("crates/dunlin-core/src/lib.rs", "//! A.\n"), [1]);
        assert!(
            lines("crates/dunlin-core/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]").is_empty()
        );
        assert_eq!(lines("crates/dunlin-vm/src/lib.rs", "//! A.\n"), [1]);
        assert!(lines("crates/dunlin-vm/src/lib.rs", "//! A.\n//! # Unsafe\n").is_empty());
    }
}
