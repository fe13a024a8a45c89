//! An app built with FastEdge's SDK (`examples/roost`), a core module for WASI 0.1, from its bytes to its answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use dunlin::{Engine, ErrorKind, Store, StoreLimits, StoreLimitsBuilder};
use dunlin_component::{Component, InstancePre, Linker};
use dunlin_edge::fastedge::{
    self, AppKind, Failure, FastEdgeCtx, Grants, HttpClient, HttpError, Method, Request, Response,
    Sending, Slot,
};
use dunlin_edge::stores::{Embedded, LocalCache, StoreError, parse_entries};
use dunlin_wasi::preview2::{self, ComponentCtx};
use dunlin_wasi::{Output, OutputPipe, WasiCtx};

/// The data of a request's store.
struct Data {
    wasi: ComponentCtx,
    edge: FastEdgeCtx,
    limits: StoreLimits,
}

/// An app, and what it was granted.
struct App {
    engine: Engine,
    instance: InstancePre<Data>,
    grants: Grants,
}

/// What came of a request.
struct Outcome {
    answer: dunlin::Result<Response>,
    edge: FastEdgeCtx,
    stdout: String,
}

impl Outcome {
    /// The text of an answer that is one.
    #[track_caller]
    fn text(&self) -> String {
        let answer = self.answer.as_ref().expect("an answer");
        String::from_utf8_lossy(answer.body.as_deref().unwrap_or_default()).into_owned()
    }
}

/// The module as it is committed, or one that was built aside.
fn module() -> Vec<u8> {
    let committed =
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/roost/roost.wasm");
    let path = std::env::var_os("DUNLIN_ROOST").map_or_else(committed, PathBuf::from);
    std::fs::read(path).expect("the example")
}

impl App {
    fn new(grants: Grants) -> Self {
        let engine = Engine::default();
        let bytes = dunlin_wasi::componentize(&module()).expect("it becomes a component");
        let component = Component::from_shared(&engine, bytes.into()).expect("a component");
        assert_eq!(AppKind::of(&component), Some(AppKind::FastEdge));
        let mut linker = Linker::new(&engine);
        preview2::add_to_linker(&mut linker, |data: &mut Data| &mut data.wasi).expect("new names");
        fastedge::add_to_linker(&mut linker, |data: &mut Data| &mut data.edge).expect("new names");
        assert_eq!(fastedge::define_optional(&mut linker, &component), [""; 0]);
        let instance = linker.instantiate_pre(&component).expect("all imports are there");
        Self { engine, instance, grants }
    }

    fn ask(&self, request: Request) -> Outcome {
        let stdout = OutputPipe::new(1 << 16);
        let mut builder = WasiCtx::builder();
        builder.stdout(Output::Pipe(stdout.clone())).env("COLOUR", "red");
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let edge = FastEdgeCtx::new(Arc::new(self.grants.clone()), headers);
        let wasi = ComponentCtx::new(builder.build().expect("a context"));
        let limits = StoreLimitsBuilder::new().memory_size(64 << 20).build();
        let mut store = Store::new(&self.engine, Data { wasi, edge, limits });
        store.limiter(|data| &mut data.limits);
        let answer = self
            .instance
            .instantiate(&mut store)
            .and_then(|instance| fastedge::process(&mut store, &instance, request));
        let stdout = String::from_utf8_lossy(&stdout.contents()).into_owned();
        Outcome { answer, edge: store.into_data().edge, stdout }
    }

    fn get(&self, uri: &str) -> Outcome {
        self.ask(request(uri, &[]))
    }

    /// Asks for each path, and compares the text of the answer.
    #[track_caller]
    fn check(&self, rows: &[(&str, &str)]) {
        for (path, expected) in rows {
            let outcome = self.get(path);
            assert_eq!(outcome.text(), *expected, "{path}");
            assert_eq!(outcome.answer.expect("an answer").status, 200, "{path}");
        }
    }
}

fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Request { method: Method::Get, uri: uri.into(), headers, body: None }
}

#[test]
fn a_request_comes_whole_and_an_answer_goes_whole() {
    let app = App::new(Grants::default());
    let mut asked =
        request("http://shop.example/hello?a=b", &[("accept", "x"), ("pop-city", "Bremen")]);
    (asked.method, asked.body) = (Method::Patch, Some(b"12345".to_vec()));
    let outcome = app.ask(asked);
    let expected = "PATCH http://shop.example/hello?a=b\naccept: x\npop-city: Bremen\n5";
    assert_eq!(outcome.text(), expected);
    assert_eq!(outcome.stdout, "PATCH http://shop.example/hello?a=b\n");

    let large: Vec<u8> = (0..3_000_000_u32).map(|at| (at * 7) as u8).collect();
    let mut asked = request("/echo", &[]);
    (asked.method, asked.body) = (Method::Post, Some(large.clone()));
    let answer = app.ask(asked).answer.expect("an answer");
    assert!(answer.body == Some(large), "the body is the same");
    let headers = answer.headers.expect("headers");
    assert!(headers.contains(&("x-echo".into(), "yes".into())), "{headers:?}");

    let answer = app.get("/nothing").answer.expect("an answer");
    assert_eq!(answer.status, 500, "an error of the app's is an answer of the SDK's");
}

