//! What of a thing the audit log looks at: all that people chose, for the names of what changed, and the same
//! without its secrets for the digest, so that nobody can find a secret by guessing at its digest.

use super::{Place, Thing, ThingKind};
use crate::admin_token::AdminToken;
use crate::app::App;
use crate::console_session::{ConsoleLink, ConsoleSession};
use crate::edge::Edge;
use crate::issuer::{Issuer, IssuerDraft};
use crate::name::shortened;
use crate::namespace::KnownNamespace;
use crate::plugin::{Plugin, PluginDraft};
use crate::secret::{SecretPlaces, hide_config, hide_options};
use crate::sha256::Sha256;
use crate::token::Token;
use crate::user::User;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256 as Hasher};
use std::collections::BTreeSet;

/// Most names of what changed.
const MAX_FIELDS: usize = 100;
/// Members whose own members are named where they change.
const NAMED_WITHIN: [&str; 2] = ["config", "options"];

/// A thing whose changes are audited.
pub trait Audited {
    /// How an entry names it.
    fn thing(&self) -> Thing;

    /// Where it is.
    fn place(&self) -> Place;

    /// By what people tell it from others, where its name does not.
    fn hint(&self) -> Option<String> {
        None
    }

    /// All that is part of it, secrets included: never to leave this process.
    fn content(&self) -> Map<String, Value>;

    /// Which of its settings are secrets whatever they are called.
    fn secret_places(&self) -> SecretPlaces {
        SecretPlaces::default()
    }
}

impl Audited for Plugin {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::Plugin, id: self.id.0, name: self.draft.name.clone() }
    }

    fn place(&self) -> Place {
        Place::Namespace(self.draft.namespace.clone())
    }

    fn content(&self) -> Map<String, Value> {
        // Whatever is new in a plugin is decided on here.
        let Self {
            id: _,
            reloads,
            draft,
            public_endpoints,
            secret_settings,
            secrets_version: _,
            created_at: _,
            updated_at: _,
        } = self;
        let PluginDraft {
            namespace,
            name,
            description,
            command,
            config,
            options,
            hook_type,
            hook_types,
            service_scopes,
            is_active,
            managed_by,
        } = draft;
        object(json!({
            "namespace": namespace,
            "name": name,
            "description": description,
            "command": command,
            "config": config,
            "options": options,
            "hook_type": hook_type,
            "hook_types": hook_types,
            "service_scopes": service_scopes,
            "is_active": is_active,
            "managed_by": managed_by,
            "public_endpoints": public_endpoints,
            "secret_settings": secret_settings,
            "reloads": reloads,
        }))
    }

    fn secret_places(&self) -> SecretPlaces {
        Self::secret_places(self)
    }
}

impl Audited for App {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::App, id: self.id.0, name: self.name.clone() }
    }

    fn place(&self) -> Place {
        Place::Namespace(self.namespace.clone())
    }

    fn content(&self) -> Map<String, Value> {
        let Self {
            id: _,
            namespace,
            name,
            description,
            owner_email,
            is_active,
            monthly_budget,
            rate_limit,
            metadata,
            max_staleness,
            managed_by,
            made_for,
            created_at: _,
            updated_at: _,
        } = self;
        let mut content = object(json!({
            "namespace": namespace,
            "name": name,
            "description": description,
            "owner_email": owner_email,
            "is_active": is_active,
            "monthly_budget": monthly_budget,
            "rate_limit": rate_limit,
            "metadata": metadata,
            "max_staleness": max_staleness,
            "managed_by": managed_by,
        }));
        // Of all others digests stay what they were before there were such.
        if let Some(made_for) = made_for {
            content.insert("made_for".to_owned(), json!(made_for));
        }
        content
    }
}

impl Audited for Issuer {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::Issuer, id: self.id.0, name: self.draft.name.clone() }
    }

    fn place(&self) -> Place {
        Place::Namespace(self.draft.namespace.clone())
    }

    fn content(&self) -> Map<String, Value> {
        let Self { id: _, draft, created_at: _, updated_at: _ } = self;
        let IssuerDraft {
            namespace,
            name,
            url,
            jwks_uri,
            audiences,
            algorithms,
            client_claims,
            token_types,
            scopes,
            clients,
            newcomers,
            is_active,
            allow_private,
            leeway,
            keys_max_age,
            managed_by,
        } = draft;
        object(json!({
            "namespace": namespace,
            "name": name,
            "url": url,
            "jwks_uri": jwks_uri,
            "audiences": audiences,
            "algorithms": algorithms,
            "client_claims": client_claims,
            "token_types": token_types,
            "scopes": scopes,
            "clients": clients,
            "create_apps": newcomers.as_ref().map_or(0, |said| said.max),
            "create_apps_owner": newcomers.as_ref().map(|said| &said.owner_email),
            "create_apps_rate_limit": newcomers.as_ref().map(|said| said.rate_limit),
            "is_active": is_active,
            "allow_private": allow_private,
            "leeway": leeway,
            "keys_max_age": keys_max_age,
            "managed_by": managed_by,
        }))
    }
}

