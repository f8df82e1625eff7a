//! Guesses of secrets: what is sent in clear for a secret may be the stored one, and whoever sends it must not learn
//! whether it is.

use super::hiding::{Hidden, MARK};
use super::places::SecretPlaces;
use serde_json::{Map, Value};

/// Puts `other`, which is no stored secret, in the place of every secret of a configuration that somebody sends in clear.
/// What a change would do is told of that, so that it is the same for the stored secret and for any other.
pub fn with_other_secrets(said: &mut Map<String, Value>, places: &SecretPlaces, other: &str) {
    for (key, member) in said {
        put_other(member, Hidden::of_setting(key, places), other);
    }
}

/// The same for options.
pub fn with_other_variables(said: &mut Map<String, Value>, other: &str) {
    for (name, value) in said {
        put_other(value, Hidden::of_option(name), other);
    }
}

fn put_other(said: &mut Value, hides: Hidden<'_>, other: &str) {
    if is_mark(said) {
        return;
    }
    if hides.hides(said) {
        *said = Value::String(other.to_owned());
        return;
    }
    match said {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| put_other(item, hides.entries(), other));
        }
        Value::Object(members) => {
            for (key, member) in members {
                put_other(member, hides.below(key), other);
            }
        }
        _ => {}
    }
}

/// Whether it stands in the place of a secret, or is refused for looking so.
fn is_mark(said: &Value) -> bool {
    said.as_object().is_some_and(|members| members.contains_key(MARK))
}

/// Whether a secret was sent in clear that is the stored one: in `after` it is as `before`, and in the same with
/// [`with_other_secrets`] it is not.
pub fn is_guessed(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    other: &Map<String, Value>,
) -> bool {
    after.iter().any(|(key, after)| {
        other.get(key).is_some_and(|other| is_guessed_at(before.get(key), after, other))
    })
}

fn is_guessed_at(before: Option<&Value>, after: &Value, other: &Value) -> bool {
    match (after, other) {
        (Value::Object(after), Value::Object(other)) => after.iter().any(|(key, after)| {
            let before = before.and_then(|before| before.get(key));
            other.get(key).is_some_and(|other| is_guessed_at(before, after, other))
        }),
        (Value::Array(after), Value::Array(other)) => {
            let before = |index| before.and_then(|before: &Value| before.get(index));
            let pairs = after.iter().zip(other).enumerate();
            pairs.into_iter().any(|(at, (after, other))| is_guessed_at(before(at), after, other))
        }
        _ => after != other && before == Some(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    #[test]
    fn what_is_sent_in_clear_for_a_secret_is_another_one_and_all_else_stays() {
        let places = SecretPlaces::of(["dsn".parse().unwrap()]);
        let mut said = members(json!({
            "api_key": "a", "url": "u", "max_tokens": 5, "pin_token": 7, "dsn": "d", "key": "",
            "kept_secret": {"$secret": "set"},
            "users": [{"password": "p", "name": "n"}, {"password": {"$secret": "set"}}],
        }));
        with_other_secrets(&mut said, &places, "other");
        let expected = json!({
            "api_key": "other", "url": "u", "max_tokens": 5, "pin_token": "other", "dsn": "other",
            "key": "", "kept_secret": {"$secret": "set"},
            "users": [{"password": "other", "name": "n"}, {"password": {"$secret": "set"}}],
        });
        assert_eq!(Value::Object(said), expected);
        let mut options = members(json!({"env.A": "a", "timeout": "5s"}));
        with_other_variables(&mut options, "other");
        assert_eq!(Value::Object(options), json!({"env.A": "other", "timeout": "5s"}));
    }

    #[test]
    fn a_guess_is_what_is_sent_in_clear_and_stored_wherever_it_stands() {
        let before = members(json!({"key": "k", "l": [{"token": "t", "n": 1}], "url": "u"}));
        let guessed = |said: Value| {
            let after = members(said);
            let mut other = after.clone();
            with_other_secrets(&mut other, &SecretPlaces::default(), "other");
            is_guessed(&before, &after, &other)
        };
        assert!(guessed(json!({"key": "k"})));
        assert!(guessed(json!({"key": "x", "l": [{"token": "t", "n": 2}], "url": "v"})));
        assert!(!guessed(json!({"key": "x", "l": [{"token": "x", "n": 1}], "url": "u"})));
        assert!(!guessed(json!({"url": "u", "new_secret": "k"})));
    }
}
