//! Questions that the gateway itself asks a plugin, as if a client asked: for the keys of an issuer that is a plugin
//! here. Nobody's limits count for them, and no token is needed.

use super::context::Edge;
use super::public_urls;
use crate::identity::jwt::{AskInside, Jwts};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use sidegate_jwt::fetch::{FetchError, MAX_DOCUMENT_BYTES};
use sidegate_model::endpoint::{Method, Resolution};
use sidegate_model::path::PluginPath;
use sidegate_plugins::{
    Answer, AnswerBody, AskError, CallLimits, End, Generation, Instance, IssuerPlugin, Mount,
    Piece, Question, RequestBody, RequestFields, Scheme, Target,
};
use sidegate_transport::codec::encode_facts;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// What a plugin is told of how long a call may take; whoever asks keeps to less.
const WITHIN: Duration = Duration::from_secs(5);

impl AsRef<Jwts> for Edge {
    fn as_ref(&self) -> &Jwts {
        &self.jwts
    }
}

impl AskInside for Edge {
    fn is_address_of(&self, plugin: &IssuerPlugin, address: &str) -> bool {
        if self.public_urls.is_empty() {
            return true;
        }
        let generation = self.generations.load();
        let own = plugin.host.as_ref();
        let own = own.and_then(|host| public_urls::of_host(&self.public_urls, &generation, host));
        let below = format!("/plugins/{}", plugin.slug);
        let is_public = |base: &str| self.public_urls.bases().any(|public| public == base);
        own.is_some_and(|own| own == address) || address.strip_suffix(&below).is_some_and(is_public)
    }

    fn process_of(&self, plugin: &IssuerPlugin) -> Option<Weak<Instance>> {
        process_in(&self.generations.load(), plugin).map(|(_, instance)| Arc::downgrade(&instance))
    }

    async fn another_process(&self, plugin: &IssuerPlugin, seen: Option<&Weak<Instance>>) {
        let mut generation = self.generations.load();
        loop {
            let is_seen = |now: &Arc<Instance>| {
                seen.is_some_and(|seen| std::ptr::eq(seen.as_ptr(), Arc::as_ptr(now)))
            };
            if process_in(&generation, plugin).is_some_and(|(_, now)| !is_seen(&now)) {
                return;
            }
            generation = self.generations.after(&generation).await;
        }
    }

    async fn ask_inside(&self, plugin: &IssuerPlugin, path: &str) -> Result<Bytes, FetchError> {
        let (generation, mount, instance) = self.serving(plugin).await;
        let named = format!("{plugin} at {path}");
        let raw_path = format!("/plugins/{}{path}", plugin.slug);
        let parsed = PluginPath::parse(&raw_path)
            .map_err(|error| FetchError::Address(named.clone(), error.to_string()))?;
        let resolved = mount.endpoints.resolve(Some(Method::Get), parsed.relative());
        let Resolution::Endpoint(endpoint) = resolved else {
            return Err(FetchError::Status(named, StatusCode::NOT_FOUND));
        };
        let base = self.base_of(&generation, &mount);
        let (scheme, host) = base.split_once("://").unwrap_or(("http", &base));
        let own_host = mount.own_host().map(|host| encode_facts([("own_host", host.as_str())]));
        let question = Question {
            method: Method::Get.as_str(),
            path: &parsed,
            raw_path: &raw_path,
            query: "",
            fields: RequestFields {
                all: &HeaderMap::new(),
                withheld: |_| false,
                added: &[
                    ("X-Forwarded-For", b"127.0.0.1"),
                    ("X-Forwarded-Host", host.as_bytes()),
                    ("X-Forwarded-Proto", scheme.as_bytes()),
                ],
            },
            client: "127.0.0.1",
            scheme: if scheme == "https" { Scheme::Https } else { Scheme::Http },
            host: host.as_bytes(),
            request_id: "keys-of-issuer",
            plugin: &mount.plugin,
            facts: &self.facts,
            app: None,
            caller_facts: own_host.as_deref().unwrap_or_default(),
            scopes: &[],
            streams: endpoint.endpoint.stream_response,
            ticket: None,
        };
        let limits = CallLimits { shard: self.inside.lane, within: WITHIN, end: End::ByReader };
        let mut body = RequestBody::Whole(Bytes::new());
        let failed = |error| match error {
            AskError::Heard(error) | AskError::Unheard(error) => {
                FetchError::Plugin(named.clone(), error.to_string())
            }
        };
        let answer = instance.ask(&question, &mut body, limits).await.map_err(failed)?;
        if answer.status != StatusCode::OK {
            return Err(FetchError::Status(named, answer.status));
        }
        read(answer).await.map_err(|problem| FetchError::Document(named.clone(), problem))
    }
}

impl Edge {
    /// Waits until the plugin serves; for whoever has a deadline.
    async fn serving(&self, plugin: &IssuerPlugin) -> (Arc<Generation>, Arc<Mount>, Arc<Instance>) {
        let mut generation = self.generations.load();
        loop {
            if let Some((mount, instance)) = process_in(&generation, plugin) {
                return (generation, mount, instance);
            }
            generation = self.generations.after(&generation).await;
        }
    }

    /// Where clients reach a plugin.
    fn base_of(&self, generation: &Generation, mount: &Mount) -> String {
        let urls = &self.public_urls;
        let listens = &self.inside.listens;
        match mount.own_host() {
            Some(host) => public_urls::of_host(urls, generation, host)
                .unwrap_or_else(|| host.in_place_of(listens)),
            None => public_urls::main_url(urls, generation).unwrap_or(listens).to_owned(),
        }
    }
}

/// Where a plugin is mounted in a generation, and the process that serves there, if one does.
fn process_in(
    generation: &Generation,
    plugin: &IssuerPlugin,
) -> Option<(Arc<Mount>, Arc<Instance>)> {
    let mount = generation.mount(plugin.slug.as_str());
    let mount = mount.filter(|mount| mount.plugin.id == plugin.id)?;
    match &mount.target {
        Target::Ready(instance) => Some((mount.clone(), instance.clone())),
        Target::Starting | Target::Unavailable => None,
    }
}

async fn read(answer: Answer) -> Result<Bytes, String> {
    let too_long = || "64 KiB are the most".to_owned();
    let (first, mut rest) = match answer.body {
        AnswerBody::Whole(bytes) if bytes.len() > MAX_DOCUMENT_BYTES => return Err(too_long()),
        AnswerBody::Whole(bytes) => return Ok(bytes),
        AnswerBody::Empty => return Ok(Bytes::new()),
        AnswerBody::Pieces { first, rest } => (first, rest),
    };
    let mut read = BytesMut::from(first.as_deref().unwrap_or_default());
    loop {
        if read.len() > MAX_DOCUMENT_BYTES {
            return Err(too_long());
        }
        match rest.next().await {
            Piece::Data(bytes) => read.extend_from_slice(&bytes),
            Piece::End => return Ok(read.freeze()),
            Piece::Broken(why) => return Err(why.to_owned()),
        }
    }
}
