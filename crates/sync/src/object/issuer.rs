//! An issuer of JWTs as an object.

use super::{Rejection, invalid};
use crate::canonical_json;
use crate::message;
use serde_json::{Map, Value};
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::namespace::Namespace;
use std::sync::Arc;

/// What an edge needs of an issuer.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerObject(pub Arc<Issuer>);

impl IssuerObject {
    pub(super) fn to_message(&self) -> message::Issuer {
        let Issuer { id, draft, created_at, updated_at } = &*self.0;
        // The manifest says where it is, and who looks after it is for whoever edits it.
        let namespace = Namespace::global();
        let draft = IssuerDraft { namespace, managed_by: String::new(), ..draft.clone() };
        let content = match serde_json::to_value(draft) {
            Ok(Value::Object(members)) => members,
            // It has only texts for keys.
            _ => Map::new(),
        };
        message::Issuer {
            id: id.0,
            content: canonical_json::write(&content),
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }

    pub(super) fn from_message(issuer: message::Issuer) -> Result<Self, Rejection> {
        let message::Issuer { id, content, created_at, updated_at } = issuer;
        let content = canonical_json::read(&content).map_err(|it| invalid("content", it))?;
        let draft: IssuerDraft = serde_json::from_value(Value::Object(content))
            .map_err(|problem| invalid("content", problem))?;
        if let Err(problems) = draft.validate() {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            return Err(invalid("content", first));
        }
        Ok(Self(Arc::new(Issuer { id: IssuerId(id), draft, created_at, updated_at })))
    }
}
