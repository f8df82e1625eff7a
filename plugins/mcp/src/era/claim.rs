//! What a client's request says of its era, held against its headers: who reads only these must not be told another story.

use serde_json::{Value, json};
use sidegate_sdk::Request;

use super::{HEADER_MISMATCH, STATELESS, UNSUPPORTED_VERSION, headers, is_stateless, meta};
use crate::fields::Fields;
use crate::message::Message;
use crate::refusal::Refusal;

/// The headers that repeat what a body says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    pub(crate) version: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) name: Option<String>,
    /// One that is there more than once: two programs could read different ones.
    pub(crate) repeated: Option<&'static str>,
}

const VERSION: &str = "MCP-Protocol-Version";
const METHOD: &str = "Mcp-Method";
const NAME: &str = "Mcp-Name";

impl Headers {
    pub(crate) fn of(req: &Request) -> Self {
        let header =
            |name| req.header(name).map(|value| value.trim_matches([' ', '\t']).to_owned());
        let all = |name| req.headers().get_all(name);
        let newer = all(VERSION).find_map(|value| {
            let value = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
            is_stateless(value).then(|| value.to_owned())
        });
        Self {
            version: newer.or_else(|| header(VERSION)),
            method: header(METHOD),
            name: header(NAME),
            repeated: [VERSION, METHOD, NAME].into_iter().find(|name| all(name).count() > 1),
        }
    }

    /// Whether they name the newer era.
    pub(crate) fn are_stateless(&self) -> bool {
        self.version.as_deref().is_some_and(is_stateless)
    }
}

/// Whether a message stands alone. One that says so and is not as it has to be is refused.
pub(crate) fn stands_alone(message: &Message, headers: &Headers) -> Result<bool, Refusal> {
    let answering = |refusal: Refusal| refusal.answering(message.asks());
    let (method, params) = match message {
        Message::Request { method, params, .. } | Message::Notification { method, params } => {
            (method, params)
        }
        Message::Answer { .. } if headers.are_stateless() => {
            return Err(Refusal::new(400, -32600, "Invalid Request: answers are not posted"));
        }
        Message::Answer { .. } => return Ok(false),
    };
    let envelope = params.as_ref().and_then(|params| params.object("_meta"));
    let claims = envelope.as_ref().is_some_and(|meta| meta.raw(meta::VERSION).is_some());
    if !claims && !headers.are_stateless() {
        return Ok(false);
    }
    match message {
        Message::Request { .. } if !claims && method == "initialize" => {
            Err(answering(mismatch("initialize is of an older version than MCP-Protocol-Version")))
        }
        Message::Request { .. } => {
            once(headers).map_err(answering)?;
            let version = claimed(envelope.as_ref()).map_err(answering)?;
            same_version(headers, &version).map_err(answering)?;
            same_method(headers, method).map_err(answering)?;
            supported(&version).map_err(answering)?;
            complete(headers, method, params.as_ref()).map_err(answering)?;
            Ok(true)
        }
        _ => {
            once(headers)?;
            if let Some(version) = envelope.and_then(|meta| meta.text(meta::VERSION)) {
                same_version(headers, &version)?;
            }
            same_method(headers, method)?;
            Ok(true)
        }
    }
}

/// The version that a request names, which has all that it has to have.
fn claimed(envelope: Option<&Fields>) -> Result<String, Refusal> {
    let lacks = |key: &str| {
        Refusal::new(400, -32602, format!("Invalid params: _meta lacks {key}, or has it wrong"))
    };
    let envelope = envelope.ok_or_else(|| lacks(meta::VERSION))?;
    let version = envelope.text(meta::VERSION).ok_or_else(|| lacks(meta::VERSION))?;
    envelope.object(meta::CAPABILITIES).ok_or_else(|| lacks(meta::CAPABILITIES))?;
    if envelope.raw(meta::CLIENT).is_some() {
        envelope.object(meta::CLIENT).ok_or_else(|| lacks(meta::CLIENT))?;
    }
    Ok(version)
}

fn once(headers: &Headers) -> Result<(), Refusal> {
    match headers.repeated {
        Some(name) => Err(mismatch(&format!("{name} is there more than once"))),
        None => Ok(()),
    }
}

