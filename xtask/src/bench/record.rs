//! Results as they are kept in `record/`: JSON for programs, Markdown for people, with the command,
//! the machine, the day and the versions without which a number says nothing.

use std::fmt::Write as _;

use super::engines::Engine;
use super::measure::{processor, today};
use crate::error::Error;
use crate::real::packages::create;
use crate::workspace;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`: not measured.
    Nothing,
    /// A number; whole ones are written without a fraction.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object, in order.
    Object(Vec<(String, Value)>),
}

/// What one call of `cargo xtask bench` found.
pub struct Record {
    title: &'static str,
    members: Vec<(String, Value)>,
    markdown: String,
}

impl Record {
    /// A record that says how it came about; `versions` names the engines.
    pub fn new(title: &'static str, command: &str, versions: &[(Engine, String)]) -> Self {
        let (day, machine) = (today(), processor());
        let mut markdown = format!("# {title}\n\n`{command}`, {day}, {machine}\n\n");
        for (engine, version) in versions {
            let _ = writeln!(markdown, "- {}: {version}", engine.name());
        }
        markdown.push('\n');
        let engines = versions
            .iter()
            .map(|(engine, version)| (engine.name().to_owned(), Value::Text(version.clone())));
        let members = vec![
            ("title".to_owned(), Value::Text(title.to_owned())),
            ("command".to_owned(), Value::Text(command.to_owned())),
            ("day".to_owned(), Value::Text(day)),
            ("machine".to_owned(), Value::Text(machine)),
            ("engines".to_owned(), Value::Object(engines.collect())),
        ];
        Self { title, members, markdown }
    }

    /// Adds a member to the JSON.
    pub fn set(&mut self, name: &str, value: Value) {
        self.members.push((name.to_owned(), value));
    }

    /// Adds text for people.
    pub fn text(&mut self, text: &str) {
        self.markdown.push_str(text);
    }

    /// Prints the text for people.
    pub fn print(&self) {
        print!("{}", self.markdown);
    }

    /// Writes `record/NAME.json` and `record/NAME.md`.
    ///
    /// # Errors
    ///
    /// When the files cannot be written.
    pub fn write(self, name: &str) -> Result<(), Error> {
        let folder = workspace::root().join("record");
        create(&folder)?;
        let mut json = String::new();
        Value::Object(self.members).write(&mut json, 0);
        json.push('\n');
        workspace::write(&folder.join(format!("{name}.json")), &json)?;
        workspace::write(&folder.join(format!("{name}.md")), &self.markdown)?;
        eprintln!("`{}`: record/{name}.json, record/{name}.md", self.title);
        Ok(())
    }
}

impl Value {
    /// Appends the value as indented JSON.
    pub fn write(&self, out: &mut String, indent: usize) {
        match self {
            Value::Nothing => out.push_str("null"),
            Value::Number(number) if number.fract() == 0.0 => drop(write!(out, "{number:.0}")),
            Value::Number(number) => drop(write!(out, "{number}")),
            Value::Text(text) => write_text(out, text),
            Value::List(items) => {
                write_all(out, indent, ['[', ']'], items, |out, item| item.write(out, indent + 1));
            }
            Value::Object(members) => {
                write_all(out, indent, ['{', '}'], members, |out, (name, value)| {
                    write_text(out, name);
                    out.push_str(": ");
                    value.write(out, indent + 1);
                });
            }
        }
    }
}

fn write_all<T>(
    out: &mut String,
    indent: usize,
    [open, close]: [char; 2],
    items: &[T],
    mut write_one: impl FnMut(&mut String, &T),
) {
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.push_str(&"  ".repeat(indent + 1));
        write_one(out, item);
    }
    if !items.is_empty() {
        out.push('\n');
        out.push_str(&"  ".repeat(indent));
    }
    out.push(close);
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn values_become_json() {
        let value = Value::Object(vec![
            ("a \"b\"".into(), Value::List(vec![Value::Number(3.0), Value::Number(0.25)])),
            ("c\n".into(), Value::Nothing),
        ]);
        let mut text = String::new();
        value.write(&mut text, 0);
        let expected = "{\n  \"a \\\"b\\\"\": [\n    3,\n    0.25\n  ],\n  \"c\\u000a\": null\n}";
        assert_eq!(text, expected);
    }
}
