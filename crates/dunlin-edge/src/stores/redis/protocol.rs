//! The protocol: commands as arrays of texts, and answers (RESP, version 2).
//!
//! A server is believed no more than a guest: how deep answers nest, how many values they have and how many bytes is
//! bounded, and nothing is allocated because somebody says how long something will be.

use super::super::StoreError;
use super::super::limits::{
    ANSWER_BYTES_MAX, REDIS_ANSWER_DEEP_MAX, REDIS_ANSWER_VALUES_MAX, REDIS_LINE_BYTES_MAX,
};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Bytes of an answer: all that an app may be answered, and what Redis says around it.
const BYTES_MAX: usize = 2 * ANSWER_BYTES_MAX;

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Nothing,
    Status(String),
    Error(String),
    Integer(i64),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
}

/// Writes a command.
pub(super) fn write(out: &mut Vec<u8>, command: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
    for word in command {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// What of an answer's bounds is left.
struct Room {
    values: usize,
    bytes: usize,
}

impl Room {
    fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        match (self.values.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(values), Some(bytes)) => {
                (self.values, self.bytes) = (values, bytes);
                Ok(())
            }
            _ => Err(StoreError::refused("what Redis answers is too much")),
        }
    }
}

/// Reads an answer.
///
/// # Errors
///
/// If the connection ends or fails, or this is no answer or too much of one; the connection is of no use then.
pub(super) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Value, StoreError> {
    let mut room = Room { values: REDIS_ANSWER_VALUES_MAX, bytes: BYTES_MAX };
    // Arrays that have begun, and how many values each has.
    let mut open: Vec<(Vec<Value>, usize)> = Vec::new();
    loop {
        let mut value = match read_one(reader, &mut room).await? {
            One::Value(value) => value,
            One::Array(0) => Value::Array(Vec::new()),
            One::Array(_) if open.len() >= REDIS_ANSWER_DEEP_MAX => {
                return Err(broken("nests too deep"));
            }
            One::Array(count) => {
                open.push((Vec::new(), count));
                continue;
            }
        };
        loop {
            let Some((mut values, count)) = open.pop() else { return Ok(value) };
            values.push(value);
            if values.len() < count {
                open.push((values, count));
                break;
            }
            value = Value::Array(values);
        }
    }
}

/// A value, or the beginning of an array.
enum One {
    Value(Value),
    Array(usize),
}

async fn read_one(
    reader: &mut (impl AsyncBufRead + Unpin),
    room: &mut Room,
) -> Result<One, StoreError> {
    let line = read_line(reader).await?;
    room.take(line.len())?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| broken("has an empty line"))?;
    let number = || rest.parse::<i64>().map_err(|_| broken("has a number that is none"));
    Ok(One::Value(match kind {
        "+" => Value::Status(rest.into()),
        "-" => Value::Error(rest.into()),
        ":" => Value::Integer(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Value::Nothing,
            Ok(len) => {
                room.take(len)?;
                Value::Bytes(read_bytes(reader, len).await?)
            }
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Value::Nothing,
            Ok(count) => return Ok(One::Array(count)),
        },
        _ => return Err(broken("is of a kind that is not known")),
    }))
}

/// A line, without its end.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<String, StoreError> {
    let mut line = Vec::new();
    let mut bounded = reader.take(REDIS_LINE_BYTES_MAX as u64);
    bounded.read_until(b'\n', &mut line).await.map_err(StoreError::failed)?;
    match line.as_slice() {
        [] => Err(StoreError::failed("Redis has closed the connection")),
        [text @ .., b'\r', b'\n'] => Ok(String::from_utf8_lossy(text).into_owned()),
        _ => Err(broken("has a line without an end")),
    }
}

/// So many bytes and the end of a line; room for them is made as they come.
async fn read_bytes(
    reader: &mut (impl AsyncBufRead + Unpin),
    len: usize,
) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let mut bounded = reader.take(len as u64 + 2);
    bounded.read_to_end(&mut bytes).await.map_err(StoreError::failed)?;
    if bytes.len() != len + 2 || !bytes.ends_with(b"\r\n") {
        return Err(broken("ends too early"));
    }
    bytes.truncate(len);
    Ok(bytes)
}

#[cold]
fn broken(how: &str) -> StoreError {
    StoreError::failed(format_args!("what Redis answers {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Result<Value, StoreError> {
        let mut reader = text.as_bytes();
        dunlin::stacks::wait(read(&mut reader)).expect("nobody interrupts")
    }

    #[test]
    fn answers_are_read() {
        let bytes = |text: &str| Value::Bytes(text.into());
        for (text, value) in [
            ("+OK\r\n", Value::Status("OK".into())),
            ("-ERR no\r\n", Value::Error("ERR no".into())),
            (":-5\r\n", Value::Integer(-5)),
            ("$-1\r\n", Value::Nothing),
            ("*-1\r\n", Value::Nothing),
            ("$0\r\n\r\n", bytes("")),
            ("$5\r\na\r\nbc\r\n", bytes("a\r\nbc")),
            ("*0\r\n", Value::Array(vec![])),
            (
                "*2\r\n$1\r\n0\r\n*2\r\n*0\r\n$1\r\nb\r\n",
                Value::Array(vec![
                    bytes("0"),
                    Value::Array(vec![Value::Array(vec![]), bytes("b")]),
                ]),
            ),
        ] {
            assert_eq!(read_all(text), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn answers_that_are_none_are_refused() {
        let deep = "*1\r\n".repeat(100);
        let long = format!("+{}\r\n", "x".repeat(REDIS_LINE_BYTES_MAX));
        let many = format!("*1000000000\r\n{}", ":1\r\n".repeat(REDIS_ANSWER_VALUES_MAX));
        for text in [
            "",
            "\r\n",
            "+OK",
            "+OK\n",
            "?x\r\n",
            ":x\r\n",
            ":\r\n",
            "$5\r\nab\r\n",
            "$2\r\nabc\r\n",
            "$99999999999999\r\n",
            "$9223372036854775807\r\n",
            "*2\r\n:1\r\n",
            "*9223372036854775807\r\n",
            "$3000000000\r\n",
            &deep,
            &long,
            &many,
        ] {
            assert!(read_all(text).is_err(), "{:?}", &text[..text.len().min(40)]);
        }
    }

    #[test]
    fn commands_are_arrays_of_texts() {
        let mut out = Vec::new();
        write(&mut out, &[b"SET", b"a\r\n", b""]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$0\r\n\r\n");
    }
}
