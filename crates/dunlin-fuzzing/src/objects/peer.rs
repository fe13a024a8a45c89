//! A process that answers lines with lines: an engine, or a generator.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// An answer that takes longer does not come.
const SECONDS_MAX: u64 = 20;

/// A process, started when it is asked something and again if it ended.
#[derive(Debug)]
pub struct Peer {
    words: Vec<String>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    to: ChildStdin,
    from: Receiver<String>,
}

impl Peer {
    /// A process that is started with these words.
    #[must_use]
    pub fn new(words: Vec<String>) -> Self {
        Self { words, running: None }
    }

    /// V8, within this Node.
    #[must_use]
    pub fn v8(node: &str) -> Self {
        Self::new(vec![node.into(), "--no-warnings".into(), script("v8.mjs")])
    }

    /// Binaryen's generator: the program `wasm-opt` as JavaScript, run by this Node.
    #[must_use]
    pub fn binaryen(node: &str, wasm_opt: &str) -> Self {
        Self::new(vec![node.into(), "--no-warnings".into(), script("ttf.mjs"), wasm_opt.into()])
    }

    /// Sends a line; gives the lines of the answer.
    ///
    /// # Errors
    ///
    /// If the process cannot be started, ends or does not answer. The next question starts another one.
    pub fn ask(&mut self, line: &str) -> Result<Vec<String>, String> {
        self.ask_and_answer(line, |question| Err(format!("it asks `{question}`")))
    }

    /// Sends a line; gives the lines of the answer, after lines that began with `?` were answered themselves.
    ///
    /// # Errors
    ///
    /// As [`Peer::ask`], and if a question has no answer.
    pub fn ask_and_answer(
        &mut self,
        line: &str,
        reply: impl FnMut(&str) -> Result<String, String>,
    ) -> Result<Vec<String>, String> {
        let running = match self.running.take() {
            Some(running) => running,
            None => start(&self.words)?,
        };
        let running = self.running.insert(running);
        let answer = exchange(running, line, reply);
        if answer.is_err() {
            self.stop();
        }
        answer
    }

    fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may be gone already.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn exchange(
    running: &mut Running,
    line: &str,
    mut reply: impl FnMut(&str) -> Result<String, String>,
) -> Result<Vec<String>, String> {
    send(running, line)?;
    let mut lines = Vec::new();
    loop {
        match running.from.recv_timeout(Duration::from_secs(SECONDS_MAX)) {
            Ok(line) if line == "." => return Ok(lines),
            Ok(line) => match line.strip_prefix('?') {
                Some(question) => send(running, &reply(question)?)?,
                None => lines.push(line),
            },
            Err(RecvTimeoutError::Timeout) => return Err("it hangs".into()),
            Err(RecvTimeoutError::Disconnected) => return Err("it crashed".into()),
        }
    }
}

fn send(running: &mut Running, line: &str) -> Result<(), String> {
    let sent = writeln!(running.to, "{line}").and_then(|()| running.to.flush());
    sent.map_err(|error| format!("it is gone: {error}"))
}

fn start(words: &[String]) -> Result<Running, String> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| format!("cannot start `{}`: {error}", words[0]))?;
    let (Some(to), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("no pipes".into());
    };
    let (sender, from) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Ok(Running { child, to, from })
}

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    folder.join(name).to_string_lossy().into_owned()
}
