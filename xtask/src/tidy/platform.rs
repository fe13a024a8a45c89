//! Rule: what depends on the operating system stands under a `sys/` folder, so that the rest builds and
//! means the same everywhere.

use super::Finding;
use super::source;
use super::tree::Tree;

/// Words of code that choose by, or reach into, an operating system.
const WORDS: &[&str] = &["target_os", "target_family", "unix", "windows", "rustix", "libc"];

/// Judges the sources of every crate; tests may be of one platform.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, views) in tree.rust() {
        let is_source = file.path.starts_with("crates/") && file.path.contains("/src/");
        if !is_source || file.path.contains("/sys/") {
            continue;
        }
        for word in WORDS {
            for at in source::words(&views.code, word) {
                // `windows` is also a method of slices.
                if views.code[..at].ends_with('.') {
                    continue;
                }
                let line = source::line(&views.code, at);
                let what = format!("`{word}`: code of one platform belongs under `sys/`");
                findings.push(Finding::new(&file.path, line, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{Tree, judge};

    fn lines(path: &str, text: &str) -> Vec<usize> {
        judge(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn code_of_one_platform_is_found_outside_sys() {
        let text = "//! A.\n#[cfg(unix)]\nuse std::os::unix::fs;\n#[cfg(target_os = \"linux\")]\n";
        let mut found = lines("crates/x/src/a.rs", text);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
        assert!(lines("crates/x/src/sys/a.rs", text).is_empty());
        assert!(lines("crates/x/tests/a.rs", text).is_empty());
    }

    #[test]
    fn methods_comments_and_longer_words_are_not_meant() {
        let text = "//! unix\nlet a = b.windows(2); let unix_time = \"unix\";\n";
        assert!(lines("crates/x/src/a.rs", text).is_empty());
    }
}
