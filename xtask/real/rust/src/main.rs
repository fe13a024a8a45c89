//! Reads the log of a harbour, groups its lines, and writes a report as JSON: `harbour FOLDER`.
//!
//! The log is made by the program itself, so that the check needs no large data: a seeded generator
//! writes `FOLDER/harbour.log`, the analysis reads it back through `regex`, and `serde_json` writes
//! and reads `FOLDER/report.json`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::sync::mpsc;

use regex::Regex;
use serde::{Deserialize, Serialize};

const LINES: usize = 4000;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Berth {
    arrivals: u32,
    departures: u32,
    tonnes: f64,
    longest_name: String,
    captains: BTreeMap<String, u32>,
}

struct Random(u64);

impl Random {
    fn next(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn write_log(path: &Path) -> std::io::Result<()> {
    let ships = ["Sanderling", "Grey Plover", "Żuraw", "Turnstone II", "Whimbrel"];
    let captains = ["O'Brien", "van der Meer", "Nyström", "Castro"];
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut log = String::new();
    for line in 0..LINES {
        let ship = ships[random.next(5) as usize];
        let captain = captains[random.next(4) as usize];
        let (berth, grams) = (random.next(7) + 1, random.next(90_000_000));
        let verb = if random.next(2) == 0 { "arrived at" } else { "left" };
        let day = line / 140 + 1;
        if random.next(50) == 0 {
            log.push_str("-- the clerk was asleep --\n");
        }
        let tonnes = grams as f64 / 1e6;
        let _ = writeln!(
            log,
            "2026-02-{day:02} \"{ship}\" (capt. {captain}) {verb} berth {berth} with {tonnes:.3} t"
        );
    }
    fs::write(path, log)
}

fn analyse(path: &Path) -> Result<(BTreeMap<u32, Berth>, usize), Box<dyn std::error::Error>> {
    let line_shape = Regex::new(
        r#"(?x) ^ (?<day>\d{4}-\d\d-\d\d) \s "(?<ship>[^"]+)" \s \(capt\.\s(?<captain>[\p{L}'\s]+)\)
           \s (?<verb>arrived\sat|left) \s berth\s(?<berth>\d+) \s with \s (?<tonnes>\d+\.\d+)\st $"#,
    )?;
    let mut berths: BTreeMap<u32, Berth> = BTreeMap::new();
    let mut refused = 0;
    for line in BufReader::new(fs::File::open(path)?).lines() {
        let line = line?;
        let Some(found) = line_shape.captures(&line) else {
            refused += 1;
            continue;
        };
        let berth = berths.entry(found["berth"].parse()?).or_default();
        match &found["verb"] {
            "left" => berth.departures += 1,
            _ => berth.arrivals += 1,
        }
        berth.tonnes += found["tonnes"].parse::<f64>()?;
        if found["ship"].len() > berth.longest_name.len() {
            berth.longest_name = found["ship"].to_owned();
        }
        *berth.captains.entry(found["captain"].to_owned()).or_default() += 1;
    }
    Ok((berths, refused))
}

/// A generic fold that the optimiser turns into a web of small functions.
fn histogram<K: std::hash::Hash + Eq + Ord + Clone>(
    keys: impl Iterator<Item = K>,
) -> Vec<(K, usize)> {
    let mut counts: HashMap<K, usize> = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: harbour FOLDER")?;
    let log = Path::new(&folder).join("harbour.log");
    write_log(&log)?;
    let (berths, refused) = analyse(&log)?;
    println!("{} bytes of log, {refused} lines refused", fs::metadata(&log)?.len());
    println!("{}", serde_json::to_string_pretty(&berths.first_key_value())?);

    let report = Path::new(&folder).join("report.json");
    fs::write(&report, serde_json::to_vec(&berths)?)?;
    let again: BTreeMap<u32, Berth> = serde_json::from_slice(&fs::read(&report)?)?;
    println!("report read back: {}", if again == berths { "equal" } else { "DIFFERENT" });

    let text = fs::read_to_string(&log)?;
    let letters = histogram(text.chars().filter(|c| c.is_alphabetic()));
    println!("{:?}", &letters[..6]);
    let hidden = Regex::new(r"(?i)capt\. (\w)[^)]*")?.replace_all(&text, "$1.").len();
    println!("{hidden} bytes without names");
    for (number, berth) in &berths {
        println!("{number}: {:>5} {:>5} {:>12.3}", berth.arrivals, berth.departures, berth.tonnes);
    }

    let (sender, receiver) = mpsc::channel();
    (0..5u64).for_each(|n| sender.send(Random(n + 1).next(1000)).expect("the receiver lives"));
    drop(sender);
    println!("{:?}", receiver.iter().collect::<Vec<_>>());
    println!("{:?}", std::thread::Builder::new().spawn(|| ()).map(drop).is_err());
    fs::remove_file(&log)?;
    println!("{:?}", fs::metadata(&log).map_err(|error| error.kind()).err());
    Ok(())
}