#[test]
fn variables_and_secrets_are_those_of_the_app() {
    let mut grants = Grants::default();
    grants.dictionary = BTreeMap::from([("colour".into(), "blue".into())]);
    for (effective_from, value) in [(100, "first"), (200, "second")] {
        grants.secrets.add("key", Slot { effective_from, value: value.into() });
    }
    App::new(grants).check(&[
        ("/env/COLOUR", r#"Some("red")"#),
        ("/env/NONE", "None"),
        ("/dictionary/colour", r#"Some("blue")"#),
        ("/dictionary/none", "None"),
        ("/secret/key", r#"Some("second")"#),
        ("/secret/key/100", r#"Some("first")"#),
        ("/secret/key/199", r#"Some("first")"#),
        ("/secret/key/99", "None"),
        ("/secret/none", "None"),
    ]);
}

#[test]
fn key_value_stores_are_read() {
    let embedded = Embedded::in_memory().expect("memory");
    let entries = r#"{
        "wader": "knot", "bytes": {"base64": "/w=="},
        "sizes": {"sorted": {"dunlin": 18, "knot": 24, "curlew": 55.5}},
        "seen": {"bloom": ["dunlin"]}
    }"#;
    embedded.fill("birds", parse_entries(entries).expect("valid")).expect("small");
    let mut grants = Grants::default();
    grants.stores.insert("birds".into(), Arc::new(embedded.store("birds")));
    let app = App::new(grants);
    app.check(&[
        ("/kv/birds/get/wader", r#"Ok(Some("knot"))"#),
        ("/kv/birds/get/none", "Ok(None)"),
        ("/kv/birds/get/sizes", "Err(Error::InternalError)"),
        ("/kv/other/get/wader", "Error::NoSuchStore"),
        ("/kv/birds/scan/s*", r#"Ok(["seen", "sizes"])"#),
        ("/kv/birds/range/sizes/20/inf", r#"Ok([("knot", 24.0), ("curlew", 55.5)])"#),
        ("/kv/birds/range/sizes/-inf/18", r#"Ok([("dunlin", 18.0)])"#),
        ("/kv/birds/range/none/0/1", "Ok([])"),
        ("/kv/birds/range/sizes/NaN/1", r#"Err(Error::Other("a score is not a number"))"#),
        ("/kv/birds/members/sizes/*n*", r#"Ok([("dunlin", 18.0), ("knot", 24.0)])"#),
        ("/kv/birds/filter/seen/dunlin", "Ok(true)"),
        ("/kv/birds/filter/seen/ostrich", "Ok(false)"),
        ("/stores/256", "Ok(256)"),
    ]);
    let pattern = "*a".repeat(500);
    assert_eq!(app.get(&format!("/kv/birds/scan/{pattern}b")).text(), "Ok([])");
    assert!(app.get(&format!("/kv/birds/scan/{pattern}{pattern}")).text().starts_with("Err("));
    assert_eq!(app.get("/stores/257").answer.expect_err("too many").kind(), ErrorKind::Trap);
}

#[test]
fn what_is_kept_is_there_for_the_next_request() {
    let cache = LocalCache::new(1 << 20, 1 << 20);
    let mut grants = Grants::default();
    App::new(grants.clone()).check(&[
        ("/cache/get/a", "Err(Error::AccessDenied)"),
        ("/cache/incr/a/1", "Err(Error::AccessDenied)"),
        ("/cache/purge", "Err(Error::AccessDenied)"),
    ]);
    grants.cache = Some(Arc::new(cache.view("roost")));
    let app = App::new(grants);
    app.check(&[
        ("/cache/get/a", "Ok(None)"),
        ("/cache/set/a/one", "Ok(())"),
        ("/cache/get/a", r#"Ok(Some("one"))"#),
        ("/cache/exists/a", "Ok(true)"),
        ("/cache/incr/a/1", r#"Err(Error::Other("the value is not an integer"))"#),
        ("/cache/incr/n/5", "Ok(5)"),
        ("/cache/incr/n/-7", "Ok(-2)"),
        ("/cache/expire/n/60000", "Ok(true)"),
        ("/cache/expire/none/60000", "Ok(false)"),
        ("/cache/set/short/x/1", "Ok(())"),
        ("/cache/set/p:1/x/18446744073709551615", "Ok(())"),
        ("/cache/purge/p:", "Ok(1)"),
        ("/cache/delete/a", "Ok(())"),
        ("/cache/exists/a", "Ok(false)"),
    ]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    app.check(&[("/cache/exists/short", "Ok(false)"), ("/cache/purge", "Ok(1)")]);
    let mut large = request("/cache/body/large", &[]);
    large.body = Some(vec![0; 2 << 20]);
    assert!(app.ask(large).text().contains("the cache has 1048576"));
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn the_name_that_an_app_gives_is_the_requests() {
    let app = App::new(Grants::default());
    assert_eq!(app.get("/diag/slow-path").edge.user_diag(), Some("slow-path"));
    assert_eq!(app.get("/hello").edge.user_diag(), None);
}

/// A client that notes what it is asked, and answers itself.
#[derive(Default)]
struct Client {
    asked: Mutex<Vec<Request>>,
}

impl HttpClient for Client {
    fn send(&self, request: Request) -> Sending<'_> {
        let refuses = request.uri.contains("127.0.0.1");
        self.asked.lock().expect("nobody panics").push(request);
        let headers = Some(vec![("x-from".into(), "origin".into())]);
        let answer = Response { status: 201, headers, body: Some(b"made".to_vec()) };
        Box::pin(
            async move { if refuses { Err(HttpError::DestinationNotAllowed) } else { Ok(answer) } },
        )
    }
}

#[test]
fn requests_are_sent_where_the_app_may() {
    let client = Arc::new(Client::default());
    let mut grants = Grants::default();
    let refused = App::new(grants.clone()).get("/fetch/http:origin.example/a");
    assert!(refused.text().contains("destination-not-allowed"), "{}", refused.text());

    grants.client = Some(client.clone());
    (grants.propagate, grants.sub_requests_max) = (vec!["traceparent".into()], 3);
    let app = App::new(grants);
    let headers = [("host", "app"), ("x-own", "o"), ("traceparent", "t")];
    let mut asked = request("/fetch/http:origin.example/a", &headers);
    asked.body = Some(b"body".to_vec());
    let outcome = app.ask(asked);
    let answer = outcome.answer.as_ref().expect("an answer");
    assert_eq!((answer.status, answer.body.as_deref()), (201, Some(&b"made"[..])));
    assert!(
        answer
            .headers
            .as_ref()
            .is_some_and(|all| all.contains(&("x-from".into(), "origin".into())))
    );
    assert_eq!(outcome.edge.sub_requests(), 1);
    let sent = client.asked.lock().expect("nobody panics").remove(0);
    assert_eq!((sent.method, &*sent.uri), (Method::Post, "http://origin.example/a"));
    assert_eq!(sent.body.as_deref(), Some(&b"body"[..]));
    let own = |name: &str| sent.headers.iter().filter(|(other, _)| other == name).count();
    assert_eq!((own("host"), own("x-own"), own("traceparent")), (0, 1, 1), "{:?}", sent.headers);

    assert_eq!(app.get("/fetch/http:origin.example/a?3").answer.expect("an answer").status, 201);
    let often = app.get("/fetch/http:origin.example/a?4");
    assert!(often.text().contains("too-many-requests"), "{}", often.text());
    assert_eq!(often.edge.sub_requests(), 3);
    assert!(app.get("/fetch/http:127.0.0.1/").text().contains("destination-not-allowed"));
    assert!(app.get("/fetch/ftp:origin.example/").text().contains("invalid-url"));
}

#[test]
fn failures_are_told_apart() {
    let app = App::new(Grants::default());
    for (path, status, internal) in [
        ("/exit/0", 200, 0),
        ("/exit/3", 533, 3002),
        ("/panic", 531, 3020),
        ("/allocate", 531, 3020),
    ] {
        let error = app.get(path).answer.expect_err(path);
        let failure = Failure::of(&error, None);
        assert_eq!((failure.status, failure.internal), (status, internal), "{path}: {error}");
    }
}

#[test]
fn a_store_that_fails_is_told_the_host_and_not_the_app() {
    use dunlin_edge::stores::{Answer, KeyValue, Scored};
    struct Broken;
    fn broken<'a, T: Send + 'a>() -> Answer<'a, T> {
        Box::pin(async { Err(StoreError::Failed("10.0.0.7 is down".into())) })
    }
    impl KeyValue for Broken {
        fn get<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Vec<u8>>> {
            broken()
        }
        fn scan<'a>(&'a self, _: &'a str) -> Answer<'a, Vec<String>> {
            broken()
        }
        fn zrange_by_score<'a>(&'a self, _: &'a str, _: f64, _: f64) -> Answer<'a, Scored> {
            broken()
        }
        fn zscan<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, Scored> {
            broken()
        }
        fn bf_exists<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, bool> {
            broken()
        }
    }
    let mut grants = Grants::default();
    grants.stores.insert("birds".into(), Arc::new(Broken));
    let outcome = App::new(grants).get("/kv/birds/get/wader");
    assert_eq!(outcome.text(), "Err(Error::InternalError)");
    assert_eq!(outcome.edge.notes(), ["key-value: 10.0.0.7 is down"]);
}
