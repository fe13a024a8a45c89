//! An app of FastEdge's first kind, built with its SDK: each path uses one of the platform's interfaces, and says what it got.

use anyhow::{Context as _, Result, anyhow, bail};
use fastedge::body::Body;
use fastedge::http::{Method, Request, Response, StatusCode};
use fastedge::key_value::Store;
use fastedge::{cache, dictionary, secret, utils};
use std::fmt::Debug;

#[fastedge::http]
fn main(request: Request<Body>) -> Result<Response<Body>> {
    let path = request.uri().path().trim_matches('/').to_owned();
    let words: Vec<&str> = path.split('/').collect();
    let text = match words.as_slice() {
        ["hello"] => hello(&request),
        ["echo"] => {
            return Ok(Response::builder().header("x-echo", "yes").body(request.into_body())?);
        }
        ["env", name] => debug(std::env::var(name).ok()),
        ["dictionary", name] => debug(dictionary::get(name)),
        ["secret", name] => debug(secret::get(name)?),
        ["secret", name, at] => debug(secret::get_effective_at(name, at.parse()?)?),
        ["diag", name] => {
            utils::set_user_diag(name);
            "named".into()
        }
        ["kv", store, rest @ ..] => read(store, rest)?,
        ["cache", rest @ ..] => keep(rest, request.body())?,
        ["fetch", rest @ ..] => return fetch(&rest.join("/"), &request),
        ["stores", count] => open_many(count.parse()?)?,
        ["exit", code] => std::process::exit(code.parse()?),
        ["panic"] => panic!("as was asked for"),
        ["allocate"] => loop {
            std::hint::black_box(vec![1_u8; 1 << 20]).leak();
        },
        ["spin"] => loop {
            std::hint::black_box(());
        },
        _ => bail!("nothing is at `{path}`"),
    };
    Ok(Response::builder()
        .status(StatusCode::OK)
        .header("content-type", "text/plain")
        .body(text.into())?)
}

fn debug(value: impl Debug) -> String {
    format!("{value:?}")
}

/// What it was asked.
fn hello(request: &Request<Body>) -> String {
    let mut headers: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?")))
        .collect();
    headers.sort();
    println!("{} {}", request.method(), request.uri());
    format!("{} {}\n{}{}", request.method(), request.uri(), headers.concat(), request.body().len())
}

/// Reads a key-value store.
fn read(store: &str, words: &[&str]) -> Result<String> {
    let store = match Store::open(store) {
        Ok(store) => store,
        Err(error) => return Ok(debug(error)),
    };
    Ok(match words {
        ["get", key] => debug(store.get(key).map(|value| value.map(text))),
        ["scan", pattern] => debug(store.scan(pattern)),
        ["range", key, min, max] => {
            debug(store.zrange_by_score(key, min.parse()?, max.parse()?).map(texts))
        }
        ["members", key, pattern] => debug(store.zscan(key, pattern).map(texts)),
        ["filter", key, item] => debug(store.bf_exists(key, item)),
        _ => return Err(anyhow!("a store is not asked for {words:?}")),
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn texts(members: Vec<(Vec<u8>, f64)>) -> Vec<(String, f64)> {
    members.into_iter().map(|(member, score)| (text(member), score)).collect()
}

/// Opens one store many times and holds all.
fn open_many(count: usize) -> Result<String> {
    let all: Result<Vec<Store>, _> = (0..count).map(|_| Store::open("birds")).collect();
    Ok(debug(all.map(|all| all.len())))
}

/// Reads and writes the cache.
fn keep(words: &[&str], body: &Body) -> Result<String> {
    Ok(match words {
        ["get", key] => debug(cache::get(key).map(|value| value.map(text))),
        ["set", key, value] => debug(cache::set(key, value.as_bytes(), None)),
        ["set", key, value, ttl] => debug(cache::set(key, value.as_bytes(), Some(ttl.parse()?))),
        ["body", key] => debug(cache::set(key, body, None)),
        ["delete", key] => debug(cache::delete(key)),
        ["exists", key] => debug(cache::exists(key)),
        ["incr", key, delta] => debug(cache::incr(key, delta.parse()?)),
        ["expire", key, ttl] => debug(cache::expire(key, ttl.parse()?)),
        ["purge"] => debug(cache::purge()),
        ["purge", prefix] => debug(cache::purge_prefix(prefix)),
        _ => return Err(anyhow!("a cache is not asked for {words:?}")),
    })
}

/// Sends a request on, as often as the query says, and answers with the last answer.
fn fetch(url: &str, request: &Request<Body>) -> Result<Response<Body>> {
    let times = request.uri().query().map_or(Ok(1), str::parse).context("how often")?;
    let mut answer = Err(anyhow!("never"));
    for _ in 0..times {
        let mut sent = Request::builder().method(Method::POST).uri(url.replacen(':', "://", 1));
        for name in ["host", "x-own", "traceparent"] {
            if let Some(value) = request.headers().get(name) {
                sent = sent.header(name, value);
            }
        }
        answer =
            fastedge::send_request(sent.body(request.body().to_vec().into())?).map_err(Into::into);
    }
    answer
}
