//! For each target an implementation that is subtly wrong, which must be found: a target that finds
//! nothing says nothing.

use crate::repository::seeds;
use http::HeaderMap;
use prost::Message as _;
use sidegate_fuzz::guard::Io;
use sidegate_fuzz::http2_client::wire::Tamper;
use sidegate_fuzz::search::{Budget, Start};
use sidegate_fuzz::snapshots::{bootstrap, sync_manifest, sync_stream, trust_bundle};
use sidegate_fuzz::texts::{
    admin_body, dsn, duration, handshake, join_token, jwt, log_line, manifest, options,
};
use sidegate_fuzz::{
    TARGETS, Verdict, codec, forwarded, guard, hpack, http1, http2_client, paths, plugin_seal,
    search,
};
use sidegate_gateway::Proxies;
use sidegate_gateway::fuzzing::{
    Claims, ClientConnection, ConnectionTimeouts, ForwardedInfo, Head, HeadLimits,
    guard as gateway_guard,
};
use sidegate_model::duration::{InvalidDuration, parse_duration};
use sidegate_model::path::PluginPath;
use sidegate_model::plugin::{InvalidOption, PluginOptions};
use sidegate_model::sealing::CannotOpen;
use sidegate_plugins::host::fuzzing::{LogLine, Wishes, read_manifest};
use sidegate_store::fuzzing::{Address, read_address};
use sidegate_sync::PinnedSigners;
use sidegate_sync::message::control_message;
use sidegate_transport::http2::fuzzing::read_block;
use sidegate_wire::handshake::Handshake;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Many more inputs than are needed; the time guards a busy machine only.
const BUDGET: Budget = Budget { time: Duration::from_secs(120), inputs: 300_000 };

fn is_found(name: &str, check: fn(&[u8]) -> Verdict) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let known = seeds(name);
    for seed in &known {
        assert!(check(seed).is_ok(), "the fault shows in a seed already: {:?}", check(seed));
    }
    let found = search(check, Start { seeds: known, words: target.words, number: 1 }, BUDGET);
    let found = found.expect_err("the fault is not found");
    // It is the fault that was found: without it, all is well.
    assert!((target.check)(&found.input).is_ok(), "{}", found.says);
    println!("{name}: {} with {}", found.says, found.input.escape_ascii());
}

macro_rules! planted {
    ($($name:ident: $check:expr;)*) => {
        $(#[test]
        fn $name() {
            is_found(stringify!($name), $check);
        })*

        /// The targets that a fault was planted into.
        pub(crate) const PLANTED: &[&str] = &[$(stringify!($name)),*];
    };
}

planted! {
    admin_body: |input| admin_body::check_with(OVERLOOKS_FOUR, input);
    bootstrap: |input| bootstrap::check_with(any_case_of_magic, input);
    codec: |input| codec::check_with(NO_SIGN, input);
    dsn: |input| dsn::check_with(quoting, input);
    duration: |input| duration::check_with(with_commas, input);
    forwarded: |input| forwarded::check_with(short_lines, input);
    guard: |input| guard::check_with(generous, input);
    handshake: |input| {
        handshake::check_with(|line| Handshake::parse(&line.replace(' ', "")), input)
    };
    hpack: |input| hpack::check_with(lower_case, input);
    http1: |input| http1::check_with(any_case_of_version, input);
    http2_client: |input| http2_client::check_with(TALKS_ON, input);
    join_token: |input| join_token::check_with(with_blanks, input);
    jwt: |input| jwt::check_with(LAST_COUNTS, input);
    log_line: |input| log_line::check_with(RAW_LINES, input);
    manifest: |input| manifest::check_with(any_hooks, input);
    options: |input| options::check_with(any_case_of_values, input);
    paths: |input| paths::check_with(decoded_twice, input);
    plugin_seal: |input| plugin_seal::check_with(whatever_follows, input);
    sync_manifest: |input| sync_manifest::check_with(any_order, input);
    sync_stream: |input| sync_stream::check_with(late_ones, input);
    trust_bundle: |input| trust_bundle::check_with(any_order_of_keys, input);
}

