//! The first line a plugin prints, and the names both sides know before they talk.
//!
//! The line reads `core|app|network|address|grpc|certificate`, with `|true` after it when the
//! plugin can carry many connections over one. This file neither starts processes nor opens
//! sockets: it turns text into a [`Handshake`] and back.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Environment variable that tells a program it runs as a plugin.
pub const COOKIE_KEY: &str = "AI_STUDIO_PLUGIN";
/// Value of [`COOKIE_KEY`]; a program started without it explains itself and exits.
pub const COOKIE_VALUE: &str = "v1";

/// Version of the line itself.
pub const CORE_PROTOCOL: u32 = 1;
/// Version of the services behind it.
pub const APP_PROTOCOL: u32 = 1;
/// The only way of talking that is accepted.
pub const PROTOCOL: &str = "grpc";
/// Name under which a plugin's health service answers.
pub const HEALTH_SERVICE: &str = "plugin";

/// Comma-separated list of the application versions the host speaks.
pub const ENV_PROTOCOL_VERSIONS: &str = "PLUGIN_PROTOCOL_VERSIONS";
/// Lowest port for plugins that listen on TCP.
pub const ENV_MIN_PORT: &str = "PLUGIN_MIN_PORT";
/// Highest port for plugins that listen on TCP.
pub const ENV_MAX_PORT: &str = "PLUGIN_MAX_PORT";
/// PEM text of the host's certificate; when set, the plugin serves TLS.
pub const ENV_CLIENT_CERT: &str = "PLUGIN_CLIENT_CERT";
/// Folder for the plugin's sockets.
pub const ENV_UNIX_SOCKET_DIR: &str = "PLUGIN_UNIX_SOCKET_DIR";
/// Group that owns the plugin's sockets.
pub const ENV_UNIX_SOCKET_GROUP: &str = "PLUGIN_UNIX_SOCKET_GROUP";
/// Asks for many connections over one.
pub const ENV_MULTIPLEX_GRPC: &str = "PLUGIN_MULTIPLEX_GRPC";
/// Folder for temporary files, and for the sockets of old plugins.
pub const ENV_TMPDIR: &str = "TMPDIR";
/// Which kind of host started the plugin.
pub const ENV_RUNTIME: &str = "PLUGIN_RUNTIME";
/// Value of [`ENV_RUNTIME`] below a gateway.
pub const RUNTIME_GATEWAY: &str = "gateway";
/// Value of [`ENV_RUNTIME`] beside a console.
pub const RUNTIME_STUDIO: &str = "studio";

/// Key of the configuration under which Initialize carries the plugin's id.
pub const CONFIG_PLUGIN_ID: &str = "_plugin_id";
/// Key of the configuration under which Initialize carries the broker id of the host services.
pub const CONFIG_SERVICE_BROKER_ID: &str = "_service_broker_id";
/// The same as [`CONFIG_PLUGIN_ID`], as it is called beside a console.
pub const CONFIG_STUDIO_PLUGIN_ID: &str = "plugin_id";
/// The same as [`CONFIG_SERVICE_BROKER_ID`], as it is called beside a console.
pub const CONFIG_STUDIO_SERVICE_BROKER_ID: &str = "service_broker_id";
/// Key of the configuration that says, beside a console, that there are host services.
pub const CONFIG_HAS_SERVICE_API: &str = "has_service_api";

/// Feature: headers travel as an ordered list of names and raw values.
pub const FEATURE_HEADER_LIST: &str = "header_list";
/// Feature: requests carry the path as it was sent.
pub const FEATURE_RAW_PATH: &str = "raw_path";
/// Feature: requests above 4 MiB are accepted.
pub const FEATURE_LARGE_MESSAGES: &str = "large_messages";
/// Feature: the host keeps entries under conditions, and lists them.
pub const FEATURE_STORAGE: &str = "storage";
/// Feature: the host seals bytes for the plugin.
pub const FEATURE_SEALING: &str = "sealing";

/// How much of an offending line an error repeats, in characters.
const QUOTE_LIMIT: usize = 200;

/// Where and how a plugin listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Version of the line; [`Handshake::parse`] accepts [`CORE_PROTOCOL`] only.
    pub core: u32,
    /// Version of the services; [`Handshake::parse`] accepts [`APP_PROTOCOL`] only.
    pub app: u32,
    /// Where the plugin listens.
    pub network: Network,
    /// The plugin's certificate in DER, when it serves TLS.
    pub certificate: Option<Vec<u8>>,
    /// The plugin can carry many connections over one. This is an ability; it is in use only if
    /// the host asked for it.
    pub multiplexing: bool,
}

