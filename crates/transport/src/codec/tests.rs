//! The hand-written codec against the generated types: the same bytes mean the same, both ways.

mod entries;
mod nesting;

use super::*;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use sidegate_wire::plugin as wire;
use std::collections::HashMap;
use wire::endpoint_response_chunk::ChunkType;

/// Some piece of a message: fields known and unknown, sound and unsound.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let field = prop_oneof![1_u32..16, Just(1000), Just(1001), Just(77)];
    let text = prop_oneof!["[a-cA-C]{0,3}".prop_map(String::into_bytes), vec(any::<u8>(), 0..3)];
    let pair = (text.clone(), text.clone(), any::<bool>()).prop_map(|(name, value, swapped)| {
        let mut parts = [delimited(1, &name), delimited(2, &value)];
        if swapped {
            parts.reverse();
        }
        parts.concat()
    });
    let app = (any::<u32>(), "[a-z]{0,4}")
        .prop_map(|(id, name)| wire::App { id, name, ..Default::default() }.encode_to_vec());
    let context = ("[a-z]{0,4}", "[a-z]{0,2}", "[a-z]{0,2}").prop_map(|(id, name, value)| {
        let map = HashMap::from([(name, value)]);
        wire::PluginContext { request_id: id, metadata: map, ..Default::default() }.encode_to_vec()
    });
    let content = prop_oneof![4 => text, 4 => pair, 1 => app, 1 => context];
    prop_oneof![
        // Where it belongs, mostly.
        6 => (field.clone(), content).prop_map(|(field, content)| delimited(field, &content)),
        3 => (field.clone(), any::<u64>()).prop_map(|(field, value)| number(field, value)),
        2 => (prop_oneof![Just(1_u32), Just(2), Just(12)], 0_u64..700).prop_map(|(f, v)| number(f, v)),
        1 => (20_u32..90, any::<u64>()).prop_map(|(field, value)| group(field, &number(7, value))),
        1 => (20_u32..90).prop_map(|field| [key(field, WireType::SixtyFourBit), vec![0; 8]].concat()),
        1 => (20_u32..90).prop_map(|field| [key(field, WireType::ThirtyTwoBit), vec![0; 4]].concat()),
    ]
}

/// Messages made of such pieces; every tenth is cut or changed somewhere.
fn message() -> impl Strategy<Value = Bytes> {
    let broken = proptest::option::weighted(0.1, (any::<proptest::sample::Index>(), any::<u8>()));
    (vec(piece(), 0..6), broken).prop_map(|(pieces, broken)| {
        let mut bytes = pieces.concat();
        if let Some((at, byte)) = broken
            && !bytes.is_empty()
        {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.into()
    })
}

fn key(field: u32, kind: WireType) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(field, kind, &mut out);
    out
}

fn number(field: u32, value: u64) -> Vec<u8> {
    let mut out = key(field, WireType::Varint);
    encode_varint(value, &mut out);
    out
}

fn delimited(field: u32, content: &[u8]) -> Vec<u8> {
    let mut out = key(field, WireType::LengthDelimited);
    encode_varint(content.len() as u64, &mut out);
    [out, content.to_vec()].concat()
}

fn group(field: u32, content: &[u8]) -> Vec<u8> {
    [&key(field, WireType::StartGroup)[..], content, &key(field, WireType::EndGroup)].concat()
}

/// Headers as the gateway takes them from a generated message: the list, else the map.
fn seen(map: &HashMap<String, String>, list: &[wire::HeaderField]) -> Vec<(String, Vec<u8>)> {
    if !list.is_empty() {
        return list.iter().map(|f| (f.name.clone(), f.value.to_vec())).collect();
    }
    let mut seen: Vec<_> =
        map.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    seen.sort();
    seen
}

fn shown(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    let mut shown: Vec<_> = fields.iter().map(|(n, v)| (n.to_owned(), v.to_vec())).collect();
    for (name, _) in &shown {
        assert!(fields.get(name).is_some());
    }
    if fields.is_map() {
        shown.sort();
    }
    shown
}

