//! A client of HTTP/1.1 that is just enough to look at what a server sends, piece by piece.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a server may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Bytes of a piece in which a body is sent.
const PIECE: usize = 16 << 10;

/// Bytes of a body that is received.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// When each piece of a body in pieces came, from the first byte of the answer.
    pub pieces: Vec<Duration>,
}

/// Sends a request, with a body in pieces if there is one, and reads the answer meanwhile.
///
/// # Errors
///
/// When the connection fails, or what comes is not HTTP.
pub fn request(address: &str, path: &str, body: Option<&[u8]>) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let encoding = if body.is_some() { "transfer-encoding: chunked\r\n" } else { "" };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: xtask\r\nconnection: close\r\n{encoding}\r\n"
    )?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(body) = body else { return answer(&mut reader) };
    // What is echoed fills both directions: whoever only wrote would wait for ever.
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            for piece in body.chunks(PIECE) {
                write!(stream, "{:x}\r\n", piece.len())?;
                stream.write_all(piece)?;
                stream.write_all(b"\r\n")?;
            }
            stream.write_all(b"0\r\n\r\n")
        });
        let answer = answer(&mut reader)?;
        match sending.join() {
            Ok(sent) => sent.map(|()| answer),
            Err(_) => Err(wrong("the sender panicked")),
        }
    })
}

fn answer(reader: &mut impl std::io::BufRead) -> std::io::Result<Answer> {
    let status = line(reader)?;
    let status = status.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| wrong("no status"))?;
    let (mut chunked, mut len) = (false, None);
    loop {
        let header = line(reader)?.to_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            None if header.is_empty() => break,
            Some(("transfer-encoding", "chunked")) => chunked = true,
            Some(("content-length", value)) => len = value.parse::<u64>().ok(),
            _ => {}
        }
    }
    let (start, mut body, mut pieces) = (Instant::now(), Vec::new(), Vec::new());
    if !chunked {
        reader.take(len.unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX)).read_to_end(&mut body)?;
        return Ok(Answer { status, body, pieces });
    }
    loop {
        let size = line(reader)?;
        let size = u64::from_str_radix(&size, 16).map_err(|_| wrong("no size of a piece"))?;
        if size + body.len() as u64 > BODY_BYTES_MAX {
            return Err(wrong("the body is too large"));
        }
        if size == 0 {
            return Ok(Answer { status, body, pieces });
        }
        pieces.push(start.elapsed());
        let before = body.len();
        reader.take(size).read_to_end(&mut body)?;
        if body.len() as u64 != before as u64 + size || !line(reader)?.is_empty() {
            return Err(wrong("a piece ends too early"));
        }
    }
}

fn line(reader: &mut impl std::io::BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    reader.take(16 << 10).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(wrong("the answer ends too early")),
    }
}

fn wrong(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn bodies_are_read_whole_and_in_pieces() {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".as_slice();
        let found = answer(&mut bytes).expect("well formed");
        assert_eq!((found.status, found.body, found.pieces.len()), (200, b"abcde".to_vec(), 2));
        let mut bytes = b"HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nab".as_slice();
        let found = answer(&mut bytes).expect("well formed");
        assert_eq!((found.status, found.body), (404, b"ab".to_vec()));
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab".as_slice();
        answer(&mut bytes).expect_err("cut off");
    }
}
