//! The settings of an edge, and what cannot be set there: it has neither a database nor an admin API of its own.

use super::reader::Reader;
use super::role::Role;
use super::secret::Secret;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How long contact may be lost before tokens are refused where offline they are.
const GRACE: Duration = Duration::from_secs(30);

/// What an edge needs to know.
#[derive(Debug, Clone)]
pub(crate) struct EdgeSettings {
    /// Where the control plane is.
    pub(crate) control_url: Option<String>,
    /// Through which proxy it is reached; its address may hold a password.
    pub(crate) control_proxy: Option<Secret>,
    /// With which token it joins, where it has no identity yet.
    pub(crate) join_token: Option<Secret>,
    /// How old what it knows may be for tokens to be decided by it.
    pub(crate) max_staleness: Duration,
    /// A file to begin with.
    pub(crate) bootstrap: Option<Bootstrap>,
    /// Where these were written.
    pub(crate) places: Places,
}

/// Where settings were written, as their problems name them: what an operator typed, be it a flag, a variable or a line of
/// a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places(BTreeMap<&'static str, String>);

/// What can be found wrong with an edge only once it starts.
const LOOKED_AT_LATER: [&str; 7] = [
    "SIDEGATE_CONTROL_URL",
    "SIDEGATE_CONTROL_PROXY",
    "SIDEGATE_JOIN_TOKEN",
    "SIDEGATE_BOOTSTRAP_SNAPSHOT",
    "SIDEGATE_BOOTSTRAP_SIGNER",
    "SIDEGATE_BOOTSTRAP_KEY_FILE",
    "EDGE_NAMESPACE",
];

impl Places {
    fn read(read: &Reader<'_>) -> Self {
        Self(LOOKED_AT_LATER.map(|variable| (variable, read.place(variable))).into())
    }

    /// Where this one was written.
    pub(crate) fn of<'a>(&'a self, variable: &'a str) -> &'a str {
        self.0.get(variable).map_or(variable, String::as_str)
    }
}

/// A bootstrap file, and what tells a good one from another.
#[derive(Debug, Clone)]
pub(crate) struct Bootstrap {
    /// The file.
    pub(crate) snapshot: PathBuf,
    /// Who must have signed it, where the edge has no identity that says so.
    pub(crate) signer: Option<String>,
    /// The file with the keys of its secrets, likewise.
    pub(crate) keys: Option<PathBuf>,
    /// Where these were written.
    pub(crate) places: Places,
}

/// Settings that mean nothing at an edge, each with the reason.
const NOT_AT_AN_EDGE: &[(&str, &str)] = &[
    ("DATABASE_DSN", "an edge has no database of its own, its control plane has: unset it"),
    ("SIDEGATE_SECRETS_KEY_FILE", "an edge gets its keys from its control plane: unset it"),
    ("SIDEGATE_ADMIN_TOKEN", "an edge has no admin API, its control plane has: unset it"),
];

impl EdgeSettings {
    /// Gives the texts their meaning; problems are those of an edge only where one is to run.
    pub(super) fn read(read: &mut Reader<'_>, role: Role) -> Self {
        let path = |path: PathBuf| Some(path).filter(|path| !path.as_os_str().is_empty());
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let max_staleness = match read.word("SIDEGATE_OFFLINE_AUTH").as_str() {
            "deny" => GRACE.min(read.duration("SIDEGATE_MAX_STALENESS")),
            _ => read.duration("SIDEGATE_MAX_STALENESS"),
        };
        let control_url = text(read.text("SIDEGATE_CONTROL_URL").trim_end_matches('/').to_owned());
        let places = Places::read(read);
        let bootstrap = path(read.path("SIDEGATE_BOOTSTRAP_SNAPSHOT")).map(|snapshot| Bootstrap {
            snapshot,
            signer: text(read.text("SIDEGATE_BOOTSTRAP_SIGNER")),
            keys: path(read.path("SIDEGATE_BOOTSTRAP_KEY_FILE")),
            places: places.clone(),
        });
        let join_token = text(read.text("SIDEGATE_JOIN_TOKEN")).map(Secret::new);
        let control_proxy = text(read.text("SIDEGATE_CONTROL_PROXY")).map(Secret::new);
        let settings =
            Self { control_url, control_proxy, join_token, max_staleness, bootstrap, places };
        if role == Role::Edge {
            settings.check(read);
        }
        settings
    }