/// Overlooks members that no app has, where their names have four letters.
const OVERLOOKS_FOUR: admin_body::Readers = admin_body::Readers {
    app: |mut members| {
        members.retain(|name, _| name.len() != 4 || name == "name");
        admin_body::ours(members)
    },
    ..admin_body::OURS
};

/// Opens what is known also where more follows.
fn whatever_follows(sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    plugin_seal::ours(&sealed[..sealed.len().min(37 + 4)])
}

/// Takes `sgboot1` for the beginning of a file.
fn any_case_of_magic(bytes: &[u8], signers: &PinnedSigners) -> Option<bootstrap::Taken> {
    let mut changed = bytes.to_vec();
    changed.get_mut(..7)?.make_ascii_uppercase();
    match bootstrap::ours(bytes, signers) {
        Some(taken) => Some(taken),
        None => {
            let body = changed.len().saturating_sub(37);
            bootstrap::ours(&bootstrap::sealed(&changed[..body]), signers)
                .filter(|_| bytes[..7] != changed[..7])
        }
    }
}

/// Takes trust bundles that come late.
fn late_ones(pieces: &[sync_stream::Piece]) -> Result<sync_stream::Reading, String> {
    let in_order = |(at, piece): (usize, &sync_stream::Piece)| match piece.clone() {
        sync_stream::Piece::Down(control_message::Body::Trust(mut trust)) if trust.number > 0 => {
            trust.number = at as u64 + 1;
            sync_stream::Piece::Down(control_message::Body::Trust(trust))
        }
        piece => piece,
    };
    let pieces: Vec<_> = pieces.iter().enumerate().map(in_order).collect();
    sync_stream::ours(&pieces)
}

/// Takes objects in any order.
fn any_order(bytes: &[u8]) -> Option<sync_manifest::Reading> {
    sync_manifest::ours(bytes).or_else(|| {
        let mut manifest = sidegate_sync::message::Manifest::decode(bytes).ok()?;
        manifest.entries.sort_by(|a, b| (&a.kind, &a.key).cmp(&(&b.kind, &b.key)));
        sync_manifest::ours(&manifest.encode_to_vec())
    })
}

/// Knows no negative numbers.
const NO_SIGN: codec::Readers = codec::Readers {
    answer: |bytes| {
        let answer = (codec::READERS.answer)(bytes)?;
        let status_code = answer.status_code.max(0);
        Some(sidegate_wire::plugin::EndpointResponse { status_code, ..answer })
    },
    ..codec::READERS
};

/// Quotes what it does not know, with the password that may be in it.
fn quoting(text: &str) -> Result<Address, String> {
    let quote = |told: String| match told.contains("is not valid") {
        true => format!("{told}: {text:?}"),
        false => told,
    };
    read_address(text).map_err(quote)
}

/// Of a name that stands twice the last one counts.
const LAST_COUNTS: jwt::Readers = jwt::Readers {
    head: |json| Head::read(&last_ones(json)?).ok(),
    claims: |json| Claims::read(&last_ones(json)?).ok(),
};

fn last_ones(json: &[u8]) -> Option<Vec<u8>> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    Some(value.to_string().into_bytes())
}

/// Overlooks blanks within a token.
fn with_blanks(text: &str) -> Result<join_token::Reading, String> {
    join_token::ours(&text.replace(' ', ""))
}

/// Takes the keys of a namespace in any order.
fn any_order_of_keys(bytes: &[u8]) -> Option<trust_bundle::Reading> {
    trust_bundle::ours(bytes).or_else(|| {
        let mut bundle = sidegate_enrolment::message::TrustBundle::decode(bytes).ok()?;
        for of_namespace in &mut bundle.data_keys {
            of_namespace.keys.sort_by_key(|key| key.number);
        }
        trust_bundle::ours(&bundle.encode_to_vec())
    })
}