impl Audited for Token {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::Token, id: self.id.0, name: self.name.clone() }
    }

    fn place(&self) -> Place {
        Place::App(self.app_id)
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }

    fn content(&self) -> Map<String, Value> {
        let Self {
            id: _,
            app_id,
            name,
            hash: _,
            hint,
            scopes,
            expires_at,
            created_at: _,
            updated_at: _,
            replaced_by,
            last_used: _,
        } = self;
        object(json!({
            "app_id": app_id,
            "name": name,
            "hint": hint,
            "scopes": scopes,
            "expires_at": expires_at,
            "replaced_by": replaced_by,
        }))
    }
}

impl Audited for AdminToken {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::AdminToken, id: self.id.0, name: self.name.clone() }
    }

    fn place(&self) -> Place {
        Place::Nowhere
    }

    fn content(&self) -> Map<String, Value> {
        let Self { id: _, name, hash: _, hint, role, expires_at, last_used_at: _, created_at: _ } =
            self;
        object(json!({
            "name": name,
            "hint": hint,
            "role": role.as_str(),
            "expires_at": expires_at,
        }))
    }
}

impl Audited for User {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::User, id: self.id.0, name: self.name.clone() }
    }

    fn place(&self) -> Place {
        Place::Nowhere
    }

    /// Of a password only when it was given: what is kept of it could be guessed at.
    fn content(&self) -> Map<String, Value> {
        let Self {
            id: _,
            name,
            role,
            is_enabled,
            password: _,
            identity,
            password_changed_at,
            last_signed_in_at: _,
            created_at: _,
            updated_at: _,
        } = self;
        object(json!({
            "name": name,
            "role": role.as_str(),
            "enabled": is_enabled,
            "password": password_changed_at,
            "issuer": identity.as_ref().map(|identity| &identity.issuer),
        }))
    }
}

impl Audited for ConsoleSession {
    fn thing(&self) -> Thing {
        let name = self.who.name().to_owned();
        Thing { kind: ThingKind::Session, id: self.id.0, name }
    }

    fn place(&self) -> Place {
        Place::Nowhere
    }

    fn content(&self) -> Map<String, Value> {
        let Self { via, created_at, expires_at, .. } = self;
        object(json!({
            "via": via.as_str(), "created_at": created_at, "expires_at": expires_at,
        }))
    }
}

impl Audited for ConsoleLink {
    fn thing(&self) -> Thing {
        let name = self.who.name().to_owned();
        Thing { kind: ThingKind::ConsoleLink, id: self.id, name }
    }

    fn place(&self) -> Place {
        Place::Nowhere
    }

    fn content(&self) -> Map<String, Value> {
        object(json!({ "expires_at": self.expires_at }))
    }
}

impl Audited for Edge {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::Edge, id: self.id.0, name: self.name.clone() }
    }

    fn place(&self) -> Place {
        Place::Nowhere
    }

    fn content(&self) -> Map<String, Value> {
        let Self {
            id: _,
            name,
            namespace,
            created_at: _,
            join_token,
            joined,
            certificates_after,
            revoked_at,
            last_seen_at: _,
            last_version: _,
        } = self;
        object(json!({
            "name": name,
            "namespace": namespace.as_str(),
            "join_token": join_token.as_ref().map(|token| (&token.id, token.expires_at)),
            "joined": joined.map(|joined| (joined.key.to_string(), joined.at)),
            "certificates_after": certificates_after,
            "revoked_at": revoked_at,
        }))
    }
}

impl Audited for KnownNamespace {
    fn thing(&self) -> Thing {
        Thing { kind: ThingKind::Namespace, id: self.id.0, name: self.name.to_string() }
    }

    fn place(&self) -> Place {
        Place::Namespace(self.name.clone())
    }

    fn content(&self) -> Map<String, Value> {
        let Self { id: _, name, description, created_at: _ } = self;
        object(json!({ "name": name, "description": description }))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => unreachable!("{other} was written as an object"),
    }
}

/// The SHA-256 of a thing in one form, with a mark in the place of each secret.
pub(super) fn digest(thing: &impl Audited) -> Sha256 {
    let mut content = thing.content();
    for (name, member) in &mut content {
        match (name.as_str(), member) {
            ("config" | "metadata", Value::Object(members)) => {
                hide_config(members, &thing.secret_places());
            }
            ("options", Value::Object(members)) => hide_options(members),
            _ => {}
        }
    }
    let mut text = String::new();
    write_canonical(&Value::Object(content), &mut text);
    Sha256(Hasher::digest(text).into())
}

/// Members in the order of their names, whatever order they came in.
fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            text.push('{');
            for (name, member) in members {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(member, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// What is different, by name, within a bound. Also names secrets that became others: their names are none.
pub(super) fn different<T: Audited>(before: &T, after: &T) -> Vec<String> {
    let (before, after) = (before.content(), after.content());
    let mut fields = Vec::new();
    for name in differing(&before, &after) {
        match (before.get(name), after.get(name)) {
            (Some(Value::Object(before)), Some(Value::Object(after)))
                if NAMED_WITHIN.contains(&name.as_str()) =>
            {
                let within = differing(before, after).into_iter();
                fields.extend(within.map(|member| format!("{name}.{}", shortened(member))));
            }
            _ => fields.push(name.clone()),
        }
    }
    if fields.len() > MAX_FIELDS {
        let more = fields.len() - MAX_FIELDS;
        fields.truncate(MAX_FIELDS);
        fields.push(format!("and {more} more"));
    }
    fields
}

fn differing<'a>(before: &'a Map<String, Value>, after: &'a Map<String, Value>) -> Vec<&'a String> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect()
}
