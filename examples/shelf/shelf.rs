//! Lists the texts of a folder: lines, words, and how each begins. A component, for WASI 0.2.

use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| ".".into());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        names.push(entry?.file_name().into_string().map_err(|_| io::ErrorKind::InvalidData)?);
    }
    names.sort();
    for name in names {
        let text = fs::read_to_string(format!("{folder}/{name}"))?;
        let (lines, words) = (text.lines().count(), text.split_whitespace().count());
        println!("{name:<10} {lines:>3} lines {words:>4} words  {}", text.lines().next().unwrap_or(""));
    }
    // What was not granted, it cannot do.
    println!("write: {:?}", fs::write(format!("{folder}/new.txt"), "").map_err(|error| error.kind()));
    println!("leave: {:?}", fs::read(format!("{folder}/../../../x")).map_err(|error| error.kind()));
    println!("HOME: {:?}", env::var("HOME").ok());
    let begun = Instant::now();
    thread::sleep(Duration::from_millis(2));
    println!("slept: {}", begun.elapsed() >= Duration::from_millis(2));
    for line in io::stdin().lines() {
        println!("read: {}", line?);
    }
    Ok(())
}
