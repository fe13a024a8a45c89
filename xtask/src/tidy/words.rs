//! Rule: the project's text does not speak of one machine, one day or one person.
//!
//! The words stand in a list of their own, with the reason for each; the list is not judged.

use super::Finding;
use super::tree::Tree;

/// The list: a word a row, a tab, the reason.
const LIST: &str = "xtask/tidy/forbidden-words.txt";

/// Judges every text file, whatever the case of the letters.
pub fn judge(tree: &Tree) -> Vec<Finding> {
    let list = tree.get(LIST).map_or("", |file| &file.text);
    let rows: Vec<(String, &str)> = list
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('\t'))
        .map(|(word, reason)| (word.to_lowercase(), reason))
        .collect();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != LIST) {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            for (word, reason) in rows.iter().filter(|(word, _)| line.contains(word)) {
                let what = format!("`{word}`: {reason}");
                findings.push(Finding::new(&file.path, index + 1, what));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{LIST, Tree, judge};

    #[test]
    fn a_listed_word_is_found_in_any_file_and_any_case() {
        let list = "# remark\n/home/\ta path of one machine\n";
        let tree = Tree::of(&[(LIST, list), ("README.md", "ok\nsee /Home/me\n"), ("a.rs", "//!")]);
        let found = judge(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("README.md", 2));
        assert!(found[0].what.ends_with("a path of one machine"));
    }
}
