//! An OpenID Connect provider as a plugin: people sign in at it, applications get tokens from it. It is built on the
//! SDK and knows nothing of the gateway.
//!
//! In reading order: [`plugin`] has every endpoint; `authorize` with `authorization`, `sign_in` and `pages` is what
//! happens in a browser; `management` is what operators do on a page of the console; `token`, `userinfo`, `introspection` and `revocation` are for programs; `grants`, `sessions`
//! and `keys` are what is kept, in a `storage`.

mod authorization;
mod authorize;
mod browser;
mod client_authentication;
mod client_document;
mod client_metadata;
mod clients;
mod clock;
mod consents;
mod discovery;
mod end_session;
mod grants;
mod introspection;
mod keys;
mod limits;
mod management;
mod oauth_error;
mod outbound;
mod pages;
mod params;
mod passwords;
mod provider;
mod redirect_uri;
mod registration;
mod revocation;
mod secret_text;
mod sessions;
mod settings;
mod sign_in;
mod site;
mod storage;
mod token;
mod tokens;
mod upstream;
mod upstream_documents;
mod userinfo;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use sidegate_sdk::{Endpoint, Page, Plugin, Request, Response, Result};

use management::{ClientName, NewClient, NewUser, UserChange, UserName};
pub use provider::Provider;

/// The plugin, ready to serve.
pub fn plugin() -> Plugin<Provider> {
    let page = |path: &str, text: &str| Endpoint::new(path).description(text);
    let plugin = Plugin::new("oidc", env!("CARGO_PKG_VERSION"))
        .description("An OpenID Connect provider: people sign in, applications get tokens")
        .config_schema(include_str!("../config.schema.json"))
        .services([storage::NEEDED, management::NEEDED])
        .initialize(Provider::start)
        .get(page("/authorize", "Where applications send people"), authorize::authorize)
        .post(page("/authorize", "The same, by a form"), authorize::authorize_form)
        .post(page("/login", "Name and password"), sign_in::login)
        .get(page("/upstream", "Off to another provider"), upstream::begin)
        .get(page("/upstream/*", "Back from there"), upstream::finish)
        .post(page("/consent", "What somebody allows"), sign_in::consent)
        .get(page("/end-session", "Signing out"), end_session::end_session)
        .post(page("/end-session", "The same, by a form"), end_session::end_session_form);
    for_programs(with_page(plugin))
}

/// Where operators manage users and clients.
fn with_page(plugin: Plugin<Provider>) -> Plugin<Provider> {
    type State = Arc<Provider>;
    plugin
        .page(
            Page::element("/oidc/people", "sidegate-oidc", "/ui/provider.js")
                .label("OpenID provider")
                .title("Users and clients"),
        )
        .asset("/ui/provider.js", "text/javascript", include_bytes!("../ui/provider.js"))
        .rpc("overview", async |_: Value, it: State| it.management.overview())
        .rpc("add_user", async |new: NewUser, it: State| it.management.add_user(new).await)
        .rpc("change_user", async |to: UserChange, it: State| it.management.change_user(to).await)
        .rpc("reset_password", async |of: UserName, it: State| {
            it.management.reset_password(of).await
        })
        .rpc("end_sessions", async |of: UserName, it: State| it.management.end_sessions(of).await)
        .rpc("remove_user", async |it_is: UserName, it: State| {
            it.management.remove_user(it_is).await
        })
        .rpc("add_client", async |new: NewClient, it: State| it.management.add_client(new).await)
        .rpc("new_secret", async |of: ClientName, it: State| it.management.new_secret(of).await)
        .rpc("remove_client", async |it_is: ClientName, it: State| {
            it.management.remove_client(it_is).await
        })
}

/// Endpoints that pages of other origins may ask: none of them looks at a cookie.
fn for_programs(plugin: Plugin<Provider>) -> Plugin<Provider> {
    let at = |path: &str, text: &str| Endpoint::new(path).description(text);
    let about = "What the provider is";
    plugin
        .get(at("/.well-known/openid-configuration", about), shared(discovery::metadata))
        .get(at("/.well-known/oauth-authorization-server", about), shared(discovery::metadata))
        .get(at("/jwks", "The public keys"), shared(discovery::jwks))
        .post(at("/token", "Tokens"), shared(token::token))
        .get(at("/userinfo", "Who signed in"), shared(userinfo::userinfo))
        .post(at("/userinfo", "The same, by a form"), shared(userinfo::userinfo))
        .post(at("/introspect", "Whether a token counts"), shared(introspection::introspect))
        .post(at("/revoke", "Giving tokens back"), shared(revocation::revoke))
        .post(at("/register", "Applications register themselves"), shared(registration::register))
        .endpoint(at("/token", "For browsers").method("OPTIONS"), preflight)
        .endpoint(at("/userinfo", "For browsers").method("OPTIONS"), preflight)
        .endpoint(at("/revoke", "For browsers").method("OPTIONS"), preflight)
}

type Answered = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The same handler, whose answers pages of any origin may read.
fn shared<F, Fut>(handler: F) -> impl Fn(Request, Arc<Provider>) -> Answered + Send + Sync
where
    F: Fn(Request, Arc<Provider>) -> Fut + Send + Sync,
    Fut: Future<Output = Response> + Send + 'static,
{
    move |req, provider| {
        let answer = handler(req, provider);
        Box::pin(async move { answer.await.header("Access-Control-Allow-Origin", "*") })
    }
}

/// What browsers ask before a page of another origin may send a token.
async fn preflight(_: Request) -> Response {
    Response::empty()
        .header("Access-Control-Allow-Origin", "*")
        .header("Access-Control-Allow-Methods", "GET, POST")
        .header("Access-Control-Allow-Headers", "Authorization, Content-Type")
        .header("Access-Control-Max-Age", "3600")
}

/// What is kept of a password: the `password_hash` of a user.
///
/// # Errors
/// Where the system gives no randomness.
pub fn password_hash(password: &str) -> Result<String> {
    passwords::hash(password)
}

/// A new secret of a client, and what is kept of it: the `secret_hash` of the client.
///
/// # Errors
/// Where the system gives no randomness.
pub fn client_secret() -> Result<(String, String)> {
    let secret = secret_text::secret()?;
    let hash = settings::client::secret_hash(&secret);
    Ok((secret, hash))
}
