//! Texts of settings as values: numbers, durations, addresses, lists. What is wrong is noted, with its
//! place and advice.
//!
//! It knows the kinds of settings, not what they are for.

use super::layers::{Layers, Origin, Problem};
use super::raw::{Kind, Setting, setting};
use sidegate_gateway::{Network, PublicUrls};
use sidegate_model::duration::parse_duration;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// Reads texts as values. A text that is wrong is noted and some value stands in for it, so that
/// reading goes on; nobody may use it when there are notes.
pub(super) struct Reader<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Reads from these layers.
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: Vec::new() }
    }

    /// What was made of the texts, if nothing is wrong with any of them.
    ///
    /// # Errors
    /// Every problem there is.
    pub(super) fn outcome<T>(self, made: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() { Ok(made) } else { Err(self.problems) }
    }

    fn raw(&self, variable: &str) -> (String, Origin) {
        let (text, origin) = self.layers.get(setting(variable));
        (text.trim().to_owned(), origin.clone())
    }

    /// Where somebody wrote a setting; the variable where nobody did.
    pub(super) fn place(&self, variable: &str) -> String {
        let row: &Setting = setting(variable);
        match self.layers.get(row).1 {
            Origin::Default => row.variable.to_owned(),
            origin => origin.to_string(),
        }
    }

    pub(super) fn wrong(&mut self, variable: &str, what: String) {
        self.problems.push(Problem { place: self.place(variable), what });
    }

    /// Those of these settings that somebody set.
    pub(super) fn chosen(&self, variables: &[&'static str]) -> Vec<&'static str> {
        let is_chosen = |variable: &&str| *self.layers.get(setting(variable)).1 != Origin::Default;
        variables.iter().copied().filter(is_chosen).collect()
    }

    pub(super) fn text(&self, variable: &str) -> String {
        self.raw(variable).0
    }

    pub(super) fn path(&self, variable: &str) -> PathBuf {
        PathBuf::from(self.text(variable))
    }

    pub(super) fn number<T: TryFrom<u64> + Default>(&mut self, variable: &str) -> T {
        let text = self.text(variable);
        let least = match setting(variable).kind {
            Kind::Number(least) => least,
            _ => 0,
        };
        let number = text.parse::<u64>().ok().filter(|number| *number >= least);
        number.and_then(|number| T::try_from(number).ok()).unwrap_or_else(|| {
            self.wrong(variable, format!("{text:?} is no whole number from {least} upwards"));
            T::default()
        })
    }

    pub(super) fn port(&mut self, variable: &str) -> u16 {
        let text = self.text(variable);
        text.parse().unwrap_or_else(|_| {
            self.wrong(variable, format!("{text:?} is no port: use a number from 0 to 65535"));
            0
        })
    }

    pub(super) fn host(&mut self, variable: &str) -> IpAddr {
        let text = self.text(variable);
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(&text);
        match bare.parse() {
            Ok(address) => address,
            Err(_) if bare == "localhost" => Ipv4Addr::LOCALHOST.into(),
            Err(_) => {
                self.wrong(variable, format!("{text:?} is no IP address: use one such as 0.0.0.0"));
                Ipv4Addr::LOCALHOST.into()
            }
        }
    }

    pub(super) fn duration(&mut self, variable: &str) -> Duration {
        let text = self.text(variable);
        let zero_is_fine = setting(variable).kind == Kind::DurationOrZero;
        match parse_duration(&text) {
            Ok(Duration::ZERO) if !zero_is_fine => {
                self.wrong(variable, "must be more than 0: write for example 60s".to_owned());
                Duration::ZERO
            }
            Ok(duration) => duration,
            Err(e) => {
                self.wrong(variable, e.to_string());
                Duration::ZERO
            }
        }
    }

    pub(super) fn word(&mut self, variable: &str) -> String {
        let text = self.text(variable).to_lowercase();
        if let Kind::Word(words) = setting(variable).kind
            && !words.contains(&text.as_str())
        {
            self.wrong(variable, format!("{text:?} is not valid: use one of {}", words.join(", ")));
        }
        text
    }

    pub(super) fn switch(&mut self, variable: &str) -> bool {
        let text = self.text(variable);
        match text.to_lowercase().as_str() {
            "true" | "1" => true,
            "false" | "0" => false,
            _ => {
                self.wrong(variable, format!("{text:?} is not valid: use true or false"));
                false
            }
        }
    }

    pub(super) fn list(&mut self, variable: &str) -> Vec<String> {
        let text = self.text(variable);
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(str::to_owned).collect()
    }

    pub(super) fn folders(&mut self, variable: &str) -> Vec<PathBuf> {
        let folders: Vec<_> = self.list(variable).into_iter().map(PathBuf::from).collect();
        for folder in folders.iter().filter(|folder| !folder.is_absolute()) {
            self.wrong(variable, format!("{} is not absolute", folder.display()));
        }
        folders
    }

    pub(super) fn networks(&mut self, variable: &str) -> Vec<Network> {
        let items = self.list(variable);
        let (mut networks, mut wrong) = (Vec::new(), Vec::new());
        for item in items {
            match Network::parse(&item) {
                Ok(network) => networks.push(network),
                Err(e) => wrong.push(e),
            }
        }
        for what in wrong {
            self.wrong(variable, what);
        }
        networks
    }

    pub(super) fn public_urls(&mut self, variable: &str) -> PublicUrls {
        let items = self.list(variable);
        PublicUrls::parse(items.iter().map(String::as_str)).unwrap_or_else(|wrong| {
            wrong.into_iter().for_each(|what| self.wrong(variable, what.to_string()));
            PublicUrls::default()
        })
    }

    pub(super) fn url(&mut self, variable: &str) -> String {
        let text = self.text(variable).trim_end_matches('/').to_owned();
        let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            let what = format!(
                "{text:?} is no address of an admin API: use http://host:port or https://host:port"
            );
            self.wrong(variable, what);
        }
        text
    }
}
