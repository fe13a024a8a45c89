//! Components that import or export any revision of `wasi:http` 0.2.

use dunlin::{Engine, Store};
use dunlin_component::{Component, Linker};
use dunlin_wasi::WasiCtx;
use dunlin_wasi::preview2::http::{self, HandlerPre, exported_handler};
use dunlin_wasi::preview2::{self, ComponentCtx};

fn linker(engine: &Engine) -> Linker<ComponentCtx> {
    let mut linker = Linker::new(engine);
    preview2::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
    http::add_to_linker(&mut linker, |ctx: &mut ComponentCtx| ctx).expect("new names");
    linker
}

/// A component that imports what most types of `wasi:http/types` stand in, of a revision.
fn importing(revision: u32) -> String {
    format!(
        r#"(component
  (import "wasi:http/types@0.2.{revision}" (instance $types
    (export "fields" (type $fields (sub resource)))
    (export "headers" (type $headers (eq $fields)))
    (export "response-outparam" (type $outparam (sub resource)))
    (type $dns' (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns (eq $dns')))
    (type $tls' (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls (eq $tls')))
    (type $size' (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $size (eq $size')))
    (type $code' (variant
      (case "DNS-timeout") (case "DNS-error" $dns) (case "destination-not-found")
      (case "destination-unavailable") (case "destination-IP-prohibited")
      (case "destination-IP-unroutable") (case "connection-refused")
      (case "connection-terminated") (case "connection-timeout") (case "connection-read-timeout")
      (case "connection-write-timeout") (case "connection-limit-reached")
      (case "TLS-protocol-error") (case "TLS-certificate-error") (case "TLS-alert-received" $tls)
      (case "HTTP-request-denied") (case "HTTP-request-length-required")
      (case "HTTP-request-body-size" (option u64)) (case "HTTP-request-method-invalid")
      (case "HTTP-request-URI-invalid") (case "HTTP-request-URI-too-long")
      (case "HTTP-request-header-section-size" (option u32))
      (case "HTTP-request-header-size" (option $size))
      (case "HTTP-request-trailer-section-size" (option u32))
      (case "HTTP-request-trailer-size" $size) (case "HTTP-response-incomplete")
      (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $size) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32))
      (case "HTTP-response-trailer-size" $size)
      (case "HTTP-response-transfer-coding" (option string))
      (case "HTTP-response-content-coding" (option string)) (case "HTTP-response-timeout")
      (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $code (eq $code')))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]response-outparam.send-informational" (func
      (param "self" (borrow $outparam)) (param "status" u16) (param "headers" (own $headers))
      (result (result (error $code)))))))
  (core module $M (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (unreachable)))
  (core instance $m (instantiate $M))
  (core func $new (canon lower (func $types "[constructor]fields")))
  (core func $send (canon lower (func $types "[method]response-outparam.send-informational")
    (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core module $Main (import "" "new" (func $new (result i32)))
    (func (export "run") (drop (call $new))))
  (core instance $main (instantiate $Main (with "" (instance (export "new" (func $new))))))
  (func (export "run") (canon lift (core func $main "run"))))"#
    )
}

#[test]
fn every_revision_is_linked() {
    let engine = Engine::default();
    let linker = linker(&engine);
    for revision in 0..=12 {
        let component = Component::new(&engine, importing(revision)).expect("a component");
        let ctx = ComponentCtx::new(WasiCtx::builder().build().expect("a context"));
        let mut store = Store::new(&engine, ctx);
        let instance = linker.instantiate(&mut store, &component).expect("all imports");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("a function");
        run.call(&mut store, ()).expect("no trap");
        assert_eq!(exported_handler(&component), None);
        let pre = linker.instantiate_pre(&component).expect("all imports");
        assert!(HandlerPre::new(pre).is_err());
    }
}

#[test]
fn a_handler_of_any_revision_is_found() {
    let engine = Engine::default();
    for (name, is_found) in [
        ("wasi:http/incoming-handler@0.2.0", true),
        ("wasi:http/incoming-handler@0.2.12", true),
        ("wasi:http/incoming-handler@0.3.0", false),
        ("wasi:http/incoming-handler@0.2.0-rc-2023-11-10", false),
        ("wasi:http/outgoing-handler@0.2.0", false),
    ] {
        let text = format!(r#"(component (instance $i) (export "{name}" (instance $i)))"#);
        let component = Component::new(&engine, text).expect("a component");
        assert_eq!(exported_handler(&component).is_some(), is_found, "{name}");
    }
}
