//! Hiding what looks like a secret in what is shown of a plugin.
//!
//! It knows where a plugin keeps settings and by which words people name secrets; it cannot know
//! what a value means.

use serde_json::Value;

/// What stands in the place of a hidden text.
const HIDDEN: &str = "…";

/// A key with one of these in it names a secret; compared in lower case.
const WORDS: &[&str] = &["secret", "token", "password", "passwd", "key", "credential", "private"];

/// What the name of an environment variable of a plugin begins with, among the options.
const ENVIRONMENT: &str = "env.";

/// Hides the secrets of a plugin as the admin API shows it: texts in its configuration whose key,
/// or that of an object around them, names a secret, and every environment variable.
pub(crate) fn mask(plugin: &mut Value) {
    mask_below(&mut plugin["attributes"]["config"], false);
    if let Some(options) = plugin["attributes"]["options"].as_object_mut() {
        let variables = options.iter_mut().filter(|(name, _)| name.starts_with(ENVIRONMENT));
        variables.for_each(|(_, value)| mask_below(value, true));
    }
}

fn mask_below(value: &mut Value, is_secret: bool) {
    match value {
        // That nothing is set is no secret, and often the answer that is looked for.
        Value::String(text) if is_secret && !text.is_empty() => HIDDEN.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask_below(item, is_secret)),
        Value::Object(members) => {
            for (key, member) in members {
                mask_below(member, is_secret || names_secret(key));
            }
        }
        _ => {}
    }
}

fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn masked(config: &Value) -> Value {
        let mut plugin = json!({"attributes": {"config": config}});
        mask(&mut plugin);
        plugin["attributes"]["config"].take()
    }

    #[test]
    fn texts_under_a_key_that_names_a_secret_are_hidden_at_every_depth() {
        let config = json!({
            "slug": "s", "webhook_secret": "a", "ClientSecret": "b", "api-key": "c",
            "db": {"PASSWD": "d", "host": "h", "users": [{"password": "e", "name": "n"}]},
            "credentials": {"user": "f", "list": ["g", {"deep": "h"}]}, "PrivatePem": "i",
        });
        let expected = json!({
            "slug": "s", "webhook_secret": "…", "ClientSecret": "…", "api-key": "…",
            "db": {"PASSWD": "…", "host": "h", "users": [{"password": "…", "name": "n"}]},
            "credentials": {"user": "…", "list": ["…", {"deep": "…"}]}, "PrivatePem": "…",
        });
        assert_eq!(masked(&config), expected);
    }

    #[test]
    fn what_is_no_text_or_empty_stays() {
        let config = json!({"max_tokens": 5, "token": "", "use_key": true, "secret": null});
        assert_eq!(masked(&config), config);
    }

    #[test]
    fn environment_variables_are_hidden_and_other_options_stay() {
        let mut plugin = json!({"attributes": {
            "options": {"env.MODE": "x", "env.EMPTY": "", "pass_token": "true", "sha256": "ab"},
        }});
        mask(&mut plugin);
        let expected =
            json!({"env.MODE": "…", "env.EMPTY": "", "pass_token": "true", "sha256": "ab"});
        assert_eq!(plugin["attributes"]["options"], expected);
    }

    #[test]
    fn what_has_no_settings_is_left_alone() {
        for mut value in [json!(null), json!({"id": "1"}), json!({"attributes": {"name": "n"}})] {
            mask(&mut value);
            assert!(!value.to_string().contains(HIDDEN));
        }
    }
}
