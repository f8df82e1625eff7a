//! What a plugin tells of itself before it is initialized: name, manifest, configuration schema
//! and the files of its user interface.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use crate::manifest::{Manifest, Source};

/// The unchanging facts about a plugin.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    manifest: Source,
    pub(crate) schema: Option<String>,
    /// By path, which starts with a slash.
    pub(crate) assets: BTreeMap<String, Asset>,
    /// Pages or wishes were added to the manifest that is made of what is known.
    added: bool,
    /// They were, and another manifest took its place.
    lost: bool,
}

/// A file of the plugin's user interface.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) mime_type: String,
    pub(crate) content: Bytes,
}

impl About {
    pub(crate) fn new(name: String, version: String) -> Self {
        let manifest = Source::Built(Manifest::new(&*name, &*name, &*version));
        Self {
            name,
            version,
            description: String::new(),
            manifest,
            schema: None,
            assets: BTreeMap::new(),
            added: false,
            lost: false,
        }
    }

    /// Takes the author's manifest in place of the one that is made of what is known.
    pub(crate) fn set_manifest(&mut self, manifest: Source) {
        self.lost |= self.added;
        self.manifest = manifest;
    }

    /// Changes the manifest, where it is not a text.
    pub(crate) fn add(&mut self, change: impl FnOnce(Manifest) -> Manifest) {
        self.added = true;
        match &mut self.manifest {
            Source::Built(manifest) => *manifest = change(manifest.clone()),
            Source::Text(_) => self.lost = true,
        }
    }

    /// The author's manifest, or one made of what is known.
    pub(crate) fn manifest(&self) -> String {
        match &self.manifest {
            Source::Text(text) => text.clone(),
            Source::Built(manifest) => manifest.clone().described(&self.description).text(),
        }
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
        let manifest = match &self.manifest {
            Source::Text(text) => Some(text.as_str()),
            Source::Built(_) => None,
        };
        for (what, text) in
            [("manifest", manifest), ("configuration schema", self.schema.as_deref())]
        {
            match text.map(serde_json::from_str::<Value>) {
                None | Some(Ok(Value::Object(_))) => {}
                Some(Ok(_)) => problems.push(format!("the {what} is no JSON object")),
                Some(Err(error)) => problems.push(format!("the {what} is no JSON: {error}")),
            }
        }
        if self.lost {
            let text = "pages and services are given beside a manifest; put them into it";
            problems.push(text.to_owned());
        }
        if let Source::Built(manifest) = &self.manifest {
            let missing = manifest.entries().filter(|path| self.asset(path).is_none());
            problems.extend(missing.map(|path| {
                format!("a page begins with `{path}`, which is no file of the plugin; add it with `asset`")
            }));
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
    use crate::page::Page;

    #[test]
    fn the_manifest_made_of_what_is_known_is_complete() {
        let mut about = About::new("n".to_owned(), "1".to_owned());
        let manifest: Value = serde_json::from_str(&about.manifest()).unwrap();
        assert_eq!(manifest["capabilities"]["primary_hook"], "custom_endpoint");
        assert_eq!(about.problems(), [""; 0]);
        about.set_manifest(Source::Text("[]".to_owned()));
        about.schema = Some("{".to_owned());
        about.name.clear();
        assert_eq!(about.problems().len(), 3);
    }

    #[test]
    fn a_page_needs_its_file_and_is_not_lost_beside_a_manifest() {
        let mut about = About::new("n".to_owned(), "1".to_owned());
        about.add(|manifest| manifest.page(Page::element("/n", "n-n", "/ui/n.js")));
        assert!(about.problems()[0].contains("`/ui/n.js`"), "{:?}", about.problems());
        about.add_asset("ui/n.js", "text/javascript".to_owned(), b"1");
        assert_eq!(about.problems(), [""; 0]);
        about.set_manifest(Source::Text("{}".to_owned()));
        assert!(about.problems()[0].contains("put them into it"), "{:?}", about.problems());
    }

    #[test]
    fn assets_are_found_with_and_without_the_leading_slash() {
        let mut about = About::new("n".to_owned(), "1".to_owned());
        about.add_asset("ui/x.js", "text/javascript".to_owned(), b"1");
        assert!(about.asset("/ui/x.js").is_some() && about.asset("ui/x.js").is_some());
        assert!(about.asset("/ui").is_none());
    }
}
