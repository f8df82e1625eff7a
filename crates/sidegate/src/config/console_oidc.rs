//! The file with the providers by way of which people sign in to the console. All that is wrong in it is told at once, and
//! nothing of a secret.

use super::reader::Reader;
use serde::Deserialize;
use sidegate_control::{EVERYBODY, OidcProvider};
use sidegate_model::issuer::{Algorithm, check_address};
use sidegate_model::role::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const VARIABLE: &str = "SIDEGATE_CONSOLE_OIDC_FILE";
/// Most providers: each is a button.
const MOST: usize = 10;
/// More than any sensible secret, in bytes.
const MAX_SECRET: usize = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    provider: Vec<Written>,
}

/// A provider as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    title: Option<String>,
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    client_secret_file: Option<String>,
    scopes: Option<Vec<String>>,
    #[serde(default = "groups")]
    groups_claim: String,
    roles: BTreeMap<String, String>,
    algorithms: Option<Vec<String>>,
    #[serde(default)]
    allow_private: bool,
}

fn groups() -> String {
    "groups".to_owned()
}

/// Reads the file that the settings name, if they name one.
pub(super) fn read(read: &mut Reader<'_>, has_origin: bool) -> Vec<OidcProvider> {
    let path = read.path(VARIABLE);
    if path.as_os_str().is_empty() {
        return Vec::new();
    }
    if !has_origin {
        let what = "people are sent back to SIDEGATE_CONSOLE_ORIGIN: set it to where browsers find the console";
        read.wrong(VARIABLE, what.to_owned());
    }
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            read.wrong(VARIABLE, format!("{} cannot be read: {error}", path.display()));
            return Vec::new();
        }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let (providers, wrong) = parsed(&text, folder);
    for what in wrong {
        read.wrong(VARIABLE, format!("{}: {what}", path.display()));
    }
    providers
}

/// The providers of a file, and all that is wrong with it.
fn parsed(text: &str, folder: &Path) -> (Vec<OidcProvider>, Vec<String>) {
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let line = error.span().map_or(1, |at| text[..at.start].lines().count().max(1));
            return (Vec::new(), vec![format!("line {line}: {}", error.message())]);
        }
    };
    let mut wrong = Vec::new();
    if file.provider.is_empty() || file.provider.len() > MOST {
        wrong.push(format!("write 1 to {MOST} providers, each below [[provider]]"));
    }
    let mut providers = Vec::new();
    let (mut names, mut issuers) = (BTreeSet::new(), BTreeSet::new());
    for written in file.provider {
        let name = written.name.clone();
        if !names.insert(name.clone()) || !issuers.insert(written.issuer.clone()) {
            wrong.push(format!("{name:?}: another provider has this name or issuer"));
        }
        match settled(written, folder) {
            Ok(provider) => providers.push(provider),
            Err(problems) => {
                wrong.extend(problems.into_iter().map(|what| format!("{name:?}: {what}")));
            }
        }
    }
    (providers, wrong)
}

