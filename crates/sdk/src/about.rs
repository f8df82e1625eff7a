//! What a plugin tells of itself before it is initialized: name, manifest, configuration schema
//! and the files of its user interface.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

/// The unchanging facts about a plugin.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) manifest: Option<String>,
    pub(crate) schema: Option<String>,
    /// By path, which starts with a slash.
    pub(crate) assets: BTreeMap<String, Asset>,
}

/// A file of the plugin's user interface.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) mime_type: String,
    pub(crate) content: Bytes,
}

impl About {
    pub(crate) fn new(name: String, version: String) -> Self {
        Self {
            name,
            version,
            description: String::new(),
            manifest: None,
            schema: None,
            assets: BTreeMap::new(),
        }
    }

    /// The author's manifest, or one made of what is known.
    pub(crate) fn manifest(&self) -> String {
        self.manifest.clone().unwrap_or_else(|| {
            let manifest = json!({
                "id": self.name,
                "name": self.name,
                "version": self.version,
                "description": self.description,
                "capabilities": {
                    "hooks": ["custom_endpoint"],
                    "primary_hook": "custom_endpoint",
                },
            });
            manifest.to_string()
        })
    }

    /// The schema of the configuration; `{}` accepts anything.
    pub(crate) fn schema(&self) -> &str {
        self.schema.as_deref().unwrap_or("{}")
    }

    pub(crate) fn add_asset(&mut self, path: &str, mime_type: String, content: &[u8]) {
        let content = Bytes::copy_from_slice(content);
        self.assets.insert(asset_key(path), Asset { mime_type, content });
    }

    /// Finds a file; its path may come with or without the leading slash.
    pub(crate) fn asset(&self, path: &str) -> Option<&Asset> {
        self.assets.get(&asset_key(path))
    }

    /// Everything that is wrong with these facts.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.name.trim().is_empty() {
            problems.push("the plugin has no name".to_owned());
        }
        for (what, text) in [("manifest", &self.manifest), ("configuration schema", &self.schema)] {
            match text.as_deref().map(serde_json::from_str::<Value>) {
                None | Some(Ok(Value::Object(_))) => {}
                Some(Ok(_)) => problems.push(format!("the {what} is no JSON object")),
                Some(Err(error)) => problems.push(format!("the {what} is no JSON: {error}")),
            }
        }
        problems
    }
}

fn asset_key(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_made_of_what_is_known_is_complete() {
        let mut about = About::new("n".to_owned(), "1".to_owned());
        let manifest: Value = serde_json::from_str(&about.manifest()).unwrap();
        assert_eq!(manifest["capabilities"]["primary_hook"], "custom_endpoint");
        assert_eq!(about.problems(), [""; 0]);
        about.manifest = Some("[]".to_owned());
        about.schema = Some("{".to_owned());
        about.name.clear();
        assert_eq!(about.problems().len(), 3);
    }

    #[test]
    fn assets_are_found_with_and_without_the_leading_slash() {
        let mut about = About::new("n".to_owned(), "1".to_owned());
        about.add_asset("ui/x.js", "text/javascript".to_owned(), b"1");
        assert!(about.asset("/ui/x.js").is_some() && about.asset("ui/x.js").is_some());
        assert!(about.asset("/ui").is_none());
    }
}
