//! A plugin that runs by itself, at an address, for hosts that come to it.
//!
//! It speaks without TLS and asks nobody who they are: the network must be trusted. No host ends it; a
//! signal does, and then what is open may finish.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

use crate::error::{Error, Result};
use crate::machine;
use crate::program::Program;
use crate::service::{self, Master, Stop};

/// Environment variable that names the address, `host:port`; port 0 takes any that is free.
pub(crate) const ENV_LISTEN: &str = "PLUGIN_LISTEN";

/// Environment variable that says how long open calls may take to finish after SIGTERM: whole seconds, or
/// a number with `ms`, `s` or `m`.
pub(crate) const ENV_DRAIN: &str = "PLUGIN_DRAIN_TIMEOUT";
/// Without that variable: less than what orchestrators usually wait before they kill.
const DRAIN: Duration = Duration::from_secs(25);

/// After this silence the system asks whether a host is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Serves at the address until SIGTERM or SIGINT, and then what is open, within a bound.
pub(crate) async fn serve(program: Program, address: &str) -> Result<()> {
    let grace = drain_limit(machine::text(ENV_DRAIN).as_deref())?;
    let doing = || format!("listen at {address:?}, which {ENV_LISTEN} must give as host:port");
    let failed = |error| Error::from(error).context(doing());
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let (told, at_once) = (CancellationToken::new(), CancellationToken::new());
    let stop = Stop { told, grace, at_once };
    watch_signals(&stop)?;
    eprintln!(
        "\"{name}\" serves at {bound}, without TLS: let only trusted networks reach it. \
         Register it with: sidegate plugin add --name {name} --slug {name} --command grpc://{bound}",
        name = program.about.name,
    );
    let incoming = TcpIncoming::from(listener);
    let incoming = incoming.with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE));
    service::run(Arc::new(program), incoming, Master::Itself, stop).await;
    Ok(())
}

/// Nobody else would end it. A second signal waits for nothing.
fn watch_signals(stop: &Stop) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = stop.clone();
    tokio::spawn(async move {
        for token in [&stop.told, &stop.at_once] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !stop.told.is_cancelled() {
                tracing::info!(
                    "told to stop: no new calls are taken, open ones have {:?}; \
                     a second signal waits for none",
                    stop.grace
                );
            }
            token.cancel();
        }
    });
    Ok(())
}

/// How long open calls may take to finish.
fn drain_limit(said: Option<&str>) -> Result<Duration> {
    let Some(text) = said.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(DRAIN) };
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1000),
        "m" => Some(60_000),
        _ => None,
    };
    let number = number.parse::<u64>().ok();
    let limit = number.zip(milliseconds).and_then(|(number, each)| number.checked_mul(each));
    limit.map(Duration::from_millis).ok_or_else(|| {
        Error::new(format!("{ENV_DRAIN} is {text:?}, but must be a time like 25, 25s or 500ms"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_finish_is_read_and_nonsense_is_refused() {
        let read = |text| drain_limit(Some(text)).ok().map(|limit| limit.as_millis());
        assert_eq!(drain_limit(None).unwrap(), DRAIN);
        assert_eq!(
            [read("7"), read(" 7s "), read("7ms"), read("2m")].map(Option::unwrap),
            [7000, 7000, 7, 120_000]
        );
        for wrong in ["s", "-1", "1h30", "1.5s", "99999999999999999999", "18446744073709551615m"] {
            let refusal = drain_limit(Some(wrong)).unwrap_err().to_string();
            assert!(refusal.contains(ENV_DRAIN), "{refusal}");
        }
    }
}