fn same_answer(hand: &Answer, generated: &wire::EndpointResponse) -> Result<(), TestCaseError> {
    prop_assert_eq!(hand.status_code, generated.status_code);
    prop_assert_eq!(shown(&hand.headers), seen(&generated.headers, &generated.header_list));
    prop_assert_eq!(&hand.body, &generated.body);
    prop_assert_eq!(&*hand.error_message, &generated.error_message);
    Ok(())
}

fn same_chunk(hand: &Chunk, generated: &wire::EndpointResponseChunk) -> Result<(), TestCaseError> {
    prop_assert_eq!(hand.kind, generated.r#type());
    prop_assert_eq!(hand.status_code, generated.status_code);
    prop_assert_eq!(shown(&hand.headers), seen(&generated.headers, &generated.header_list));
    prop_assert_eq!(&hand.data, &generated.data);
    prop_assert_eq!(&*hand.error_message, &generated.error_message);
    Ok(())
}

fn same_request(
    hand: &ReceivedRequest,
    generated: &wire::EndpointRequest,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(&*hand.method, &generated.method);
    prop_assert_eq!(&*hand.path, &generated.path);
    prop_assert_eq!(&*hand.relative_path, &generated.relative_path);
    prop_assert_eq!(&hand.path_segments, &generated.path_segments);
    prop_assert_eq!(shown(&hand.headers), seen(&generated.headers, &generated.header_list));
    prop_assert_eq!(&hand.body, &generated.body);
    prop_assert_eq!(&*hand.query_string, &generated.query_string);
    prop_assert_eq!(&*hand.remote_addr, &generated.remote_addr);
    prop_assert_eq!(&*hand.host, &generated.host);
    prop_assert_eq!(&*hand.protocol, &generated.protocol);
    prop_assert_eq!(hand.authenticated, generated.authenticated);
    prop_assert_eq!(&hand.app, &generated.app);
    prop_assert_eq!(&hand.scopes, &generated.scopes);
    prop_assert_eq!(&hand.raw_path, &generated.raw_path);
    prop_assert_eq!(hand.context.is_some(), generated.context.is_some());
    if let (Some(hand), Some(generated)) = (&hand.context, &generated.context) {
        prop_assert_eq!(&*hand.request_id, &generated.request_id);
        prop_assert_eq!(shown(&hand.metadata), seen(&generated.metadata, &[]));
        prop_assert_eq!(shown(&hand.trace_context), seen(&generated.trace_context, &[]));
    }
    Ok(())
}

/// Both read the bytes the same, or neither can read them.
fn agree(bytes: &Bytes) -> Result<(), TestCaseError> {
    let (hand, generated) = (Answer::decode(bytes), wire::EndpointResponse::decode(&bytes[..]));
    prop_assert_eq!(hand.is_ok(), generated.is_ok(), "{:?} {:?}", hand, generated);
    if let (Ok(hand), Ok(generated)) = (hand, generated) {
        same_answer(&hand, &generated)?;
    }
    let (hand, generated) = (Chunk::decode(bytes), wire::EndpointResponseChunk::decode(&bytes[..]));
    prop_assert_eq!(hand.is_ok(), generated.is_ok(), "{:?} {:?}", hand, generated);
    if let (Ok(hand), Ok(generated)) = (hand, generated) {
        same_chunk(&hand, &generated)?;
    }
    let generated = wire::EndpointRequest::decode(&bytes[..]);
    let hand = ReceivedRequest::decode(bytes);
    prop_assert_eq!(hand.is_ok(), generated.is_ok(), "{:?} {:?}", hand, generated);
    if let (Ok(hand), Ok(generated)) = (hand, generated) {
        same_request(&hand, &generated)?;
    }
    Ok(())
}

/// The message without its prefix, which must tell its length.
fn unframed(encoded: &Encoded) -> Bytes {
    let whole = [&encoded.head[..], &encoded.body].concat();
    let (prefix, message) = whole.split_at(5);
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    assert_eq!(prefix, [&[0][..], &length].concat());
    assert_eq!(message.len(), encoded.message_len());
    Bytes::copy_from_slice(message)
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![
        "[a-z]{1,3}(-[a-z_0-9]{1,3})?",
        "[a-z0-9!_~^`|.-]{1,20}",
        Just("cookie".to_owned()),
        Just("host".to_owned()),
        Just("traceparent".to_owned()),
    ];
    let value = prop_oneof![
        "[ -~]{0,200}".prop_map(String::into_bytes),
        vec(prop_oneof![0x20_u8..0x7f, 0x80_u8..=0xff], 0..6),
    ];
    vec((name, value), 0..8).prop_map(|headers| {
        let field = |(name, value): (String, Vec<u8>)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(&value).unwrap())
        };
        headers.into_iter().map(field).collect()
    })
}

