//! Modules from URLs: asked for, checked as their bytes arrive, kept, and not fetched twice.
//!
//! 1. [`cache`] knows what a URL gave last time, by the hash of its contents.
//! 2. [`http`] asks the server, with the tag of what we have; *not modified* ends the work here.
//! 3. The body goes through [`stream`], which stops an invalid module at its first bad byte, into a
//!    file of the cache, under bounds on bytes and time.
//!
//! Nothing here touches the network, starts TLS, or looks at the cache unless a URL was given.

mod cache;
mod http;
mod stream;

use std::io::{self, Read};
use std::path::PathBuf;

use crate::progress::Progress;
use crate::report::{Report, warn};
use crate::values::show_size;
use cache::{Cache, Partial};
use stream::StreamValidator;

/// Bytes read from a connection at once: as much as a socket's buffer usually holds.
const CHUNK_BYTES: usize = 64 << 10;

/// What came of a URL.
pub(crate) enum Fetched {
    /// A file of the cache, which holds the module.
    File(PathBuf),
    /// The module itself, where no cache can be had.
    Bytes(Vec<u8>),
}

/// Whether a word of the command line is a URL that can be fetched.
pub(crate) fn is_url(word: &str) -> bool {
    http::Scheme::of(word).is_some()
}

/// Fetches a module, at most `bytes_max` of it, or finds it in the cache.
///
/// # Errors
///
/// When the server cannot be reached or refuses, the body is too large or cut short, or the module
/// is invalid.
pub(crate) fn fetch(url: &str, bytes_max: u64) -> Result<Fetched, Report> {
    let cache = match Cache::open() {
        Ok(cache) => Some(cache),
        Err(error) => {
            warn(&format!("downloads are not cached: {error}"));
            None
        }
    };
    let known = cache.as_ref().and_then(|cache| cache.lookup(url));
    let response = http::get(url, known.as_ref().map(|known| known.etag.as_str()))?;
    match (response.status, known) {
        (304, Some(known)) => return Ok(Fetched::File(known.path)),
        (200, _) => {}
        (status, _) => return Err(refused(url, status)),
    }
    if let Some(bytes) = response.length.filter(|bytes| *bytes > bytes_max) {
        return Err(too_large(url, bytes_max, bytes)
            .cause(format!("the server announced {}", show_size(bytes))));
    }
    let mut download = Download { url, bytes_max, length: response.length };
    let cannot_keep = |error: io::Error| {
        Report::failure(format!("cannot keep `{url}` in the cache"))
            .cause(error)
            .hint("set `XDG_CACHE_HOME` to a folder with room")
    };
    match cache {
        Some(cache) => {
            let mut partial = cache.begin().map_err(cannot_keep)?;
            download.receive(response.body, &mut Sink::File(&mut partial))?;
            let etag = response.etag.as_deref();
            partial.commit(&cache, url, etag).map(Fetched::File).map_err(cannot_keep)
        }
        None => {
            let mut bytes = Vec::new();
            download.receive(response.body, &mut Sink::Memory(&mut bytes))?;
            Ok(Fetched::Bytes(bytes))
        }
    }
}

/// Size and name of each downloaded module that is kept.
///
/// # Errors
///
/// When there is no place for a cache.
pub(crate) fn kept() -> io::Result<Vec<(u64, String)>> {
    Ok(Cache::open()?.kept())
}

/// Removes all downloaded modules.
///
/// # Errors
///
/// When there is no place for a cache, or a file cannot be removed.
pub(crate) fn clear() -> io::Result<()> {
    Cache::open()?.clear()
}

/// Where a body goes.
enum Sink<'a> {
    File(&'a mut Partial),
    Memory(&'a mut Vec<u8>),
}

/// One body on its way.
struct Download<'a> {
    url: &'a str,
    bytes_max: u64,
    length: Option<u64>,
}

impl Download<'_> {
    fn receive(&mut self, mut body: impl Read, sink: &mut Sink<'_>) -> Result<(), Report> {
        let url = self.url;
        let mut progress = Progress::new(self.length);
        let mut validator = StreamValidator::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut total: u64 = 0;
        loop {
            let count = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut_short(total, error)),
            };
            let bytes = &chunk[..count];
            total += count as u64;
            // The announced length is a claim; what counts is what came.
            if total > self.bytes_max {
                return Err(too_large(url, self.bytes_max, total).cause("the server sent more"));
            }
            validator.push(bytes).map_err(|invalid| bad_module(url, &invalid))?;
            match sink {
                Sink::Memory(memory) => memory.extend_from_slice(bytes),
                Sink::File(partial) => partial.write(bytes).map_err(|error| {
                    Report::failure(format!("cannot keep `{url}` in the cache")).cause(error)
                })?,
            }
            progress.add(count as u64);
        }
        if self.length.is_some_and(|length| total < length) {
            return Err(self.cut_short(total, io::ErrorKind::UnexpectedEof.into()));
        }
        validator.finish().map_err(|invalid| bad_module(url, &invalid))
    }

    #[cold]
    fn cut_short(&self, total: u64, error: io::Error) -> Report {
        let of = match self.length {
            Some(length) => format!("{total} of {length} bytes"),
            None => format!("{total} bytes"),
        };
        let report = Report::failure(format!("`{}` ended after {of}", self.url));
        match error.kind() {
            io::ErrorKind::UnexpectedEof => report.cause("the server closed the connection"),
            _ => report.cause(error),
        }
        .hint("try again; what came so far is not kept")
    }
}

#[cold]
fn refused(url: &str, status: u16) -> Report {
    let report = Report::failure(format!("cannot download `{url}`"));
    match status {
        404 | 410 => report.cause(format!("the server has no such file (status {status})")),
        401 | 403 => report.cause(format!("the server does not allow it (status {status})")),
        500.. => report.cause(format!("the server failed (status {status})")),
        _ => report.cause(format!("the server answered with status {status}")),
    }
}

#[cold]
fn too_large(url: &str, bytes_max: u64, bytes: u64) -> Report {
    // A hint that works needs a limit that lets this body through.
    let mebibytes = bytes.max(bytes_max.saturating_mul(2)).div_ceil(1 << 20);
    Report::failure(format!("`{url}` is larger than {}", show_size(bytes_max)))
        .hint(format!("`--max-download {mebibytes}MiB` raises the limit"))
}

#[cold]
fn bad_module(url: &str, invalid: &stream::Invalid) -> Report {
    let what = format!("`{url}` is not a valid module");
    let report = Report::failure(what).cause(invalid);
    if invalid.early { report.cause("the download was stopped there") } else { report }
}