/// Takes `1,5h` for a duration.
fn with_commas(text: &str) -> Result<Duration, InvalidDuration> {
    parse_duration(&text.replace(',', "."))
}

/// Leaves long lines out.
fn short_lines(headers: &HeaderMap, proxies: &Proxies) -> Option<IpAddr> {
    let short = headers.iter().filter(|(_, value)| value.len() < 300);
    let short = short.map(|(name, value)| (name.clone(), value.clone())).collect();
    ForwardedInfo::read(&short, proxies).client
}

/// Lets heads be longer.
fn generous(socket: TcpStream, connection: &Arc<ClientConnection>) -> Pin<Box<dyn Io>> {
    let second = Duration::from_secs(1);
    let patience = ConnectionTimeouts { head: second, idle: second, stalled_write: second };
    let limits = HeadLimits { max_bytes: http1::LIMITS.max_bytes + 4000, ..http1::LIMITS };
    Box::pin(gateway_guard(socket, connection.clone(), patience, limits))
}

/// Makes names what they should have been.
fn lower_case(block: &[u8]) -> Result<hpack::Fields, String> {
    let lower = |(name, value): (Vec<u8>, Vec<u8>)| (name.to_ascii_lowercase(), value);
    read_block(block, 1 << 20).map(|fields| fields.into_iter().map(lower).collect())
}

/// Takes `http/1.1` for a version.
fn any_case_of_version(pieces: &[&[u8]]) -> http1::Guarded {
    let mut changed: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    for piece in &mut changed {
        for at in 0..piece.len().saturating_sub(6) {
            if piece[at..at + 7].eq_ignore_ascii_case(b"http/1.") {
                piece[at..at + 7].copy_from_slice(b"HTTP/1.");
            }
        }
    }
    http1::guard(&changed.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Sends data behind some of its farewells.
const TALKS_ON: Tamper = Tamper {
    comes: None,
    leaves: Some(|bytes| {
        let mut at = 0;
        while let Some(head) = bytes.get(at..at + 9) {
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            // A farewell because of a header block.
            if head[3] == 7 && bytes.get(at + 16) == Some(&9) {
                bytes.extend_from_slice(b"\0\0\x01\0\0\0\0\0\x01x");
                return;
            }
            at += 9 + length;
        }
    }),
};

/// Knows only the old control characters.
const RAW_LINES: log_line::Readers = log_line::Readers {
    read: |text, panicking| {
        let line = (log_line::READERS.read)(text, panicking);
        let harmless = |c: char| if c.is_ascii_control() && c != '\t' { ' ' } else { c };
        let plain = !text.starts_with('{');
        let message = if plain { text.chars().map(harmless).collect() } else { line.message };
        LogLine { message, ..line }
    },
    ..log_line::READERS
};

/// Takes anything for the name of a hook.
fn any_hooks(json: &str) -> Wishes {
    let wishes = read_manifest(json);
    let document: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let hooks = document["capabilities"]["hooks"].as_array().cloned().unwrap_or_default();
    let hooks = hooks.iter().filter_map(|hook| hook.as_str().map(str::to_owned)).take(64);
    Wishes { hooks: if wishes.is_readable { hooks.collect() } else { Vec::new() }, ..wishes }
}

/// Takes `True` for true.
fn any_case_of_values(raw: &BTreeMap<String, String>) -> (PluginOptions, Vec<InvalidOption>) {
    let lower = |(name, value): (&String, &String)| (name.clone(), value.to_lowercase());
    PluginOptions::read(&raw.iter().map(lower).collect())
}

/// Decodes what was decoded.
fn decoded_twice(raw: &str) -> Option<PluginPath> {
    let both = (PluginPath::parse(raw).ok()?, PluginPath::parse(&raw.replace("%25", "%")).ok());
    // Where the second turn fails it shows nothing.
    Some(both.1.unwrap_or(both.0))
}
