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
        let (key, value) =
            split(text, "values are texts; --set-json and --metadata-json take JSON")?;
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// Key and value of an argument. A key may be any text that can be seen: nobody means one that begins
/// or ends with a blank, has a control character, or ends with the `:` of another program's `key:=json`.
/// `values` says to who writes that what the values are here.
fn split<'a>(text: &'a str, values: &str) -> Result<(&'a str, &'a str), String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err("write key=value".to_owned());
    };
    if key.chars().any(char::is_control) {
        return Err(format!("the key {key:?} has a control character: leave it out"));
    }
    if key.trim().is_empty() {
        return Err("the key is missing: write key=value".to_owned());
    }
    if key.trim() != key {
        return Err(format!("the key {key:?} begins or ends with a blank: write key=value"));
    }
    match key.strip_suffix(':') {
        Some(key) => Err(format!("`=` is the form, as in {key}=value, and not `:=`: {values}")),
        None => Ok((key, value)),
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
        let (key, value) = split(text, "values are JSON")?;
        let value = serde_json::from_str(value).map_err(|e| {
            format!("{key}: this is not JSON ({e}): write key=[\"a\",1] and the like")
        })?;
        Ok(Self { key: key.to_owned(), value })
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

    #[test]
    fn a_key_that_nobody_means_is_refused_with_what_to_write() {
        for (bad, words) in [
            ("name:=5", "`=` is the form, as in name=value"),
            (" =5", "the key is missing"),
            ("name =5", "\"name \" begins or ends with a blank"),
            ("\u{a0}name=5", "begins or ends with a blank"),
            ("na\tme=5", "\"na\\tme\" has a control character"),
            ("na\u{1b}[31mme=5", "control character"),
            ("\n=5", "control character"),
        ] {
            let texts = bad.parse::<Pair>().unwrap_err();
            let values = bad.parse::<JsonPair>().unwrap_err();
            assert!(texts.contains(words) && values.contains(words), "{texts}\n{values}");
        }
        assert!("n:=5".parse::<Pair>().unwrap_err().contains("values are texts"));
        assert!("n:=5".parse::<JsonPair>().unwrap_err().contains("values are JSON"));
        for fine in ["a b=5", "a:b=5", "env.A=5", "ä=5", ":a=5", "a=:=5"] {
            assert!(fine.parse::<Pair>().is_ok(), "{fine}");
        }
    }

    proptest! {
        #[test]
        fn a_value_arrives_whole(key in "[a-z_.]{1,9}", value in "\\PC{0,30}") {
            let pair: Pair = format!("{key}={value}").parse().unwrap();
            prop_assert_eq!((pair.key, pair.value), (key, value));
        }
    }
}
