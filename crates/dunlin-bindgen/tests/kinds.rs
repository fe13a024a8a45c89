//! A world with types of every kind, and a guest of it that `wit-bindgen` made: values pass both ways, resources of the host's
//! and of the guest's too. `cargo xtask guests` makes the guest from `tests/guest`.

use dunlin::{Engine, ErrorKind, Result, Store};
use dunlin_component::{Borrow, Component, Linker, Resource, ResourceTable};
use dunlin_wasi::WasiCtxBuilder;
use dunlin_wasi::preview2::{self, ComponentCtx};

dunlin_component::bindgen! {
    path: "tests/wit/kinds.wit",
    world: "kinds",
    with: { "test:kinds/counters/counter": crate::Counter },
}

use exports::test::kinds::counters as theirs;
use test::kinds::counters::{Host as Counters, HostCounter, Named, Reading};
use test::kinds::echo;
use test::kinds::types::{Access, Colour, Everything, Numbers, Shape};

/// What stands behind a counter of the host's.
pub struct Counter(u32);

/// What the stores hold.
struct Data {
    wasi: ComponentCtx,
    host: Host,
}

#[derive(Default)]
struct Host {
    table: ResourceTable,
    lines: Vec<(String, Point)>,
    nothings: u32,
    dropped: Vec<u32>,
}

impl echo::Host for Host {
    fn whole(&mut self, value: Everything) -> Result<Everything> {
        Ok(value)
    }

    fn form(&mut self, value: Shape) -> Result<Shape> {
        Ok(value)
    }

    fn rights(&mut self, value: Access) -> Result<Access> {
        Ok(value)
    }

    fn raw(&mut self, value: Vec<u8>) -> Result<Vec<u8>> {
        Ok(value.into_iter().rev().collect())
    }

    fn area(&mut self, of: Shape) -> Result<std::result::Result<f64, Colour>> {
        match of {
            Shape::Circle(radius) => Ok(Ok(radius * radius * 3.0)),
            Shape::Coloured((colour, _)) => Ok(Err(colour)),
            Shape::Named(name) => Err(dunlin::Error::host(std::io::Error::other(name))),
            _ => Ok(Ok(0.0)),
        }
    }

    fn nothing(&mut self) -> Result<()> {
        self.nothings += 1;
        Ok(())
    }
}

impl HostCounter for Host {
    fn new(&mut self, start: u32) -> Result<Resource<Counter>> {
        Ok(self.table.push(Counter(start)))
    }

    fn next(&mut self, this: Borrow<Counter>, by: u32) -> Result<Reading> {
        let counter = self.table.get_mut(&this)?;
        counter.0 += by;
        Ok(Reading { at: counter.0 })
    }

    fn sum(&mut self, a: Resource<Counter>, b: Borrow<Counter>) -> Result<Resource<Counter>> {
        let a = self.table.delete(&a)?;
        let b = self.table.get(&b)?.0;
        Ok(self.table.push(Counter(a.0 + b)))
    }

    fn drop_(&mut self, this: Borrow<Counter>) -> Result<String> {
        Ok(format!("at {}", self.table.get(&this)?.0))
    }

    fn drop(&mut self, this: Resource<Counter>) -> Result<()> {
        self.dropped.push(self.table.delete(&this)?.0);
        Ok(())
    }
}

impl Counters for Host {
    fn largest(&mut self, of: Vec<Borrow<Counter>>) -> Result<u32> {
        let all: Result<Vec<u32>> = of.iter().map(|one| Ok(self.table.get(one)?.0)).collect();
        Ok(all?.into_iter().max().unwrap_or(0))
    }

    fn name(&mut self, counter: Resource<Counter>, name: String) -> Result<Named> {
        Ok(Named { name, counter })
    }

    fn open(&mut self, start: u32) -> Result<std::result::Result<Resource<Counter>, Reading>> {
        match start {
            0 => Ok(Err(Reading { at: 77 })),
            _ => Ok(Ok(self.table.push(Counter(start)))),
        }
    }
}

