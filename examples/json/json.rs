//! Pretty-prints JSON, or the part of it that a path names: `json [PATH] [FILE]`.
//!
//! A path is a chain of `.name` and `[index]`; `.` alone is the whole document. The text comes from
//! the file, or from standard input. Numbers are kept as they are written, so that nothing is lost.
//! Nesting is bounded, because the parser recurses.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

/// Deeper documents are refused: each level is one call of the parser.
const DEPTH_MAX: usize = 200;

enum Value {
    /// `null`, `true`, `false` or a number, as written.
    Plain(String),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Parsed<T> = Result<T, String>;

impl Parser<'_> {
    fn error<T>(&self, what: &str) -> Parsed<T> {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        Err(format!("line {line}: {what}"))
    }

    fn peek(&mut self) -> u8 {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        bytes.get(self.at).copied().unwrap_or(0)
    }

    fn expect(&mut self, byte: u8) -> Parsed<()> {
        if self.peek() != byte {
            return self.error(&format!("expected `{}`", char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Parsed<Value> {
        if depth > DEPTH_MAX {
            return self.error("nested too deeply");
        }
        match self.peek() {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => Ok(Value::Text(self.string()?)),
            _ => self.plain(),
        }
    }

    fn object(&mut self, depth: usize) -> Parsed<Value> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        while self.peek() != b'}' {
            if !members.is_empty() {
                self.expect(b',')?;
                self.peek();
            }
            let name = self.string()?;
            self.expect(b':')?;
            members.push((name, self.value(depth + 1)?));
        }
        self.expect(b'}')?;
        Ok(Value::Object(members))
    }

    fn list(&mut self, depth: usize) -> Parsed<Value> {
        self.expect(b'[')?;
        let mut items = Vec::new();
        while self.peek() != b']' {
            if !items.is_empty() {
                self.expect(b',')?;
            }
            items.push(self.value(depth + 1)?);
        }
        self.expect(b']')?;
        Ok(Value::List(items))
    }

    fn plain(&mut self) -> Parsed<Value> {
        let rest = &self.text[self.at..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let word = &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())];
        let is_number = word.parse::<f64>().is_ok_and(f64::is_finite);
        if !is_number && !["null", "true", "false"].contains(&word) {
            return self.error("expected a value");
        }
        self.at += word.len();
        Ok(Value::Plain(word.into()))
    }

    fn string(&mut self) -> Parsed<String> {
        self.expect(b'"')?;
        let mut out = String::new();
        loop {
            let Some(c) = self.text[self.at..].chars().next() else {
                return self.error("the text ends within a string");
            };
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => out.push(self.escape()?),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let Some(c) = self.text[self.at..].chars().next() else {
            return self.error("the text ends within a string");
        };
        self.at += c.len_utf8();
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => self.unicode()?,
            '"' | '\\' | '/' => c,
            _ => return self.error("an unknown escape"),
        })
    }

    fn unicode(&mut self) -> Parsed<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        self.at += 2;
        let second = self.hex()?;
        let joined = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00) % 0x400;
        Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Parsed<u32> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        let Ok(unit) = u32::from_str_radix(digits, 16) else {
            return self.error("expected four hexadecimal digits");
        };
        self.at += 4;
        Ok(unit)
    }
}

impl Value {
    fn parse(text: &str) -> Parsed<Value> {
        let mut parser = Parser { text, at: 0 };
        let value = parser.value(0)?;
        if parser.peek() != 0 {
            return parser.error("more text after the value");
        }
        Ok(value)
    }

    /// The part that the path names.
    fn find(&self, path: &str) -> Parsed<&Value> {
        let mut found = self;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match found {
                Value::Object(members) => {
                    members.iter().find(|(name, _)| name == step).map(|(_, value)| value)
                }
                Value::List(items) => {
                    step.trim_end_matches(']').parse().ok().and_then(|at: usize| items.get(at))
                }
                Value::Plain(_) | Value::Text(_) => None,
            };
            found = next.ok_or_else(|| {
                format!("there is no `{}` on the path `{path}`", step.trim_end_matches(']'))
            })?;
        }
        Ok(found)
    }

    fn write(&self, out: &mut String, indent: usize) {
        match self {
            Value::Plain(word) => out.push_str(word),
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
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn read(file: Option<&str>) -> Parsed<String> {
    let Some(file) = file else {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        return read.map(|_| text).map_err(|cause| format!("standard input: {cause}"));
    };
    std::fs::read_to_string(file).map_err(|cause| format!("{file}: {cause}"))
}

fn print(arguments: &[String]) -> Parsed<()> {
    let (path, file) = match arguments {
        [] => (".", None),
        [path] => (path.as_str(), None),
        [path, file] => (path.as_str(), Some(file.as_str())),
        _ => return Err("usage: json [PATH] [FILE]".into()),
    };
    let document = Value::parse(&read(file)?)?;
    let mut out = String::new();
    document.find(path)?.write(&mut out, 0);
    out.push('\n');
    std::io::stdout().write_all(out.as_bytes()).map_err(|cause| cause.to_string())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match print(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("json: {what}");
            ExitCode::FAILURE
        }
    }
}
