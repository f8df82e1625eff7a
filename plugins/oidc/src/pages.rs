//! Pages for people: HTML without script, which no other page can frame and nothing can be put into.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use sidegate_sdk::Response;

use crate::oauth_error::OAuthError;

const STYLE: &str = include_str!("style.css");

/// What a policy calls the style by.
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE.as_bytes())));

/// What every form brings back.
pub(crate) struct Form<'a> {
    pub(crate) csrf: &'a str,
    pub(crate) request: &'a str,
    /// Where it may lead, as a policy names it; browsers ask the policy at each redirect.
    pub(crate) leads_to: &'a str,
}

/// The application that people sign in to.
pub(crate) struct Whose<'a> {
    pub(crate) name: &'a str,
    /// Where the answer goes, for people to read.
    pub(crate) address: Option<&'a str>,
}

/// Where somebody signs in.
pub(crate) fn login(
    form: &Form<'_>,
    client: &Whose<'_>,
    name: &str,
    problem: Option<&str>,
    elsewhere: &[(String, String)],
) -> Response {
    let address = client.address.map(|text| format!("<p>You go on to {}.</p>", escaped(text)));
    let focus = |is_here: bool| if is_here { " autofocus" } else { "" };
    let body = format!(
        "<h1>Sign in to {client}</h1>{address}{problem}<form method=\"post\" action=\"login\">{hidden}\
         <label for=\"name\">Name</label>\
         <input id=\"name\" name=\"name\" value=\"{name}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" maxlength=\"128\" required{name_focus}>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" \
         maxlength=\"1024\" required{password_focus}>\
         <button type=\"submit\">Sign in</button></form>{elsewhere}",
        elsewhere = links(elsewhere),
        client = escaped(client.name),
        address = address.unwrap_or_default(),
        problem = alert(problem),
        hidden = hidden(form),
        name_focus = focus(name.is_empty()),
        password_focus = focus(!name.is_empty()),
        name = escaped(name),
    );
    page(200, "Sign in", &body, form.leads_to)
}

/// Where else somebody may sign in: links, which need no script and which no policy of forms stops.
fn links(elsewhere: &[(String, String)]) -> String {
    let link = |(address, title): &(String, String)| {
        let (address, title) = (escaped(address), escaped(title));
        format!("<p><a class=\"button\" href=\"{address}\">Sign in with {title}</a></p>")
    };
    elsewhere.iter().map(link).collect()
}

/// What is asked of somebody who signed in.
pub(crate) struct ConsentQuestion<'a> {
    pub(crate) client: &'a str,
    pub(crate) user: &'a str,
    /// What people read of each scope.
    pub(crate) scopes: Vec<&'a str>,
    pub(crate) resources: &'a [String],
    /// Where the answer goes.
    pub(crate) address: &'a str,
}

/// Where somebody allows what an application asks for.
pub(crate) fn consent(form: &Form<'_>, question: &ConsentQuestion<'_>) -> Response {
    let item = |text: &str| format!("<li>{}</li>", escaped(text));
    let scopes: String = question.scopes.iter().map(|text| item(text)).collect();
    let resources: String = question.resources.iter().map(|text| item(text)).collect();
    let resources = if resources.is_empty() {
        String::new()
    } else {
        format!("<p>It is for:</p><ul>{resources}</ul>")
    };
    let body = format!(
        "<h1>{client} asks for access</h1><p>You are signed in as <strong>{user}</strong>. It wants to:</p>\
         <ul>{scopes}</ul>{resources}<p>You go on to {address}.</p>\
         <form method=\"post\" action=\"consent\">{hidden}\
         <button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button>\
         <button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button></form>",
        client = escaped(question.client),
        user = escaped(question.user),
        address = escaped(question.address),
        hidden = hidden(form),
    );
    page(200, "Allow access", &body, form.leads_to)
}

/// Where somebody says that they want to leave.
pub(crate) fn sign_out(form: &Form<'_>, user: &str) -> Response {
    let body = format!(
        "<h1>Sign out?</h1><p>You are signed in as <strong>{user}</strong>.</p>\
         <form method=\"post\" action=\"end-session\">{hidden}\
         <button type=\"submit\" name=\"decision\" value=\"sign-out\">Sign out</button></form>",
        user = escaped(user),
        hidden = hidden(form),
    );
    page(200, "Sign out", &body, form.leads_to)
}

/// Nobody is signed in (any more).
pub(crate) fn signed_out() -> Response {
    let body = "<h1>You are signed out</h1><p>You can close this page.</p>";
    page(200, "Signed out", body, "")
}

/// What cannot be answered to an application.
pub(crate) fn error(error: &OAuthError) -> Response {
    let body = format!(
        "<h1>This does not work</h1><p role=\"alert\">{}</p><p>Go back to the application and try again.</p>\
         <p><small>{}</small></p>",
        escaped(&error.text),
        error.code,
    );
    page(error.status, "Error", &body, "")
}

fn alert(text: Option<&str>) -> String {
    text.map_or_else(String::new, |text| format!("<p role=\"alert\">{}</p>", escaped(text)))
}

fn hidden(form: &Form<'_>) -> String {
    let input = |name: &str, value: &str| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
    };
    input("csrf", form.csrf) + &input("request", form.request)
}

fn page(status: u16, title: &str, body: &str, leads_to: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>"
    );
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self' {leads_to}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    Response::html(html)
        .with_status(status)
        .header("Content-Security-Policy", policy)
        .header("X-Frame-Options", "DENY")
        .header("X-Content-Type-Options", "nosniff")
        // Not `no-referrer`: then browsers would not say where a form comes from.
        .header("Referrer-Policy", "same-origin")
        .header("Cache-Control", "no-store")
}

/// Text that is nothing but text, also between quotes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_can_be_more_than_text() {
        let evil = "\"><script>alert('1')</script>&";
        let form = Form { csrf: evil, request: evil, leads_to: "https://a" };
        let resources = [evil.to_owned()];
        let question = ConsentQuestion {
            client: evil,
            user: evil,
            scopes: vec![evil],
            resources: &resources,
            address: evil,
        };
        for response in [
            login(
                &form,
                &Whose { name: evil, address: Some(evil) },
                evil,
                Some(evil),
                &[(evil.to_owned(), evil.to_owned())],
            ),
            consent(&form, &question),
            sign_out(&form, evil),
            error(&OAuthError::invalid_request(evil)),
        ] {
            let html = String::from_utf8(response.body().to_vec()).unwrap();
            assert!(html.contains("&quot;&gt;&lt;script&gt;"), "{html}");
            assert!(!html.contains("<script") && !html.contains("alert('"), "{html}");
        }
    }
}