fn same_version(headers: &Headers, version: &str) -> Result<(), Refusal> {
    match &headers.version {
        Some(named) if named != version => {
            Err(mismatch("MCP-Protocol-Version is not the version of the body"))
        }
        _ => Ok(()),
    }
}

fn same_method(headers: &Headers, method: &str) -> Result<(), Refusal> {
    match &headers.method {
        Some(named) if named != method => Err(mismatch("Mcp-Method is not the method of the body")),
        _ => Ok(()),
    }
}

fn supported(version: &str) -> Result<(), Refusal> {
    if version == STATELESS {
        return Ok(());
    }
    let data: Value = json!({"supported": [STATELESS], "requested": version});
    Err(Refusal::new(400, UNSUPPORTED_VERSION, "Unsupported protocol version").with_data(data))
}

/// All headers that a request needs are there, and the name is the body's.
fn complete(headers: &Headers, method: &str, params: Option<&Fields>) -> Result<(), Refusal> {
    if headers.version.is_none() {
        return Err(mismatch("MCP-Protocol-Version is missing"));
    }
    if headers.method.is_none() {
        return Err(mismatch("Mcp-Method is missing"));
    }
    let Some(name) = headers::name_of(method, params) else { return Ok(()) };
    let Some(named) = &headers.name else { return Err(mismatch("Mcp-Name is missing")) };
    match headers::decode(named) {
        Some(named) if named == name => Ok(()),
        Some(_) => Err(mismatch("Mcp-Name is not the name in the body")),
        None => Err(mismatch("Mcp-Name cannot be decoded")),
    }
}

pub(crate) fn mismatch(why: &str) -> Refusal {
    Refusal::new(400, HEADER_MISMATCH, format!("Header mismatch: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn code(message: &str, [version, method, name]: [&str; 3]) -> Result<bool, i32> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let [version, method, name] = [version, method, name].map(some);
        let headers = Headers { version, method, name, repeated: None };
        let message = Message::parse(message.as_bytes()).unwrap();
        stands_alone(&message, &headers).map_err(|refusal| refusal.code)
    }

    fn call(params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#)
    }

    #[test]
    fn headers_that_differ_from_the_body_are_refused() {
        let good = call(&format!(r#""name":"é","arguments":{{}},{META}"#));
        let name = "=?base64?w6k=?=";
        assert_eq!(code(&good, [STATELESS, "tools/call", name]), Ok(true));
        for headers in [
            ["", "tools/call", name],
            [STATELESS, "", name],
            [STATELESS, "tools/call", ""],
            ["2025-11-25", "tools/call", name],
            ["v999", "tools/call", name],
            [STATELESS, "Tools/Call", name],
            [STATELESS, "tools/list", name],
            [STATELESS, "tools/call", "=?base64?w6k?="],
            [STATELESS, "tools/call", "e"],
        ] {
            assert_eq!(code(&good, headers), Err(HEADER_MISMATCH), "{headers:?}");
        }
        let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
        assert_eq!(code(initialize, [STATELESS, "initialize", ""]), Err(HEADER_MISMATCH));
    }

    #[test]
    fn what_a_request_has_to_say_of_itself_is_missed_and_unknown_versions_are_named() {
        for meta in [
            "",
            r#""_meta":{}"#,
            r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        ] {
            assert_eq!(code(&call(meta), [STATELESS, "tools/call", ""]), Err(-32602), "{meta}");
        }
        let other = call(&META.replace(STATELESS, "v999.0.0"));
        assert_eq!(code(&other, ["v999.0.0", "tools/call", ""]), Err(UNSUPPORTED_VERSION));
        assert_eq!(code(&other, ["", "tools/call", ""]), Err(UNSUPPORTED_VERSION));
    }

    #[test]
    fn what_names_no_newer_version_is_of_the_older_era() {
        for version in ["", "2025-11-25", "nonsense"] {
            assert_eq!(code(&call(""), [version, "other", "other"]), Ok(false));
        }
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(code(answer, ["2025-11-25", "", ""]), Ok(false));
        assert_eq!(code(answer, [STATELESS, "", ""]), Err(-32600));
    }
}
