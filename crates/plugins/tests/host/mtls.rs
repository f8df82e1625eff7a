//! The option mtls: the plugin's socket is open to its gateway alone, and what fails is told.

use crate::bench::{Bench, get, get_stream, limits, signal, spec, text};
use crate::eventually::{PATIENCE, becomes_true};
use crate::life::{good, ready};
use rustix::process::Signal;
use sidegate_model::plugin::{PluginOptions, PluginSpec};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_plugins::{AnswerBody, Instance, Piece};
use sidegate_transport::pinned::Identity;
use sidegate_wire::handshake::{COOKIE_KEY, ENV_CLIENT_CERT};
use sidegate_wire::plugin::PingRequest;
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::Arc;

fn with_mtls(mut spec: PluginSpec) -> PluginSpec {
    let options = [("mtls".to_owned(), "true".to_owned())].into();
    spec.options = PluginOptions::parse(&options).unwrap();
    spec
}

/// Whether the process has the host's certificate in its environment.
fn was_given_a_certificate(pid: u32) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let has = |name: &str| environment.split(|b| *b == 0).any(|v| v.starts_with(name.as_bytes()));
    assert!(has(COOKIE_KEY), "this is no plugin's environment");
    has(ENV_CLIENT_CERT)
}

/// The only socket of a plugin that there is.
fn socket(bench: &Bench) -> PathBuf {
    let gateways = fs::read_dir(bench.dir.path().join("run")).unwrap().flatten();
    let folders = gateways.flat_map(|gateway| fs::read_dir(gateway.path())).flatten().flatten();
    let files = folders.flat_map(|folder| fs::read_dir(folder.path())).flatten().flatten();
    let mut sockets = files.filter(|file| {
        let is_plugins = file.file_name().to_string_lossy().starts_with("plugin");
        is_plugins && file.file_type().is_ok_and(|kind| kind.is_socket())
    });
    let found = sockets.next().expect("a socket").path();
    assert!(sockets.next().is_none());
    found
}

async fn counted(instance: &Arc<Instance>) -> usize {
    let answer = get_stream(instance, "/count").await.unwrap();
    let AnswerBody::Pieces { first, mut rest } = answer.body else { panic!("no stream") };
    let mut bytes = first.unwrap_or_default().to_vec();
    loop {
        match rest.next().await {
            Piece::Data(data) => bytes.extend_from_slice(&data),
            Piece::End => break,
            Piece::Broken(why) => panic!("{why}"),
        }
    }
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
}

#[tokio::test]
async fn a_plugin_serves_its_gateway_over_tls_and_no_stranger() {
    let bench = Bench::new();
    bench.want(with_mtls(good(1)));
    let (status, instance) = ready(&bench, 1).await;
    let pid = status.pid.unwrap();
    assert!(was_given_a_certificate(pid));
    assert_eq!(text(get(&instance, "/pid").await.unwrap()), pid.to_string());
    assert_eq!(counted(&instance).await, 100);

    // A stranger below the same user reaches the socket, but nothing behind it.
    let address = format!("unix://{}", socket(&bench).display());
    let stranger = tonic::transport::Endpoint::try_from(address).unwrap().timeout(PATIENCE);
    let asked = match stranger.connect().await {
        Ok(channel) => PluginServiceClient::new(channel).ping(PingRequest::default()).await.is_ok(),
        Err(_) => false,
    };
    assert!(!asked, "the plugin answered a stranger");
    assert_eq!(counted(&instance).await, 100);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_over_tls_is_back_after_its_death_and_ends_in_order() {
    let bench = Bench::new();
    bench.want(with_mtls(good(1)));
    let (status, _) = ready(&bench, 1).await;
    signal(status.pid.unwrap(), Signal::KILL);
    let again = bench.status_where(1, |s| s.pid.is_some_and(|p| Some(p) != status.pid)).await;
    let answer = get(&bench.instance("s1").unwrap(), "/pid").await.unwrap();
    assert_eq!(text(answer), again.pid.unwrap().to_string());
    bench.host.shutdown().await;
    becomes_true("nothing is left", || bench.private_dirs() == 0).await;
}

#[tokio::test]
async fn setting_the_option_restarts_the_plugin_and_without_it_nothing_is_encrypted() {
    let bench = Bench::new();
    bench.want(good(1));
    let (before, _) = ready(&bench, 1).await;
    assert!(!was_given_a_certificate(before.pid.unwrap()));
    bench.want(with_mtls(good(1)));
    let after = bench.status_where(1, |s| s.pid.is_some_and(|p| Some(p) != before.pid)).await;
    assert!(was_given_a_certificate(after.pid.unwrap()));
    assert!(get(&bench.instance("s1").unwrap(), "/pid").await.is_ok());
    bench.host.shutdown().await;
}

/// What is said of a script that prints this line and goes on, started with the option or without.
async fn refused(line: &str, mtls: bool) -> PluginStatus {
    let bench = Bench::with(limits());
    let plain = spec(1, "s", &bench.script("p", &format!("echo '{line}'; sleep 60")));
    bench.want(if mtls { with_mtls(plain) } else { plain });
    bench.status_where(1, |s| s.state == PluginState::Parked).await
}

#[tokio::test]
async fn a_certificate_that_is_missing_or_broken_or_was_not_asked_for_is_told() {
    let identity = Identity::generate().unwrap();
    let line = sidegate_wire::Handshake {
        certificate: Some(identity.certificate_der().to_vec()),
        ..sidegate_wire::Handshake::new(sidegate_wire::Network::Unix("/nonexistent/s".into()))
    };
    let rows = [
        ("1|1|unix|/nonexistent/s|grpc|", true, "but the plugin announced no certificate: "),
        ("1|1|unix|/nonexistent/s|grpc|AAAA", true, "that cannot be used: this is no X.509"),
        (&line.to_string(), false, "announced a certificate, which nobody asked for: "),
        (&line.to_string(), true, "socket /nonexistent/s cannot be reached: "),
    ];
    for (line, mtls, words) in rows {
        let reason = refused(line, mtls).await.reason.unwrap();
        assert!(reason.contains(words), "{line} {mtls}: {reason}");
    }
}

#[tokio::test]
async fn a_plugin_that_runs_elsewhere_cannot_be_given_a_certificate() {
    let bench = Bench::new();
    bench.want(with_mtls(spec(1, "s", "grpc://127.0.0.1:1")));
    let status = bench.status_where(1, |s| s.reason.is_some()).await;
    let reason = status.reason.unwrap();
    assert!(
        reason.contains("option mtls cannot hold for a plugin that runs elsewhere"),
        "{reason}"
    );
}
