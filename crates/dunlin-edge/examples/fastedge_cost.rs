//! What a request to an app of FastEdge's costs, in microseconds of processor time: the least of several runs.
//!
//! `cargo run --release -p dunlin-edge --example fastedge_cost [interp|optimize]`

use dunlin::{Config, Engine, Linker as CoreLinker, Module, Result, Store, Tier};
use dunlin_component::{Component, InstancePre, Linker};
use dunlin_edge::fastedge::{self, FastEdgeCtx, Grants, Method, Request};
use dunlin_edge::stores::{Cache as _, Embedded, KeyValue as _, LocalCache, parse_entries};
use dunlin_wasi::preview2::{self, ComponentCtx};
use dunlin_wasi::{WasiCtx, componentize};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// The data of a request's store.
struct Data {
    wasi: ComponentCtx,
    edge: FastEdgeCtx,
}

/// The least of some runs of so many calls, in microseconds a call.
fn measure(name: &str, calls: u32, mut call: impl FnMut() -> Result<()>) -> Result<()> {
    let mut least = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        for _ in 0..calls {
            call()?;
        }
        least = least.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
    }
    println!("{name:<58} {least:>9.3} µs");
    Ok(())
}

fn data(grants: &Arc<Grants>) -> Result<Data> {
    let wasi = WasiCtx::builder().build().map_err(dunlin::Error::host)?;
    Ok(Data { wasi: ComponentCtx::new(wasi), edge: FastEdgeCtx::new(grants.clone(), []) })
}

fn app(engine: &Engine, module: &[u8]) -> Result<InstancePre<Data>> {
    let component = Component::from_shared(engine, componentize(module)?.into())?;
    let mut linker = Linker::new(engine);
    preview2::add_to_linker(&mut linker, |data: &mut Data| &mut data.wasi)?;
    fastedge::add_to_linker(&mut linker, |data: &mut Data| &mut data.edge)?;
    linker.instantiate_pre(&component)
}

fn request(uri: &str) -> Request {
    let headers = vec![("accept".into(), "text/html".into()), ("host".into(), "a.example".into())];
    Request { method: Method::Get, uri: uri.into(), headers, body: None }
}

fn main() -> Result<()> {
    let mut config = Config::new();
    if std::env::args().nth(1).as_deref() == Some("interp") {
        config.tier(Tier::Interp);
    } else {
        config.tier(Tier::Optimize);
    }
    let engine = Engine::new(&config)?;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/roost/roost.wasm");
    let module = std::fs::read(path)?;
    measure("make a component of the module", 1, || {
        componentize(&module).map(|made| drop(black_box(made)))
    })?;

    let embedded = Embedded::in_memory().map_err(dunlin::Error::host)?;
    let entries = parse_entries(r#"{"wader": "knot", "seen": {"bloom": ["dunlin"]}}"#);
    embedded.fill("birds", entries.map_err(dunlin::Error::host)?).map_err(dunlin::Error::host)?;
    let cache = LocalCache::default();
    let mut grants = Grants::default();
    grants.stores.insert("birds".into(), Arc::new(embedded.store("birds")));
    grants.cache = Some(Arc::new(cache.view("roost")));
    let grants = Arc::new(grants);

    measure("contexts and a store, made and dropped", 10_000, || {
        drop(black_box(Store::new(&engine, data(&grants)?)));
        Ok(())
    })?;
    let core = Module::new(&engine, &module)?;
    let mut linker = CoreLinker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&core)?;
    measure("a store with the bare core module, without what it calls", 2_000, || {
        let mut store = Store::new(&engine, ());
        linker.instantiate(&mut store, &core).map(drop)
    })?;
    let pre = app(&engine, &module)?;
    measure("contexts, a store and the component in it", 2_000, || {
        let mut store = Store::new(&engine, data(&grants)?);
        pre.instantiate(&mut store).map(drop)
    })?;
    for path in ["/hello", "/cache/incr/n/1", "/kv/birds/get/wader", "/kv/birds/filter/seen/dunlin"]
    {
        measure(&format!("the same, and a request for {path}"), 1_000, || {
            let mut store = Store::new(&engine, data(&grants)?);
            let instance = pre.instantiate(&mut store)?;
            fastedge::process(&mut store, &instance, request(path)).map(drop)
        })?;
    }
    stores(&embedded, &cache)
}

/// What stores take by themselves.
fn stores(embedded: &Embedded, cache: &LocalCache) -> Result<()> {
    let (store, cache) = (embedded.store("birds"), cache.view("other"));
    measure("embedded store: get", 10_000, || dunlin::stacks::wait(store.get("wader")).map(drop))?;
    measure("embedded store: bf-exists", 10_000, || {
        dunlin::stacks::wait(store.bf_exists("seen", "dunlin")).map(drop)
    })?;
    measure("cache: incr", 100_000, || dunlin::stacks::wait(cache.incr("n", 1)).map(drop))?;
    measure("cache: get", 100_000, || dunlin::stacks::wait(cache.get("n")).map(drop))
}