/// An address a plugin listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// The absolute path of a unix socket.
    Unix(PathBuf),
    /// A host and a port, as in `127.0.0.1:10000`.
    Tcp(String),
}

/// A first line that is no handshake. Its text quotes the line, so that whoever wrote the plugin
/// sees what it printed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}; the first line was \"{line}\"")]
pub struct HandshakeError {
    fault: HandshakeFault,
    line: String,
}

impl HandshakeError {
    /// What is wrong with the line.
    pub fn fault(&self) -> HandshakeFault {
        self.fault
    }

    /// The line, shortened and with control characters escaped: safe to log and to show.
    pub fn line(&self) -> &str {
        &self.line
    }
}

/// What can be wrong with a first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFault {
    /// Fewer than four fields: most likely output of the program's own.
    #[error("this is no handshake (a plugin must not print anything before it serves)")]
    Shape,
    /// The line is of another version.
    #[error("the core protocol is not {CORE_PROTOCOL}")]
    Core,
    /// The services are of another version.
    #[error("the application protocol is not {APP_PROTOCOL}")]
    App,
    /// Neither `unix` nor `tcp`.
    #[error("the network is neither unix nor tcp")]
    Network,
    /// Not an absolute path, or not a host with a port.
    #[error("the address is neither an absolute socket path nor host:port")]
    Address,
    /// Anything but gRPC, also the older net/rpc of plugins that name nothing.
    #[error("the protocol is not {PROTOCOL}")]
    Protocol,
    /// Not base64 without padding.
    #[error("the certificate is not unpadded base64")]
    Certificate,
}

impl Handshake {
    /// What a plain plugin announces that listens on `network`.
    pub fn new(network: Network) -> Self {
        Self {
            core: CORE_PROTOCOL,
            app: APP_PROTOCOL,
            network,
            certificate: None,
            multiplexing: false,
        }
    }

    /// Reads the first line of a plugin's output. Space around it is ignored, and so are fields
    /// that are not known yet.
    pub fn parse(line: &str) -> Result<Self, HandshakeError> {
        parse_fields(line.trim())
            .map_err(|fault| HandshakeError { fault, line: quote(line, QUOTE_LIMIT) })
    }

    /// The line to print, with its newline. An address must hold neither `|` nor a newline.
    pub fn line(&self) -> String {
        format!("{self}\n")
    }
}

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}|{}|{}|{PROTOCOL}|", self.core, self.app, self.network)?;
        if let Some(certificate) = &self.certificate {
            f.write_str(&STANDARD_NO_PAD.encode(certificate))?;
        }
        if self.multiplexing { f.write_str("|true") } else { Ok(()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix|{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp|{address}"),
        }
    }
}

fn parse_fields(line: &str) -> Result<Handshake, HandshakeFault> {
    let fields: Vec<&str> = line.split('|').collect();
    let &[core, app, network, address, ref rest @ ..] = fields.as_slice() else {
        return Err(HandshakeFault::Shape);
    };
    let core = version(core, CORE_PROTOCOL).ok_or(HandshakeFault::Core)?;
    let app = version(app, APP_PROTOCOL).ok_or(HandshakeFault::App)?;
    let network = parse_network(network, address)?;
    if rest.first() != Some(&PROTOCOL) {
        return Err(HandshakeFault::Protocol);
    }
    let certificate = match rest.get(1) {
        None | Some(&"") => None,
        Some(text) => Some(STANDARD_NO_PAD.decode(text).map_err(|_| HandshakeFault::Certificate)?),
    };
    let multiplexing = rest.get(2) == Some(&"true");
    Ok(Handshake { core, app, network, certificate, multiplexing })
}

fn version(field: &str, wanted: u32) -> Option<u32> {
    field.parse().ok().filter(|found| *found == wanted)
}

fn parse_network(network: &str, address: &str) -> Result<Network, HandshakeFault> {
    match network {
        "unix" => {
            let path = PathBuf::from(address);
            if path.is_absolute() { Ok(Network::Unix(path)) } else { Err(HandshakeFault::Address) }
        }
        "tcp" => {
            let (host, port) = address.rsplit_once(':').ok_or(HandshakeFault::Address)?;
            let reachable = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0);
            if reachable {
                Ok(Network::Tcp(address.to_owned()))
            } else {
                Err(HandshakeFault::Address)
            }
        }
        _ => Err(HandshakeFault::Network),
    }
}

