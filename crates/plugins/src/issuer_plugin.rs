//! An issuer that is a plugin here: which plugin that is, and what it can be called.

use sidegate_model::issuer::IssuerDraft;
use sidegate_model::own_host::{OwnHost, name_and_port};
use sidegate_model::plugin::{PluginId, Slug};
use sidegate_model::snapshot::Snapshot;
use std::fmt;

/// A plugin that is an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerPlugin {
    /// Its number.
    pub id: PluginId,
    /// Where it is mounted.
    pub slug: Slug,
    /// The host of its own.
    pub host: Option<OwnHost>,
}

impl IssuerPlugin {
    /// The plugin that an issuer is, by desired state; `None` where there is none with its slug that is to run, or it is no
    /// plugin at all.
    pub fn of(draft: &IssuerDraft, snapshot: &Snapshot) -> Option<Self> {
        let slug = draft.plugin()?;
        let mut plugins = snapshot.plugins.values();
        let plugin = plugins.find(|plugin| plugin.slug.as_ref() == Some(&slug))?;
        Some(Self { id: plugin.id, slug, host: plugin.options.host.clone() })
    }

    /// Whether it can have this `iss`: an address that ends in its path, or that of its own host.
    pub fn can_be(&self, iss: &str) -> bool {
        let Some((scheme, rest)) = iss.split_once("://") else { return false };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_own = || {
            let host = self.host.as_ref().map(OwnHost::as_str);
            matches!(path, "" | "/") && host == Some(name_and_port(authority).0)
        };
        let is_below = || path.strip_prefix("/plugins/") == Some(self.slug.as_str());
        matches!(scheme, "http" | "https") && !authority.is_empty() && (is_below() || is_own())
    }
}

impl fmt::Display for IssuerPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin:{}", self.slug)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_has_no_iss_of_anybody_else() {
        let host = OwnHost::parse("id.example").unwrap();
        let (id, slug) = (PluginId(1), Slug::parse("oidc").unwrap());
        let with = IssuerPlugin { id, slug: slug.clone(), host: Some(host) };
        let without = IssuerPlugin { id, slug, host: None };
        for (iss, by_path, by_host) in [
            ("https://gw.example/plugins/oidc", true, true),
            ("http://127.0.0.1:8081/plugins/oidc", true, true),
            ("https://id.example", false, true),
            ("https://id.example:8443", false, true),
            ("https://id.example/plugins/other", false, false),
            ("https://gw.example/plugins/oidc/x", false, false),
            ("https://gw.example/x/plugins/oidc", false, false),
            ("https://accounts.example", false, false),
            ("https:///plugins/oidc", false, false),
            ("plugin:oidc", false, false),
        ] {
            assert_eq!((without.can_be(iss), with.can_be(iss)), (by_path, by_host), "{iss}");
        }
    }
}