fn body() -> impl Strategy<Value = Bytes> {
    prop_oneof![Just(0_usize), 1_usize..300, 2040_usize..2060, Just(100_000)]
        .prop_map(|size| vec![b'b'; size].into())
}

fn spelled(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Vec<u8> {
    let separator: &[u8] = if *name == header::COOKIE { b"; " } else { b", " };
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(separator)
}

fn trace(headers: &HeaderMap) -> HashMap<String, String> {
    let text = headers.get("traceparent").and_then(|value| value.to_str().ok());
    text.map(|text| ("traceparent".to_owned(), text.to_owned())).into_iter().collect()
}

/// The message that the generated type would be made of.
fn expected<'a>(
    parts: &RequestParts<'a, impl Iterator<Item = &'a str> + Clone>,
    app: Option<&wire::App>,
) -> wire::EndpointRequest {
    let names = || parts.headers.keys().filter(|name| *name != header::HOST);
    let text = |name| String::from_utf8_lossy(&joined(parts.headers, name)).into_owned();
    let lossy = |value| String::from_utf8_lossy(value).into_owned();
    let told = || parts.added.iter().filter(|(_, value)| !value.is_empty());
    let added = told().map(|(name, value)| ((*name).to_owned(), lossy(value)));
    let map = names().map(|name| (spelled(name.as_str()), text(name))).chain(added);
    let list = names().flat_map(|name| {
        let all = parts.headers.get_all(name).iter().map(|v| v.as_bytes().to_vec());
        let cookies = *name == header::COOKIE;
        let values = if cookies { vec![joined(parts.headers, name)] } else { all.collect() };
        let field = move |value: Vec<u8>| wire::HeaderField {
            name: spelled(name.as_str()),
            value: value.into(),
        };
        values.into_iter().map(field).collect::<Vec<_>>()
    });
    let added = told().map(|(name, value)| wire::HeaderField {
        name: (*name).to_owned(),
        value: Bytes::copy_from_slice(value),
    });
    let list = list.chain(added);
    wire::EndpointRequest {
        method: parts.method.to_owned(),
        path: parts.path.to_owned(),
        relative_path: parts.relative_path.to_owned(),
        path_segments: parts.path_segments.clone().map(str::to_owned).collect(),
        headers: if parts.header_list { HashMap::new() } else { map.collect() },
        body: parts.body.clone(),
        query_string: parts.query_string.to_owned(),
        remote_addr: parts.remote_addr.to_owned(),
        host: String::from_utf8_lossy(parts.host).into_owned(),
        protocol: parts.protocol.to_owned(),
        context: Some(wire::PluginContext {
            request_id: parts.request_id.to_owned(),
            metadata: HashMap::from([("edge_id".to_owned(), "e1".to_owned())]),
            trace_context: trace(parts.headers),
            ..Default::default()
        }),
        authenticated: app.is_some(),
        app: app.cloned(),
        scopes: parts.scopes.to_vec(),
        header_list: if parts.header_list { list.collect() } else { Vec::new() },
        raw_path: Bytes::copy_from_slice(parts.raw_path.as_bytes()),
    }
}

#[test]
fn parts_of_a_message_that_are_sound_only_together_are_refused() {
    let context = b"Z\x03aaaZ\x01aZ\x05\n\x01\0\x12\0";
    agree(&Bytes::from_static(context)).unwrap();
    assert!(ReceivedRequest::decode(&Bytes::from_static(context)).is_err());
    // The same of an app.
    let app = b"j\x03aaaj\x01aj\x05\n\x01\0\x12\0";
    agree(&Bytes::from_static(app)).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_message_reads_as_the_generated_type_reads_it(bytes in message()) {
        agree(&bytes)?;
    }

    #[test]
    fn any_bytes_read_as_the_generated_type_reads_them(bytes in vec(any::<u8>(), 0..24)) {
        agree(&bytes.into())?;
    }
}

