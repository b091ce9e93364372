//! Exports over TLS.

use rootcap_tests::{example::Example, otlp::Sink, pki::Pki};

use super::{call_all, channel, numbers};

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_trusted_by_the_authority_that_is_set_and_by_no_other() {
    let pki = Pki::new();
    let cert = pki.server("collector");
    let sink = Sink::start_with(|settings| {
        settings.tls.cert = Some(cert.cert.clone());
        settings.tls.key = Some(cert.key.clone());
    })
    .await;
    let endpoint = format!("https://localhost:{}", sink.address.port());
    let export = async |ca: &str| {
        let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("ROOTCAP_OTLP__CA_FILE", ca)];
        let server = Example::start("greeter", &settings).await;
        assert_eq!(call_all(&channel(&server).await, 1..11).await, 0);
        server
    };
    let server = export(pki.other_ca().to_str().unwrap()).await;
    let line = server.line("the failure", |line| line.contains("cannot export")).await;
    assert!(line.contains("certificate") && line.contains("https://localhost"), "{line}");
    drop(server);
    assert_eq!(sink.got(|got| got.spans.len()), 0);
    let _server = export(pki.ca().to_str().unwrap()).await;
    sink.until("all spans", |got| (numbers(got).len() == 10).then_some(())).await;
}