    fn check(&self, read: &mut Reader<'_>) {
        for (variable, why) in NOT_AT_AN_EDGE {
            if !read.chosen(&[*variable]).is_empty() {
                read.wrong(variable, (*why).to_owned());
            }
        }
        match &self.control_url {
            Some(url) if !url.starts_with("https://") || url.len() == "https://".len() => {
                let what =
                    format!("{url:?} is no address of a control plane: use https://host:8443");
                read.wrong("SIDEGATE_CONTROL_URL", what);
            }
            None if self.bootstrap.is_none() => {
                let what = "an edge needs it: `sidegate edge create` at the control plane prints it, with a join token";
                read.wrong("SIDEGATE_CONTROL_URL", what.to_owned());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::tests::environment;
    use super::super::layers::{Flags, Layers, Problem};
    use super::super::resolved::Config;
    use super::*;

    fn resolve(pairs: &[(&str, &str)]) -> Result<EdgeSettings, Vec<String>> {
        let mut all = vec![("SIDEGATE_ROLE", "edge")];
        all.extend(pairs);
        let (layers, problems) = Layers::collect(&environment(&all), &Flags::default());
        assert_eq!(problems, []);
        let config = Config::resolve(&layers);
        config.map(|config| config.edge).map_err(|all| all.iter().map(Problem::to_string).collect())
    }

    const URL: (&str, &str) = ("SIDEGATE_CONTROL_URL", "https://control:8443/");

    #[test]
    fn an_edge_goes_on_for_a_week_unless_it_is_told_to_stop() {
        let edge = resolve(&[URL]).unwrap();
        assert_eq!(edge.control_url.as_deref(), Some("https://control:8443"));
        assert_eq!(edge.max_staleness, Duration::from_secs(7 * 24 * 3600));
        let edge = resolve(&[URL, ("SIDEGATE_MAX_STALENESS", "1h")]).unwrap();
        assert_eq!(edge.max_staleness, Duration::from_secs(3600));
        let edge = resolve(&[URL, ("SIDEGATE_OFFLINE_AUTH", "deny")]).unwrap();
        assert_eq!(edge.max_staleness, GRACE);
    }

    #[test]
    fn an_edge_needs_its_control_plane_or_a_file_to_begin_with() {
        let problems = resolve(&[]).unwrap_err();
        assert!(problems[0].starts_with("SIDEGATE_CONTROL_URL: an edge needs it"), "{problems:?}");
        assert!(resolve(&[("SIDEGATE_BOOTSTRAP_SNAPSHOT", "/f")]).is_ok());
        for wrong in ["http://control:8443", "https://", "control"] {
            assert!(resolve(&[("SIDEGATE_CONTROL_URL", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_edge_has_neither_a_database_nor_an_admin_token() {
        let problems = resolve(&[
            URL,
            ("DATABASE_DSN", "sqlite://x.db"),
            ("SIDEGATE_ADMIN_TOKEN", "t0p"),
            ("SIDEGATE_SECRETS_KEY_FILE", "k"),
        ]);
        let problems = problems.unwrap_err();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(
            problems[0].starts_with("env DATABASE_DSN: an edge has no database"),
            "{problems:?}"
        );
        assert!(!problems.concat().contains("t0p"), "{problems:?}");
    }

    #[test]
    fn a_join_token_is_shown_to_nobody() {
        let edge = resolve(&[URL, ("SIDEGATE_JOIN_TOKEN", "sgj_hidden")]).unwrap();
        assert!(!format!("{edge:?}").contains("hidden"), "{edge:?}");
    }
}