proptest! {
    #[test]
    fn a_request_written_by_hand_is_the_generated_one(
        (headers, header_list, body) in (headers(), any::<bool>(), body()),
        segments in vec("[a-z/ ä]{0,4}", 0..4),
        (query, id, host) in ("[ -~]{0,300}", "[a-z]{0,40}", vec(any::<u8>(), 0..5)),
        caller in proptest::option::of((any::<u32>(), "[a-z]{0,300}", vec("[a-z]{0,5}", 0..3))),
    ) {
        let app = caller.as_ref().map(|(id, name, _)| {
            wire::App { id: *id, name: name.clone(), is_active: true, ..Default::default() }
        });
        let (facts, encoded_app) = (encode_facts([("edge_id", "e1")]), app.as_ref().map(encode_app));
        let parts = RequestParts {
            method: "POST",
            path: "/plugins/s/x",
            relative_path: "/x",
            path_segments: segments.iter().map(String::as_str),
            headers: &headers,
            withheld: |name| *name == header::HOST,
            added: &[("X-Added", b"a\xffb"), ("X-Not", b"")],
            header_list,
            body: &body,
            query_string: &query,
            remote_addr: "::1",
            host: &host,
            protocol: "http",
            request_id: &id,
            facts: &facts,
            caller_facts: &[],
            app: encoded_app.as_deref(),
            scopes: caller.as_ref().map_or(&[], |(_, _, scopes)| scopes),
            raw_path: if header_list { "/plugins/s/%78" } else { "" },
        };
        let encoded = parts.encode().unwrap();
        let message = unframed(&encoded);
        let generated = expected(&parts, app.as_ref());
        prop_assert_eq!(&wire::EndpointRequest::decode(&message[..]).unwrap(), &generated);
        same_request(&ReceivedRequest::decode(&message).unwrap(), &generated)?;
        same_request(&ReceivedRequest::decode(&generated.encode_to_vec().into()).unwrap(), &generated)?;
    }

    #[test]
    fn an_answer_written_by_hand_is_the_generated_one(
        list in vec(("[a-zA-Z-]{0,8}", vec(any::<u8>(), 0..200)), 0..5),
        map in proptest::collection::hash_map("[a-zA-Z-]{0,8}", "[ -~ä]{0,200}", 0..5),
        (status_code, error, body) in (any::<i32>(), "[a-zä]{0,3}", body()),
    ) {
        let pairs = list.iter().map(|(name, value)| (name.as_str(), &value[..]));
        let texts = map.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let field = |(name, value): &(String, Vec<u8>)| wire::HeaderField {
            name: name.clone(),
            value: value.clone().into(),
        };
        let generated = wire::EndpointResponse {
            status_code,
            headers: map.clone(),
            body: body.clone(),
            error_message: error.clone(),
            header_list: list.iter().map(field).collect(),
        };
        let parts = AnswerParts {
            status_code,
            header_list: pairs.clone(),
            headers: texts.clone(),
            body: body.clone(),
            error_message: &error,
        };
        let message = unframed(&parts.encode().unwrap());
        prop_assert_eq!(&wire::EndpointResponse::decode(&message[..]).unwrap(), &generated);
        same_answer(&Answer::decode(&message).unwrap(), &generated)?;
        for kind in [ChunkType::Headers, ChunkType::Body, ChunkType::Done, ChunkType::Error] {
            let generated = wire::EndpointResponseChunk {
                r#type: kind.into(),
                status_code,
                headers: map.clone(),
                data: body.clone(),
                error_message: error.clone(),
                header_list: generated.header_list.clone(),
            };
            let parts = ChunkParts {
                kind,
                status_code,
                header_list: pairs.clone(),
                headers: texts.clone(),
                data: body.clone(),
                error_message: &error,
            };
            let message = unframed(&parts.encode().unwrap());
            prop_assert_eq!(&wire::EndpointResponseChunk::decode(&message[..]).unwrap(), &generated);
            same_chunk(&Chunk::decode(&message).unwrap(), &generated)?;
        }
    }

    #[test]
    fn numbers_take_as_many_bytes_as_they_say(number in any::<u64>(), shift in 0_u32..64) {
        let mut out = Vec::new();
        put::number(&mut out, number >> shift);
        prop_assert_eq!(out.len(), put::number_len(number >> shift));
    }
}

