//! Log lines with fields whose names are known only when the line is written. A thin layer over
//! `tracing`, which decides about levels and where lines go.

use serde_json::{Map, Value};

/// Writes to the host's log, made by [`Host::logger`](crate::Host::logger).
///
/// It is `tracing` with fields by name: levels, `PLUGIN_LOG_LEVEL` and the request's id work alike,
/// and `tracing::info!(order = 7, "paid")` is the better choice wherever the names are known when
/// the plugin is compiled.
///
/// ```
/// # let host = sidegate_sdk::Host::default();
/// host.logger().info("paid", &[("order", "7"), ("method", "card")]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Logger(());

macro_rules! level {
    ($($name:ident $level:ident),+) => {
        impl Logger {
            $(
                #[doc = concat!("Writes a line of the level `", stringify!($name), "`.")]
                pub fn $name(&self, text: &str, fields: &[(&str, &str)]) {
                    if tracing::enabled!(target: "plugin", tracing::Level::$level) {
                        tracing::event!(
                            target: "plugin",
                            tracing::Level::$level,
                            named_fields = json(fields),
                            "{text}"
                        );
                    }
                }
            )+
        }
    };
}

level! { debug DEBUG, info INFO, warn WARN, error ERROR }

impl Logger {
    pub(super) fn new() -> Self {
        Self(())
    }
}

/// As one text, which [`HostLog`](crate::HostLog) takes apart again.
fn json(fields: &[(&str, &str)]) -> Option<String> {
    let fields: Map<String, Value> =
        fields.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
    (!fields.is_empty()).then(|| Value::Object(fields).to_string())
}