fn settled(written: Written, folder: &Path) -> Result<OidcProvider, Vec<String>> {
    let mut wrong = Vec::new();
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=24).contains(&written.name.len()) || !written.name.bytes().all(is_name) {
        wrong.push("name: give 1 to 24 lower-case letters, digits and `-`".to_owned());
    }
    if let Err(what) = check_address(&written.issuer, written.allow_private) {
        wrong.push(format!("issuer: {what}"));
    }
    if written.client_id.is_empty() {
        wrong.push("client_id: say which client the console is at the provider".to_owned());
    }
    let mut roles = BTreeMap::new();
    for (group, word) in &written.roles {
        match Role::parse(word) {
            Some(role) => drop(roles.insert(group.clone(), role)),
            None => wrong
                .push(format!("roles: {group:?}: {word:?} is no role: admin, operator or viewer")),
        }
    }
    if written.roles.is_empty() {
        wrong.push(format!("roles: nobody could sign in: give a group a role, or {EVERYBODY:?}"));
    }
    let usual = || vec!["RS256".to_owned(), "ES256".to_owned(), "EdDSA".to_owned()];
    let mut algorithms = Vec::new();
    for word in written.algorithms.unwrap_or_else(usual) {
        match Algorithm::parse(&word) {
            Some(algorithm) => algorithms.push(algorithm),
            None => wrong.push(format!("algorithms: {word:?} is not taken")),
        }
    }
    let client_secret = secret(written.client_secret, written.client_secret_file, folder)
        .map_err(|what| wrong.push(what))
        .unwrap_or_default();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let usual = || vec!["profile".to_owned(), "email".to_owned()];
    let mut scopes = written.scopes.unwrap_or_else(usual);
    scopes.retain(|scope| scope != "openid");
    Ok(OidcProvider {
        title: written.title.unwrap_or_else(|| written.name.clone()),
        name: written.name,
        issuer: written.issuer,
        client_id: written.client_id,
        client_secret,
        scopes,
        groups_claim: written.groups_claim,
        roles,
        algorithms,
        allow_private: written.allow_private,
    })
}

/// The secret itself, or that of a file, which is looked for beside this one where its path is not absolute.
fn secret(
    own: Option<String>,
    file: Option<String>,
    folder: &Path,
) -> Result<Option<String>, String> {
    let secret = match (own, file) {
        (Some(_), Some(_)) => {
            return Err("say client_secret or client_secret_file, not both".to_owned());
        }
        (own, None) => own,
        (None, Some(file)) => {
            let path = folder.join(&file);
            let text = std::fs::read_to_string(path);
            Some(text.map_err(|error| format!("client_secret_file: {file}: {error}"))?)
        }
    };
    let secret = secret.map(|secret| secret.trim().to_owned());
    match secret.as_ref().is_some_and(|secret| secret.is_empty() || secret.len() > MAX_SECRET) {
        true => Err("the client's secret is empty or too long".to_owned()),
        false => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [[provider]]
        name = "corp"
        issuer = "https://id.example.com"
        client_id = "console"
        client_secret_file = "corp.secret"
        [provider.roles]
        ops = "operator"
        "*" = "viewer"
    "#;

    #[test]
    fn a_provider_is_read_with_its_secret_from_beside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("corp.secret"), "s3cret\n").unwrap();
        let (providers, wrong) = parsed(GOOD, folder.path());
        assert!(wrong.is_empty(), "{wrong:?}");
        let [corp] = &providers[..] else { panic!("{providers:?}") };
        assert_eq!((&*corp.title, corp.client_secret.as_deref()), ("corp", Some("s3cret")));
        assert_eq!(corp.roles["ops"], Role::Operator);
        assert_eq!(corp.scopes, ["profile", "email"]);
    }

    #[test]
    fn all_that_is_wrong_is_told_and_no_secret() {
        let text = r#"
            [[provider]]
            name = "Corp"
            issuer = "http://id.example.com"
            client_id = ""
            client_secret = "s3cret"
            client_secret_file = "x"
            algorithms = ["none", "HS256"]
            roles = { ops = "root" }
            [[provider]]
            name = "Corp"
            issuer = "http://127.0.0.1:9000"
            client_id = "a"
            roles = {}
        "#;
        let (_, wrong) = parsed(text, Path::new("/"));
        let told = wrong.join("\n");
        for part in [
            "name: give",
            "issuer: ",
            "client_id: ",
            "\"ops\": \"root\" is no role",
            "\"none\" is not taken",
            "\"HS256\" is not taken",
            "not both",
            "another provider has this name",
            "needs allow_private",
            "nobody could sign in",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("s3cret"));
        let (_, wrong) = parsed("[[provider]]\nnam = 1", Path::new("/"));
        assert!(wrong[0].starts_with("line "), "{wrong:?}");
        assert_eq!(parsed("", Path::new("/")).1.len(), 1);
    }
}