/// One request, byte by byte: what is on the wire changes only on purpose.
#[test]
fn a_request_has_these_bytes() {
    let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("*/*"))]);
    let parts = RequestParts {
        method: "GET",
        path: "/plugins/s/a",
        relative_path: "/a",
        path_segments: ["a"].into_iter(),
        headers: &headers,
        withheld: |_| false,
        added: &[],
        header_list: true,
        body: &Bytes::from_static(b"hi"),
        query_string: "",
        remote_addr: "::1",
        host: b"h",
        protocol: "http",
        request_id: "r",
        facts: &encode_facts([("edge_id", "e")]),
        caller_facts: &encode_facts([("jwt_subject", "u")]),
        app: None,
        scopes: &[],
        raw_path: "",
    };
    let expected = b"\0\0\0\0\x61\
        \x0a\x03GET\x12\x0c/plugins/s/a\x1a\x02/a\x22\x01a\x42\x03::1\x4a\x01h\x52\x04http\
        \x5a\x23\x0a\x01r\x3a\x0c\x0a\x07edge_id\x12\x01e\x3a\x10\x0a\x0bjwt_subject\x12\x01u\
        \xc2\x3e\x0d\x0a\x06Accept\x12\x03*/*\x32\x02hi";
    let encoded = parts.encode().unwrap();
    assert_eq!(encoded.head.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn a_large_body_is_neither_copied_when_written_nor_when_read() {
    let body = Bytes::from(vec![7; 5000]);
    let parts = AnswerParts {
        status_code: 200,
        header_list: [("A", &b"1"[..])],
        headers: [],
        body: body.clone(),
        error_message: "",
    };
    let encoded = parts.encode().unwrap();
    assert_eq!(encoded.body.as_ptr(), body.as_ptr());
    let message = unframed(&encoded);
    let answer = Answer::decode(&message).unwrap();
    let start = message.len() - body.len();
    assert_eq!(answer.body.as_ptr(), message[start..].as_ptr());
    let (_, value) = answer.headers.iter().next().unwrap();
    assert_eq!(answer.headers.share(value).as_ptr(), value.as_ptr());
}

#[test]
fn debug_output_holds_no_header_values() {
    let message = wire::EndpointResponse {
        headers: HashMap::from([("Set-Cookie".to_owned(), "secret".to_owned())]),
        ..Default::default()
    };
    let answer = Answer::decode(&message.encode_to_vec().into()).unwrap();
    let text = format!("{:?}", answer.headers);
    assert_eq!(text, "[\"Set-Cookie\"]");
}

/// Few entries are told apart in another way than many.
#[test]
fn the_last_of_a_maps_entries_with_one_name_counts_however_many_there_are() {
    for names in [3, 9, 16, 17, 40] {
        let entry = |n: usize| {
            let name = format!("x-{}", n % names);
            delimited(2, &[delimited(1, name.as_bytes()), delimited(2, &[n as u8])].concat())
        };
        let message: Vec<u8> = (0..2 * names).flat_map(entry).collect();
        let answer = Answer::decode(&message.into()).unwrap();
        let mut values: Vec<_> = answer.headers.iter().map(|(_, value)| value[0]).collect();
        values.sort_unstable();
        let last: Vec<_> = (names..2 * names).map(|n| n as u8).collect();
        assert_eq!(values, last);
    }
}

/// A plugin decides what its message holds besides the headers.
#[test]
fn reading_a_map_takes_no_longer_for_what_else_the_message_holds() {
    let mut message = Vec::new();
    for n in 0..400 {
        let entry = [delimited(1, format!("x-{n}").as_bytes()), delimited(2, b"v")].concat();
        message.extend(delimited(2, &entry));
    }
    for _ in 0..1_000_000 {
        message.extend(number(15, 0));
    }
    let begun = std::time::Instant::now();
    let answer = Answer::decode(&message.into()).unwrap();
    assert_eq!(answer.headers.iter().count(), 400);
    // Once through takes milliseconds; once for each header took minutes.
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}
