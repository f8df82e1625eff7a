//! Variables of environment files written for other gateways of this kind: those that mean
//! nothing here are named in one warning, so that nobody believes they work.
//!
//! It changes no setting.

use super::layers::{Environment, Layers, Origin, Problem};
use super::others::ROLE;
use super::raw::{PREFIX, setting};

/// Names that are looked for as they are.
const NAMES: &[&str] = &[
    "READ_TIMEOUT",
    "WRITE_TIMEOUT",
    "DATABASE_TYPE",
    "DB_MAX_OPEN_CONNS",
    "DB_MAX_IDLE_CONNS",
    "DB_CONN_MAX_LIFETIME",
    "DB_AUTO_MIGRATE",
    "DB_LOG_LEVEL",
    "GATEWAY_TIMEOUT",
    "GATEWAY_MAX_REQUEST_SIZE",
    "GATEWAY_MAX_RESPONSE_SIZE",
    "GATEWAY_DEFAULT_RATE_LIMIT",
    "GATEWAY_ENABLE_FILTERS",
    "GATEWAY_ENABLE_ANALYTICS",
    "ENCRYPTION_KEY",
    "JWT_SECRET",
    "BCRYPT_COST",
    "TOKEN_LENGTH",
    "SESSION_TIMEOUT",
    "ENABLE_RATE_LIMITING",
    "ENABLE_IP_WHITELIST",
    "ENABLE_METRICS",
    "METRICS_PATH",
    "ENABLE_TRACING",
    "TRACING_ENDPOINT",
    "ENABLE_PROFILING",
    "CACHE_ENABLED",
    "CACHE_MAX_SIZE",
    "CACHE_TTL",
    "CACHE_CLEANUP_INTERVAL",
    "CACHE_PERSIST_TO_DB",
    "CONTROL_ENDPOINT",
    "EDGE_AUTH_TOKEN",
    "EDGE_HEARTBEAT_INTERVAL",
    "EDGE_RECONNECT_INTERVAL",
    "EDGE_SYNC_TIMEOUT",
    "EDGE_SKIP_TLS_VERIFY",
    "EDGE_ALLOW_INSECURE",
    "PLUGINS_CONFIG_PATH",
    "MICROGATEWAY_ALLOW_ALL_PLUGIN_PATHS",
    "ALLOW_INTERNAL_NETWORK_ACCESS",
    "PLUGIN_BLOCK_INTERNAL_URLS",
    "TYK_AI_LICENSE",
];

/// Beginnings of families of names.
const FAMILIES: &[&str] = &[
    "ANALYTICS_",
    "GRPC_AUTH_TOKEN",
    "GRPC_HOST",
    "GRPC_PORT",
    "GRPC_MAX_",
    "GRPC_TLS_",
    "EDGE_TLS_",
    "EDGE_TOKEN_CACHE_",
    "CONTROL_PAYLOAD_",
    "PLUGINS_CONFIG_SERVICE_",
    "OCI_PLUGINS_",
];

/// The one warning about variables that mean nothing here, if any is set.
pub(crate) fn warning(environment: &Environment) -> Option<String> {
    let ignored: Vec<&str> = environment
        .names()
        .filter(|name| {
            let bare = name.strip_prefix(PREFIX).unwrap_or(name);
            NAMES.contains(&bare) || FAMILIES.iter().any(|family| bare.starts_with(family))
        })
        .collect();
    (!ignored.is_empty()).then(|| {
        format!(
            "these environment variables mean nothing to this gateway and are ignored: {} \
             (`sidegate config` lists the settings there are)",
            ignored.join(", ")
        )
    })
}

/// Another role than the settings say, in a variable of other gateways of this kind. To start anyway would look
/// like success to somebody who waits for configuration from elsewhere.
pub(crate) fn other_role(environment: &Environment, layers: &Layers) -> Option<Problem> {
    let (role, name) = environment.find(ROLE)?;
    let (role, chosen) = (role.to_string_lossy(), layers.get(setting("SIDEGATE_ROLE")).0);
    (role != chosen).then(|| Problem {
        place: Origin::Environment(name).to_string(),
        what: format!(
            "says the role {role:?}, and SIDEGATE_ROLE says {chosen:?}: unset it, or set both alike"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::layers::Flags;
    use super::super::layers::tests::environment;
    use super::*;

    #[test]
    fn one_warning_names_all_ignored_variables_and_no_other() {
        let environment = environment(&[
            ("PORT", "1"),
            ("EDGE_ID", "e"),
            ("WRITE_TIMEOUT", "300s"),
            ("OCI_PLUGINS_TIMEOUT", "30s"),
            ("GRPC_PORT", "50051"),
            ("HOME", "/root"),
            ("JWT_SECRET", ""),
            ("SIDEGATE_CACHE_TTL", "1h"),
            ("SIDEGATE_PORT", "1"),
        ]);
        let warning = warning(&environment).unwrap();
        let named = "GRPC_PORT, OCI_PLUGINS_TIMEOUT, SIDEGATE_CACHE_TTL, WRITE_TIMEOUT";
        assert!(warning.contains(&format!("ignored: {named} (")), "{warning}");
    }

    #[test]
    fn nothing_is_said_when_nothing_is_ignored() {
        assert_eq!(warning(&environment(&[("PORT", "1"), ("IDLE_TIMEOUT", "1s")])), None);
    }

    #[test]
    fn another_role_than_that_of_the_settings_is_refused() {
        let place = |pairs: &[(&str, &str)]| {
            let environment = environment(pairs);
            let (layers, _) = Layers::collect(&environment, &Flags::default());
            Some(other_role(&environment, &layers)?.place)
        };
        assert_eq!(place(&[("GATEWAY_MODE", "edge")]).unwrap(), "env GATEWAY_MODE");
        assert_eq!(place(&[("GATEWAY_MODE", "standalone")]), None);
        assert_eq!(place(&[("GATEWAY_MODE", "edge"), ("SIDEGATE_ROLE", "edge")]), None);
        let own = "SIDEGATE_GATEWAY_MODE";
        assert_eq!(
            place(&[("GATEWAY_MODE", "standalone"), (own, "edge")]).unwrap(),
            format!("env {own}")
        );
        assert_eq!(place(&[("GATEWAY_MODE", "edge"), (own, "standalone")]), None);
    }
}