impl scale::Host for Host {
    fn by(&mut self) -> Result<i32> {
        Ok(10)
    }
}

impl KindsImports for Host {
    fn log(&mut self, line: String, at: Point) -> Result<()> {
        self.lines.push((line, at));
        Ok(())
    }
}

fn start() -> (Store<Data>, Kinds) {
    let engine = Engine::default();
    let component =
        Component::from_file(&engine, concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kinds.wasm"));
    let component = component.expect("a component");
    let mut linker = Linker::new(&engine);
    preview2::add_to_linker(&mut linker, |data: &mut Data| &mut data.wasi).expect("names");
    Kinds::add_to_linker(&mut linker, |data: &mut Data| &mut data.host).expect("names");
    let wasi = ComponentCtx::new(WasiCtxBuilder::new().build().expect("nothing granted"));
    let mut store = Store::new(&engine, Data { wasi, host: Host::default() });
    let kinds = Kinds::instantiate(&mut store, &component, &linker).expect("an instance");
    (store, kinds)
}

fn everything(shape: Shape) -> Everything {
    Everything {
        r#type: shape,
        self_: Some(Point { x: i32::MIN, y: i32::MAX }),
        numbers: Numbers {
            a: u8::MAX,
            b: i8::MIN,
            c: u16::MAX,
            d: i16::MIN,
            e: u32::MAX,
            f: i32::MIN,
            g: u64::MAX,
            h: i64::MIN,
            i: 0.5,
            j: -0.25,
            k: true,
            l: '☃',
        },
        r#match: Err(Colour::Type),
        names: vec![String::new(), "grüße".into()],
        pairs: vec![("a".into(), 1), ("b".into(), u64::MAX)],
        maybe: Some(None),
        outcome: Err(()),
    }
}

#[test]
fn values_of_every_kind_pass_both_ways() {
    let (mut store, kinds) = start();
    let round = *kinds.test_kinds_round();
    let shapes = [
        Shape::Nothing,
        Shape::Circle(1.5),
        Shape::Polygon(vec![Point { x: 1, y: 2 }, Point { x: -3, y: 4 }]),
        Shape::Named("boat".into()),
        Shape::Coloured((Colour::DarkGreen, Access::READ | Access::MAY_DELETE)),
    ];
    for shape in shapes {
        assert_eq!(round.form(&mut store, &shape).expect("no trap"), shape);
        let whole = everything(shape);
        assert_eq!(round.whole(&mut store, &whole).expect("no trap"), whole);
    }
    let whole = Everything {
        self_: None,
        r#match: Ok(vec![1, 2, 3]),
        maybe: Some(Some(7)),
        outcome: Ok(()),
        ..everything(Shape::Nothing)
    };
    assert_eq!(round.whole(&mut store, &whole).expect("no trap"), whole);
    for access in [Access::default(), Access::WRITE, Access::READ | Access::MAY_DELETE] {
        assert_eq!(round.rights(&mut store, access).expect("no trap"), access);
    }
    assert_eq!(store.data().host.nothings, 3);
    assert_eq!(round.raw(&mut store, &[1, 2, 3]).expect("no trap"), [3, 2, 1]);
}

#[test]
fn arguments_are_lent() {
    let (mut store, kinds) = start();
    let round = kinds.test_kinds_round();
    let names = ["x".to_owned()];
    let (one, maybe) = (String::from("one"), String::from("two"));
    let text = round.texts(&mut store, &one, Some(&maybe), ("three", &[4]), Err(&names));
    assert_eq!(text.expect("no trap"), r#"one Some("two") ("three", [4]) Err(["x"])"#);
    let (points, point) = ([Point { x: 0, y: 0 }; 3], Point { x: 1000, y: 0 });
    let many = round.many(
        &mut store,
        1,
        2,
        3,
        4,
        5.0,
        6.0,
        "seven",
        &points,
        true,
        'j',
        &point,
        Some(&point),
    );
    assert_eq!(many.expect("no trap"), 1 + 2 + 3 + 4 + 5 + 6 + 5 + 3 + 1 + 1 + 1000);
}

#[test]
fn errors_of_wit_are_values_and_errors_of_the_host_end_the_guest() {
    let (mut store, kinds) = start();
    let round = kinds.test_kinds_round();
    let area = round.area(&mut store, &Shape::Circle(2.0)).expect("no trap");
    assert_eq!(area, Ok(12.0));
    let green = Shape::Coloured((Colour::DarkGreen, Access::default()));
    let error = round.area(&mut store, &green).expect("no trap").expect_err("a colour");
    let error: Box<dyn std::error::Error> = Box::new(error);
    assert_eq!(error.to_string(), "DarkGreen");
    let error = round.area(&mut store, &Shape::Named("no".into())).expect_err("the host's");
    assert_eq!(error.kind(), ErrorKind::Host, "{error}");
    round.rights(&mut store, Access::READ).expect_err("it is not entered any more");
}

#[test]
fn functions_and_interfaces_of_the_world_itself() {
    let (mut store, kinds) = start();
    let point = kinds.turn(&mut store, &Point { x: 3, y: 4 }).expect("no trap");
    assert_eq!(point, Point { x: -40, y: 30 });
    assert_eq!(store.data().host.lines, [("turn".into(), Point { x: 3, y: 4 })]);
    assert_eq!(kinds.extra().answer(&mut store).expect("no trap"), 42);
    assert_eq!(kinds.instance().exports(&mut store).len(), 5);
}

#[test]
fn resources_of_the_hosts() {
    let (mut store, kinds) = start();
    let seen = kinds.use_counters(&mut store).expect("no trap");
    assert_eq!(seen, [2, 15, 15, 17, 4, 77]);
    let host = &store.data().host;
    assert_eq!(host.lines, [("at 15".into(), Point { x: 1, y: 2 })]);
    let mut dropped = host.dropped.clone();
    dropped.sort_unstable();
    assert_eq!(dropped, [15, 17]);
}

#[test]
fn resources_of_the_guests() {
    let (mut store, kinds) = start();
    let counters = *kinds.test_kinds_counters();
    let a = counters.counter_new(&mut store, 3).expect("no trap");
    let b = counters.open(&mut store, 5).expect("no trap").expect("a counter");
    assert_eq!(counters.open(&mut store, 0).expect("no trap").expect_err("none").at, 0);
    assert_eq!(counters.counter_next(&mut store, a.lend(), 4).expect("no trap").at, 7);
    let largest = counters.largest(&mut store, &[a.lend(), b.lend()]).expect("no trap");
    assert_eq!(largest, 7);
    let text = counters.counter_drop(&mut store, b.lend()).expect("no trap");
    assert_eq!(text, "dropped at 5");
    let sum = counters.counter_sum(&mut store, a, b.lend()).expect("no trap");
    let theirs::Named { name, counter } = counters.name(&mut store, sum, "sum").expect("no trap");
    assert_eq!(name, "sum");
    assert_eq!(counters.counter_next(&mut store, counter.lend(), 0).expect("no trap").at, 12);
    counter.resource_drop(&mut store).expect("no trap");
    let lines: Vec<&str> = store.data().host.lines.iter().map(|line| line.0.as_str()).collect();
    let goes = |at: u32| format!("counter of the guest's at {at} goes");
    assert_eq!(lines, [goes(7), goes(12)]);
}

#[test]
fn a_resource_of_another_instance_is_refused() {
    let (mut store, kinds) = start();
    let (mut other, others) = start();
    let counter = others.test_kinds_counters().counter_new(&mut other, 1).expect("no trap");
    let counters = kinds.test_kinds_counters();
    let error = counters.counter_next(&mut store, counter.lend(), 1).expect_err("of another store");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    counters.counter_new(&mut store, 1).expect("the guest lives");
}