/// At most `limit` characters of a line, with everything unprintable escaped.
fn quote(line: &str, limit: usize) -> String {
    let mut escaped = line.trim_end_matches(['\r', '\n']).chars().flat_map(char::escape_debug);
    let mut quoted: String = escaped.by_ref().take(limit).collect();
    if escaped.next().is_some() {
        quoted.pop();
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(line: &str) -> HandshakeFault {
        Handshake::parse(line).expect_err("the line is wrong").fault()
    }

    #[test]
    fn reads_a_plain_line() {
        let handshake = Handshake::parse("1|1|unix|/run/x/plugin27|grpc|\n").unwrap();
        assert_eq!(handshake, Handshake::new(Network::Unix("/run/x/plugin27".into())));
        assert_eq!(handshake.line(), "1|1|unix|/run/x/plugin27|grpc|\n");
    }

    #[test]
    fn reads_a_certificate_and_the_multiplexing_field() {
        let handshake = Handshake::parse("1|1|tcp|127.0.0.1:10000|grpc|MII+/w|true\r\n").unwrap();
        assert_eq!(handshake.network, Network::Tcp("127.0.0.1:10000".to_owned()));
        assert_eq!(handshake.certificate.as_deref(), Some(&[0x30, 0x82, 0x3e, 0xff][..]));
        assert!(handshake.multiplexing);
    }

    #[test]
    fn ignores_the_certificate_and_later_fields_when_they_are_missing_or_unknown() {
        let plain = Handshake::new(Network::Unix("/s".into()));
        for line in ["1|1|unix|/s|grpc", "1|1|unix|/s|grpc||false", "1|1|unix|/s|grpc|||new|9"] {
            assert_eq!(Handshake::parse(line), Ok(plain.clone()), "{line}");
        }
    }

    #[test]
    fn every_field_has_its_fault() {
        let table = [
            ("", HandshakeFault::Shape),
            ("listening on port 80", HandshakeFault::Shape),
            ("1|1|unix", HandshakeFault::Shape),
            ("2|1|unix|/s|grpc|", HandshakeFault::Core),
            ("|1|unix|/s|grpc|", HandshakeFault::Core),
            ("1|2|unix|/s|grpc|", HandshakeFault::App),
            ("1|1|udp|/s|grpc|", HandshakeFault::Network),
            ("1|1|unix||grpc|", HandshakeFault::Address),
            ("1|1|unix|relative/s|grpc|", HandshakeFault::Address),
            ("1|1|tcp|localhost|grpc|", HandshakeFault::Address),
            ("1|1|tcp|:80|grpc|", HandshakeFault::Address),
            ("1|1|tcp|localhost:0|grpc|", HandshakeFault::Address),
            ("1|1|unix|/s", HandshakeFault::Protocol),
            ("1|1|unix|/s|netrpc|", HandshakeFault::Protocol),
            ("1|1|unix|/s|grpc|MII+/w==", HandshakeFault::Certificate),
            ("1|1|unix|/s|grpc|MII-_w", HandshakeFault::Certificate),
        ];
        for (line, expected) in table {
            assert_eq!(fault(line), expected, "{line}");
        }
    }

    #[test]
    fn an_error_quotes_the_line_short_and_harmless() {
        let error = Handshake::parse(&format!("\u{1b}[31mred\t{}\n", "x".repeat(500))).unwrap_err();
        assert!(error.line().starts_with("\\u{1b}[31mred\\txxx"), "{error}");
        assert!(error.line().ends_with("x…"), "{error}");
        assert_eq!(error.line().chars().count(), QUOTE_LIMIT);
        assert!(error.to_string().contains(error.line()));
    }

    fn network() -> impl Strategy<Value = Network> {
        prop_oneof![
            "/[a-zA-Z0-9 ._/é-]{0,90}".prop_map(|path| Network::Unix(path.into())),
            ("[a-z0-9.:-]{1,40}", 1..=u16::MAX)
                .prop_map(|(host, port)| Network::Tcp(format!("{host}:{port}"))),
        ]
    }

    fn handshake() -> impl Strategy<Value = Handshake> {
        let certificate = prop::option::of(prop::collection::vec(any::<u8>(), 1..700));
        (network(), certificate, any::<bool>()).prop_map(|(network, certificate, multiplexing)| {
            Handshake { certificate, multiplexing, ..Handshake::new(network) }
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(handshake in handshake()) {
            prop_assert_eq!(Handshake::parse(&handshake.line()), Ok(handshake));
        }

        #[test]
        fn parse_never_panics(
            head in prop_oneof![Just(""), Just("1|1|"), Just("1|1|unix|/s|grpc|")],
            tail in any::<String>(),
            fields in prop::collection::vec("[^|]{0,9}", 0..9),
        ) {
            for line in [format!("{head}{tail}"), format!("{head}{}", fields.join("|"))] {
                if let Err(error) = Handshake::parse(&line) {
                    prop_assert!(error.line().chars().count() <= QUOTE_LIMIT);
                    prop_assert!(!error.to_string().contains(char::is_control));
                }
            }
        }
    }
}
