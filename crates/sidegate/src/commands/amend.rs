//! Changing a thing so that nothing is lost of what others change at the same time: single members
//! are merged by the gateway, and what replaces a whole is written on the condition that nobody
//! changed it since it was read.
//!
//! It knows members of objects, not what they mean.

use crate::client::AdminApi;
use crate::error::{Failure, Kind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sidegate_api::resource::Resource;
use std::time::Duration;

/// How often a whole is read and written again when others come in between.
const TRIES: u32 = 30;
/// The pause before the second try; it grows with every further one.
const PAUSE: Duration = Duration::from_millis(5);

/// What shall become of one attribute that is an object.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// What the object becomes, where it is replaced.
    pub(super) replaced: Option<Map<String, Value>>,
    /// A member that stays when a replacement does not name it.
    pub(super) lasting: Option<&'static str>,
    /// Members that get a value, over a replacement too.
    pub(super) set: Map<String, Value>,
    /// Members that go.
    pub(super) unset: Vec<String>,
}

/// What shall become of a thing.
#[derive(Debug, Default)]
pub(super) struct Amendment {
    /// Attributes that are replaced.
    pub(super) fields: Map<String, Value>,
    /// Attributes of which members change.
    pub(super) members: Vec<(&'static str, Members)>,
    /// What is added to the address of the change, as `?key=value`.
    pub(super) query: &'static str,
}

impl Members {
    pub(super) fn is_nothing(&self) -> bool {
        self.replaced.is_none() && self.set.is_empty() && self.unset.is_empty()
    }

    /// As a merge patch, where one can say it: in a patch an object is merged and null removes, and
    /// neither is what a value that is set means.
    fn as_patch(&self) -> Option<Map<String, Value>> {
        let is_plain = |value: &Value| !value.is_object() && !value.is_null();
        if self.replaced.is_some() || !self.set.values().all(is_plain) {
            return None;
        }
        let unset = self.unset.iter().map(|key| (key.clone(), Value::Null));
        Some(unset.chain(self.set.clone()).collect())
    }

    /// The whole object after the change.
    fn applied_to(&self, current: &Map<String, Value>) -> Map<String, Value> {
        let mut whole = self.replaced.clone().unwrap_or_else(|| current.clone());
        if let Some((name, value)) = self.lasting.and_then(|name| current.get_key_value(name)) {
            whole.entry(name.clone()).or_insert_with(|| value.clone());
        }
        whole.retain(|key, _| !self.unset.contains(key));
        whole.extend(self.set.clone());
        whole
    }
}

impl Amendment {
    /// Whether nothing is to become different.
    pub(super) fn is_nothing(&self) -> bool {
        self.fields.is_empty() && self.members.iter().all(|(_, members)| members.is_nothing())
    }

    /// All of it as a merge patch, where one can say it.
    fn as_patch(&self) -> Option<Map<String, Value>> {
        let mut patch = self.fields.clone();
        for (name, members) in self.said() {
            patch.insert((*name).to_owned(), Value::Object(members.as_patch()?));
        }
        Some(patch)
    }

    /// What is sent in place of these attributes.
    fn applied_to(&self, attributes: &impl Serialize) -> Map<String, Value> {
        let attributes = serde_json::to_value(attributes).unwrap_or_default();
        let mut fields = self.fields.clone();
        for (name, members) in self.said() {
            let current = attributes[*name].as_object().cloned().unwrap_or_default();
            fields.insert((*name).to_owned(), Value::Object(members.applied_to(&current)));
        }
        fields
    }

    fn said(&self) -> impl Iterator<Item = &(&'static str, Members)> {
        self.members.iter().filter(|(_, members)| !members.is_nothing())
    }

    /// Changes the thing at `path`, which is one of `noun`; gives what it is then.
    ///
    /// # Errors
    /// What the gateway refuses; or that others changed it again and again.
    pub(super) async fn make<A: Serialize + DeserializeOwned>(
        &self,
        api: &AdminApi,
        path: &str,
        noun: &str,
    ) -> Result<Resource<A>, Failure> {
        self.sent::<A, A>(api, path, noun).await
    }

    /// The same where the answer is about something else than the thing.
    ///
    /// # Errors
    /// Those of [`Amendment::make`].
    pub(super) async fn sent<A: Serialize + DeserializeOwned, R: DeserializeOwned>(
        &self,
        api: &AdminApi,
        path: &str,
        noun: &str,
    ) -> Result<Resource<R>, Failure> {
        let wrapped =
            |attributes| json!({"data": {"type": noun, "attributes": Value::Object(attributes)}});
        if let Some(patch) = self.as_patch() {
            return api.merge(&format!("{path}{}", self.query), &wrapped(patch)).await;
        }
        for attempt in 1..=TRIES {
            let (thing, version) = api.get_version::<A>(path).await?;
            let body = wrapped(self.applied_to(&thing.attributes));
            let address = format!("{path}{}", self.query);
            if let Some(changed) = api.patch_version(&address, &body, &version).await? {
                return Ok(changed);
            }
            // Whoever tries at the same time shall not meet us again at the same moment.
            let own = Duration::from_micros(u64::from(std::process::id() % 1000) * 10);
            tokio::time::sleep(PAUSE * attempt + own).await;
        }
        Err(Failure::of(Kind::Conflict, format!("this {noun} is changed by others all the time"))
            .hint("try again, or find out who changes it in the gateway's log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    #[test]
    fn what_a_patch_can_say_is_merged() {
        let config = Members {
            set: members(json!({"a": "2", "l": [1, null]})),
            unset: vec!["b".to_owned()],
            ..Members::default()
        };
        let amendment = Amendment {
            fields: members(json!({"description": "d"})),
            members: vec![("config", config), ("options", Members::default())],
            query: "",
        };
        let patch = json!({"description": "d", "config": {"a": "2", "l": [1, null], "b": null}});
        assert_eq!(amendment.as_patch(), Some(members(patch)));
    }

    #[test]
    fn what_a_patch_would_merge_or_remove_is_written_as_a_whole() {
        for set in [json!({"a": {"x": 1}}), json!({"a": null})] {
            let config = Members { set: members(set.clone()), ..Members::default() };
            assert_eq!(config.as_patch(), None);
            let current = members(json!({"a": {"y": 2}, "b": 1}));
            let mut expected = members(json!({"b": 1}));
            expected.extend(members(set));
            assert_eq!(config.applied_to(&current), expected);
        }
    }

    #[test]
    fn a_replacement_keeps_only_what_lasts() {
        let current = members(json!({"slug": "s", "a": 1}));
        let replaced = |value| Some(members(value));
        let config = |replacement| Members {
            replaced: replaced(replacement),
            lasting: Some("slug"),
            set: members(json!({"c": "x"})),
            unset: vec!["b".to_owned()],
        };
        let whole = config(json!({"b": 1, "d": 2})).applied_to(&current);
        assert_eq!(whole, members(json!({"slug": "s", "c": "x", "d": 2})));
        let whole = config(json!({"slug": "t"})).applied_to(&current);
        assert_eq!(whole, members(json!({"slug": "t", "c": "x"})));
    }
}
