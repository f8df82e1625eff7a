//! Arguments of the form `key=value`, and the JSON object that several of them make together.
//!
//! It knows texts and JSON, not what the keys are for.

use crate::error::Failure;
use serde_json::{Map, Value};
use std::path::Path;

/// A `key=value` argument, not looked into any further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// What stands before the first `=`.
    pub(crate) key: String,
    /// Everything after it.
    pub(crate) value: String,
}

impl std::str::FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("write key=value".to_owned()),
        }
    }
}

/// A `key=json` argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonPair {
    /// What stands before the first `=`.
    pub(crate) key: String,
    /// The value, read as JSON.
    pub(crate) value: Value,
}

impl std::str::FromStr for JsonPair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Pair { key, value } = text.parse()?;
        let value = serde_json::from_str(&value).map_err(|e| {
            format!("{key}: this is not JSON ({e}): write key=[\"a\",1] and the like")
        })?;
        Ok(Self { key, value })
    }
}

/// One object from texts and JSON values. A key that is said twice is a mistake, not a choice.
///
/// # Errors
/// Names the key that is said twice.
pub(crate) fn object(texts: &[Pair], values: &[JsonPair]) -> Result<Map<String, Value>, Failure> {
    let texts = texts.iter().map(|pair| (&pair.key, Value::String(pair.value.clone())));
    let values = values.iter().map(|pair| (&pair.key, pair.value.clone()));
    let mut object = Map::new();
    for (key, value) in texts.chain(values) {
        if object.insert(key.clone(), value).is_some() {
            return Err(Failure::usage(format!("the key {key:?} is given twice: say it once")));
        }
    }
    Ok(object)
}

/// Reads a file that holds one JSON object.
///
/// # Errors
/// Names the file and what is wrong with it.
pub(crate) fn object_of_file(path: &Path) -> Result<Map<String, Value>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("{shown} cannot be read: {e}")))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::usage(format!("{shown} does not hold a JSON object: write {{…}}"))),
        Err(e) => Err(Failure::usage(format!("{shown} is not JSON: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn texts_stay_texts_and_only_json_becomes_something_else() {
        let texts = ["port=8080".parse().unwrap(), "on=true".parse().unwrap()];
        let values = ["list=[1,2]".parse().unwrap()];
        let object = object(&texts, &values).unwrap();
        assert_eq!(Value::Object(object), json!({"port": "8080", "on": "true", "list": [1, 2]}));
    }

    #[test]
    fn a_key_said_twice_is_refused() {
        let twice: Vec<Pair> = vec!["a=1".parse().unwrap(), "a=2".parse().unwrap()];
        assert!(object(&twice, &[]).unwrap_err().message.contains("\"a\" is given twice"));
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for bad in ["", "a", "=b"] {
            assert!(bad.parse::<Pair>().is_err(), "{bad}");
        }
        assert!("a=[1".parse::<JsonPair>().is_err());
    }

    proptest! {
        #[test]
        fn a_value_arrives_whole(key in "[a-z_.]{1,9}", value in "\\PC{0,30}") {
            let pair: Pair = format!("{key}={value}").parse().unwrap();
            prop_assert_eq!((pair.key, pair.value), (key, value));
        }
    }
}
