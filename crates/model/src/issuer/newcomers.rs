//! Apps that are made on first sight, for clients of an issuer that nobody has bound to one: how many, whose, and what they are
//! called. Off where nothing is said.

use super::{InvalidIssuer, Issuer, IssuerDraft, MAX_CLIENTS};
use crate::app::{AppDraft, is_email};
use serde::{Deserialize, Serialize};

/// Requests a minute of an app that is made so, where nothing else is said.
pub const RATE_LIMIT: u32 = 60;

/// Why no app is made for a client that cannot be the name of one.
pub const NO_NAME: &str = "its client cannot be the name of an app";
/// Why no app is made for a client where another one has its name.
pub const NAME_TAKEN: &str = "an app that was not made for its client has the name that its client's would have: bind the client to it";

/// What is said of apps that are made on first sight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomers {
    /// Most apps of this issuer that are made so.
    pub max: u32,
    /// Whose they are.
    pub owner_email: String,
    /// Requests a minute of each; never without a limit.
    pub rate_limit: u32,
}

impl Newcomers {
    /// Checks what is said for this issuer.
    pub(crate) fn problems(&self, issuer: &IssuerDraft) -> Vec<InvalidIssuer> {
        let wrong = |field, problem: &str| InvalidIssuer { field, problem: problem.to_owned() };
        let mut problems = Vec::new();
        if self.max as usize > MAX_CLIENTS {
            problems.push(wrong("create_apps", "give at most 1000"));
        }
        if issuer.is_of_certificates() {
            let problem = "name each certificate: no app is made of one on first sight";
            problems.push(wrong("create_apps", problem));
        }
        if !is_unmistakable(&issuer.name) {
            let problem =
                "rename the issuer without `/`: its clients' apps could be those of another one's";
            problems.push(wrong("create_apps", problem));
        }
        if !is_email(&self.owner_email) {
            problems.push(wrong("create_apps_owner", "give an address of the form name@host"));
        }
        if self.rate_limit == 0 {
            let problem = "give at least 1: an app that nobody looked at has a limit";
            problems.push(wrong("create_apps_rate_limit", problem));
        }
        problems
    }
}

/// Whether the name of an issuer ends where the first `/` of its apps' names is. Clients may have more in theirs: of
/// `corp/a/b` people could not tell whether it is client `a/b` of `corp` or client `b` of `corp/a`.
fn is_unmistakable(name: &str) -> bool {
    !name.contains('/')
}

/// The app that is made for a client of an issuer; `None` where none is made, or not one of this name.
pub fn app_for(issuer: &Issuer, client: &str) -> Option<AppDraft> {
    let draft = &issuer.draft;
    let said = draft.newcomers.as_ref().filter(|_| is_unmistakable(&draft.name))?;
    let app = AppDraft {
        namespace: draft.namespace.clone(),
        name: format!("{}/{client}", draft.name),
        description: format!("Made when client {client:?} of issuer {} first came.", draft.name),
        owner_email: said.owner_email.clone(),
        is_active: true,
        monthly_budget: 0.0,
        rate_limit: said.rate_limit,
        metadata: serde_json::Map::new(),
        max_staleness: None,
        managed_by: String::new(),
    };
    // What cannot be seen is no name that an operator could tell from another.
    let is_plain = !client.is_empty() && client.chars().all(|c| c.is_ascii_graphic());
    (is_plain && app.validate().is_ok()).then_some(app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::IssuerId;

    fn issuer(newcomers: Option<Newcomers>) -> Issuer {
        let audiences = vec!["https://gw.example/plugins/{slug}".to_owned()];
        let draft =
            IssuerDraft { newcomers, audiences, ..IssuerDraft::new("corp", "https://id.example") };
        Issuer { id: IssuerId(1), draft, created_at: 0, updated_at: 0 }
    }

    fn said() -> Newcomers {
        Newcomers { max: 10, owner_email: "ops@example.com".to_owned(), rate_limit: 60 }
    }

    #[test]
    fn an_app_of_a_newcomer_is_called_by_issuer_and_client_and_has_a_limit() {
        let app = app_for(&issuer(Some(said())), "robot-1").unwrap();
        assert_eq!((app.name.as_str(), app.rate_limit), ("corp/robot-1", 60));
        assert_eq!(app_for(&issuer(None), "robot-1"), None);
        for client in ["", "a b", "a\u{202e}b", "a\nb"] {
            let made = app_for(&issuer(Some(said())), client);
            assert_eq!(made, None, "{client:?}");
        }
        assert_eq!(app_for(&issuer(Some(said())), &"x".repeat(300)), None);
    }

    #[test]
    fn no_app_is_made_that_could_be_another_issuers() {
        let mut nested = issuer(Some(said()));
        nested.draft.name = "corp/a".to_owned();
        assert_eq!(app_for(&nested, "b"), None);
        let problems = nested.draft.validate().unwrap_err();
        assert_eq!(problems.iter().map(|wrong| wrong.field).collect::<Vec<_>>(), ["create_apps"]);
        nested.draft.newcomers = None;
        assert!(nested.draft.validate().is_ok());
        assert_eq!(app_for(&issuer(Some(said())), "a/b").unwrap().name, "corp/a/b");
    }

    #[test]
    fn what_is_said_of_newcomers_is_bounded() {
        let wrong = |said: Newcomers| {
            let problems = issuer(Some(said)).draft.validate().err().unwrap_or_default();
            problems.iter().map(|wrong| wrong.field).collect::<Vec<_>>()
        };
        assert_eq!(wrong(said()), [""; 0]);
        let none = Newcomers { max: 1001, owner_email: String::new(), rate_limit: 0 };
        assert_eq!(wrong(none), ["create_apps", "create_apps_owner", "create_apps_rate_limit"]);
    }
}
