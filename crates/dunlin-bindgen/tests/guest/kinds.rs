//! A guest of the world `kinds`, which gives back what it is given, and asks the host meanwhile.

wit_bindgen::generate!({
    world: "kinds",
    path: "../wit/kinds.wit",
    generate_all,
});

use exports::extra::Guest as Extra;
use exports::test::kinds::counters as own;
use exports::test::kinds::round::{Access, Bytes, Colour, Everything, Guest as Round, Shape};
use std::cell::Cell;
use test::kinds::types::Point as SharedPoint;
use test::kinds::{counters, echo};

struct Kinds;

impl Round for Kinds {
    fn whole(value: Everything) -> Everything {
        echo::whole(&value)
    }

    fn form(value: Shape) -> Shape {
        echo::form(&value)
    }

    fn rights(value: Access) -> Access {
        echo::nothing();
        echo::rights(value)
    }

    fn raw(value: Bytes) -> Bytes {
        echo::raw(&value)
    }

    fn texts(
        one: String,
        maybe: Option<String>,
        pair: (String, Bytes),
        outcome: Result<String, Vec<String>>,
    ) -> String {
        format!("{one} {maybe:?} {pair:?} {outcome:?}")
    }

    fn area(of: Shape) -> Result<f64, Colour> {
        echo::area(&of)
    }

    #[allow(clippy::too_many_arguments, reason = "so many are allowed")]
    fn many(
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: f32,
        f: f64,
        g: String,
        h: Vec<SharedPoint>,
        i: bool,
        j: char,
        k: SharedPoint,
        l: Option<SharedPoint>,
    ) -> u32 {
        let texts = g.len() + h.len() + usize::from(i) + j.len_utf8();
        let points = k.x + l.map_or(0, |point| point.y);
        u32::from(a) + u32::from(b) + c + d as u32 + e as u32 + f as u32 + texts as u32 + points as u32
    }
}

/// The guest's own counter.
struct Counter(Cell<u32>);

impl own::Guest for Kinds {
    type Counter = Counter;

    fn largest(of: Vec<own::CounterBorrow<'_>>) -> u32 {
        of.iter().map(|counter| counter.get::<Counter>().0.get()).max().unwrap_or(0)
    }

    fn name(counter: own::Counter, name: String) -> own::Named {
        own::Named { name, counter }
    }

    fn open(start: u32) -> Result<own::Counter, own::Reading> {
        match start {
            0 => Err(own::Reading { at: 0 }),
            _ => Ok(own::Counter::new(Counter(Cell::new(start)))),
        }
    }
}

impl own::GuestCounter for Counter {
    fn new(start: u32) -> Self {
        Self(Cell::new(start))
    }

    fn next(&self, by: u32) -> own::Reading {
        self.0.set(self.0.get() + by);
        own::Reading { at: self.0.get() }
    }

    fn sum(a: own::Counter, b: own::CounterBorrow<'_>) -> own::Counter {
        let a = a.get::<Counter>().0.get();
        own::Counter::new(Self(Cell::new(a + b.get::<Counter>().0.get())))
    }

    fn drop(&self) -> String {
        format!("dropped at {}", self.0.get())
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        log(&format!("counter of the guest's at {} goes", self.0.get()), Point { x: 0, y: 0 });
    }
}

impl Extra for Kinds {
    fn answer() -> u32 {
        42
    }
}

impl Guest for Kinds {
    fn turn(point: Point) -> Point {
        log("turn", point);
        let by = scale::by();
        Point { x: -point.y * by, y: point.x * by }
    }

    fn use_counters() -> Vec<u32> {
        let (a, b) = (counters::Counter::new(1), counters::Counter::new(10));
        let mut seen = vec![a.next(1).at, b.next(5).at];
        seen.push(counters::largest(&[&a, &b]));
        let both = counters::Counter::sum(a, &b);
        seen.push(both.next(0).at);
        let named = counters::name(both, "both");
        seen.push(named.name.len() as u32);
        seen.push(counters::open(0).err().map_or(0, |reading| reading.at));
        log(&b.drop(), Point { x: 1, y: 2 });
        seen
    }
}

export!(Kinds);
