//! A JSON object whose values stay the text they came as. A name that is there twice is an error: two readers could
//! take different ones.

use std::fmt;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The members of an object, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The object that a text is; `None` where it is something else, or has a name twice.
    pub(crate) fn of(raw: &RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    pub(crate) fn raw(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A member of this type; `None` where it is absent or of another one.
    pub(crate) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.raw(name)?.get()).ok()
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.raw(name)?)
    }

    /// Puts a value in place of what has this name, or at the end.
    pub(crate) fn set(&mut self, name: &str, value: &impl Serialize) {
        let Ok(raw) = serde_json::value::to_raw_value(value) else { return };
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = raw,
            None => self.0.push((name.to_owned(), raw)),
        }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    pub(crate) fn to_raw(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).unwrap_or_default()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut all = Fields::default();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if all.raw(&name).is_some() {
                        return Err(A::Error::custom(format!("{name:?} is there twice")));
                    }
                    all.0.push((name, value));
                    if all.0.len() > MOST_MEMBERS {
                        return Err(A::Error::custom("an object has too many members"));
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Objects of the protocol have a handful; each new one is compared with all before it.
const MOST_MEMBERS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_there_twice_is_refused_however_it_is_spelled() {
        for twice in [r#"{"name":"a","name":"b"}"#, r#"{"name":"a","n\u0061me":"b"}"#] {
            assert!(serde_json::from_str::<Fields>(twice).is_err(), "{twice}");
        }
    }

    #[test]
    fn what_is_not_looked_at_stays_as_it_came() {
        let text = r#"{"big":123456789012345678901234567890,"f":1.10,"o":{"b":1,"a":[ 2 ]}}"#;
        let mut fields: Fields = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), text);
        fields.set("f", &2);
        fields.remove("o");
        let changed = serde_json::to_string(&fields).unwrap();
        assert_eq!(changed, r#"{"big":123456789012345678901234567890,"f":2}"#);
    }
}
