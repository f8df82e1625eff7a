//! The client of the admin API: one method for each kind of call, with deadlines, and errors that
//! say what a person can do.
//!
//! It knows paths, envelopes and the types of the API, not what plugins, apps and tokens mean.

use crate::config::layers::{Environment, Flags, Layers};
use crate::config::resolved::{ClientConfig, Secret};
use crate::data_dir;
use crate::error::Failure;
use crate::trust;
use clap::Args;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sidegate_api::operation::Fields;
use sidegate_api::resource::{ListOf, PageOf, Resource, Shown};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod events;
mod refusals;
mod writes;

pub(crate) use events::{Event, Events};
pub(crate) use writes::Change;

/// Where whoever types commands says their token.
const ADMIN_TOKEN: &str = "SIDEGATE_ADMIN_TOKEN";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const PAGE_SIZE: u64 = 100;
/// No list is asked for further than this; it ends the walk through a list that never ends.
const MAX_PAGES: u64 = 10_000;

/// The flags that say where the admin API is.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminApiFlags {
    /// Address of the admin API [env: SIDEGATE_URL] [default: http://localhost:8080]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Folder with the file admin.token, used when SIDEGATE_ADMIN_TOKEN is not set
    /// [env: DATA_DIR] [default: ./data]
    #[arg(long, value_name = "PATH")]
    data_dir: Option<PathBuf>,
    /// PEM file with certificates to trust beside those of the system, for an https:// address
    /// [env: SIDEGATE_CA]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl AdminApiFlags {
    /// Finds the address and the token. Nothing is sent yet.
    ///
    /// # Errors
    /// Wrong settings, or no token anywhere.
    pub(crate) fn client(&self) -> Result<AdminApi, Failure> {
        let environment = Environment::of_process();
        let is_blank = environment.is_blank(ADMIN_TOKEN);
        AdminApi::new(self.settings(&environment)?, is_blank)
    }

    /// Finds the address of what is told without a token. Nothing is sent yet.
    ///
    /// # Errors
    /// Wrong settings.
    pub(crate) fn client_without_token(&self) -> Result<AdminApi, Failure> {
        AdminApi::with_token(self.settings(&Environment::of_process())?, None)
    }

    fn settings(&self, environment: &Environment) -> Result<ClientConfig, Failure> {
        let mut flags = Flags::default();
        if let Some(url) = &self.url {
            flags.texts.insert("SIDEGATE_URL", url.clone());
        }
        if let Some(folder) = &self.data_dir {
            flags.texts.insert("DATA_DIR", folder.to_string_lossy().into_owned());
        }
        if let Some(file) = &self.ca {
            flags.texts.insert("SIDEGATE_CA", file.to_string_lossy().into_owned());
        }
        let (layers, mut problems) = Layers::collect(environment, &flags);
        match ClientConfig::resolve(&layers) {
            Ok(config) if problems.is_empty() => Ok(config),
            Ok(_) => Err(Failure::settings(&problems)),
            Err(more) => {
                problems.extend(more);
                Err(Failure::settings(&problems))
            }
        }
    }
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// What is asked of the admin API.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    /// A body and what it is.
    body: Option<(&'a Value, &'static str)>,
    /// The version that the thing must have.
    version: Option<&'a str>,
}

/// What it answers.
struct Answer {
    status: StatusCode,
    /// Which version of a thing this is.
    version: Option<String>,
    body: Value,
}

/// A client of the admin API, with its address and token.
pub(crate) struct AdminApi {
    http: reqwest::Client,
    url: String,
    /// The file with certificates to trust, where there is one.
    ca: Option<PathBuf>,
    /// What is shown, and where it is from; nothing where nothing is demanded.
    token: Option<(Secret, String)>,
}

impl AdminApi {
    /// With the token of the settings, or that of the data folder. Whoever left the variable blank, as
    /// `$(cat no-such-file)` does, believes to have said one.
    fn new(config: ClientConfig, is_blank: bool) -> Result<Self, Failure> {
        let file = data_dir::admin_token_path(&config.data_dir);
        let token = match &config.admin_token {
            Some(token) => (token.clone(), ADMIN_TOKEN.to_owned()),
            None if is_blank => {
                let read = data_dir::read_admin_token(&file);
                let read = read.map_err(|f| f.after(&format!("{ADMIN_TOKEN} is empty, and ")))?;
                (read, format!("{} ({ADMIN_TOKEN} is empty)", file.display()))
            }
            None => (data_dir::read_admin_token(&file)?, file.display().to_string()),
        };
        Self::with_token(config, Some(token))
    }

    fn with_token(config: ClientConfig, token: Option<(Secret, String)>) -> Result<Self, Failure> {
        let http = http_client(&config.url, config.ca.as_deref())?;
        Ok(Self { http, url: config.url, ca: config.ca, token })
    }

    /// Asks for something.
    pub(crate) async fn get<A: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Resource<A>, Failure> {
        self.shown(&self.call(Method::GET, path, None).await?)
    }

    /// Asks for something that may not be there.
    pub(crate) async fn get_if_there<A: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<Resource<A>>, Failure> {
        let answer = self.ask(&Ask::with_json(Method::GET, path, None)).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        self.shown(&self.accepted(answer)?).map(Some)
    }

    /// Whether the admin API answers at all.
    pub(crate) async fn is_there(&self) -> bool {
        self.call(Method::GET, "health", None).await.is_ok()
    }

    /// Makes something happen to a thing; gives what it is then.
    pub(crate) async fn tell<A: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Resource<A>, Failure> {
        self.shown(&self.call(Method::POST, path, Some(&json!({}))).await?)
    }

    /// Creates something, or makes something happen with a thing; gives what it is then.
    pub(crate) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        fields: &(impl Fields + Serialize),
    ) -> Result<Resource<A>, Failure> {
        self.shown(&self.call(Method::POST, path, Some(&wrapped(fields))).await?)
    }

    /// Creates something whose name can be taken, and then says what to do.
    pub(crate) async fn create<A: DeserializeOwned>(
        &self,
        path: &str,
        fields: &(impl Fields + Serialize),
        when_taken: &str,
    ) -> Result<Resource<A>, Failure> {
        let answer = self.ask(&Ask::with_json(Method::POST, path, Some(&wrapped(fields)))).await?;
        match answer.status {
            StatusCode::CONFLICT => Err(self.refused(&answer).hint(when_taken)),
            _ => self.shown(&self.accepted(answer)?),
        }
    }

    /// Changes fields; gives what the thing is then.
    pub(crate) async fn patch<A: DeserializeOwned>(
        &self,
        path: &str,
        fields: &(impl Fields + Serialize),
    ) -> Result<Resource<A>, Failure> {
        self.shown(&self.call(Method::PATCH, path, Some(&wrapped(fields))).await?)
    }

    /// Merges fields and members of them; gives what the thing is then.
    pub(crate) async fn merge<A: DeserializeOwned>(
        &self,
        path: &str,
        patch: &Value,
    ) -> Result<Resource<A>, Failure> {
        let body = Some((patch, MERGE_PATCH));
        let ask = Ask { body, ..Ask::with_json(Method::PATCH, path, None) };
        self.shown(&self.accepted(self.ask(&ask).await?)?)
    }

    /// Asks for a thing and its version.
    pub(crate) async fn get_version<A: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<(Resource<A>, String), Failure> {
        let answer = self.call(Method::GET, path, None).await?;
        let thing = self.shown(&answer)?;
        let version = answer.version.ok_or_else(|| self.not_an_admin_api(answer.status))?;
        Ok((thing, version))
    }

    /// Changes fields of a thing that still has this version; gives what it is then, and nothing
    /// where it was changed meanwhile.
    pub(crate) async fn patch_version<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
        version: &str,
    ) -> Result<Option<Resource<A>>, Failure> {
        let ask = Ask { version: Some(version), ..Ask::with_json(Method::PATCH, path, Some(body)) };
        let answer = self.ask(&ask).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Ok(None);
        }
        self.shown(&self.accepted(answer)?).map(Some)
    }

    /// Deletes something.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    /// A list that is on one page.
    pub(crate) async fn list<A: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Vec<Resource<A>>, Failure> {
        let answer = self.call(Method::GET, path, None).await?;
        Ok(self.read::<ListOf<A>>(&answer)?.data)
    }

    /// An answer as a whole.
    pub(crate) async fn whole<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.read(&self.call(Method::GET, path, None).await?)
    }

    /// What a plugin answers to a question of its page.
    pub(crate) async fn ask_plugin(&self, path: &str, payload: &Value) -> Result<Value, Failure> {
        #[derive(Deserialize)]
        struct Told {
            data: Value,
        }
        let told: Told = self.read(&self.call(Method::POST, path, Some(payload)).await?)?;
        Ok(told.data)
    }

    /// Everything in a collection, over all its pages.
    pub(crate) async fn all<A: DeserializeOwned>(
        &self,
        collection: &str,
    ) -> Result<Vec<Resource<A>>, Failure> {
        let mut found = Vec::new();
        let separator = if collection.contains('?') { '&' } else { '?' };
        for page in 1..=MAX_PAGES {
            let path = format!("{collection}{separator}page={page}&limit={PAGE_SIZE}");
            let answer = self.call(Method::GET, &path, None).await?;
            let listed: PageOf<A> = self.read(&answer)?;
            let is_last = listed.data.is_empty() || page >= listed.meta.total_pages;
            found.extend(listed.data);
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    fn shown<A: DeserializeOwned>(&self, answer: &Answer) -> Result<Resource<A>, Failure> {
        Ok(self.read::<Shown<A>>(answer)?.data)
    }

    /// An answer as what it must be.
    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, Failure> {
        T::deserialize(&answer.body).map_err(|error| {
            let message = format!("{} answered with something unexpected: {error}", self.url);
            Failure::failed(message).hint(
                "use the command line of the same version as the gateway, see `sidegate version`",
            )
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.accepted(self.ask(&Ask::with_json(method, path, body)).await?)
    }

    fn accepted(&self, answer: Answer) -> Result<Answer, Failure> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.refused(&answer)) }
    }

    fn request(&self, ask: &Ask<'_>) -> RequestBuilder {
        let mut request =
            self.http.request(ask.method.clone(), format!("{}/api/v1/{}", self.url, ask.path));
        if let Some((token, _)) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        if let Some((body, kind)) = ask.body {
            request = request.header(CONTENT_TYPE, kind).body(body.to_string());
        }
        if let Some(version) = ask.version {
            request = request.header(IF_MATCH, version);
        }
        request
    }

    async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let response = self.request(ask).send().await.map_err(|e| self.unreachable(&e))?;
        self.answer(response).await
    }

    /// A whole answer.
    async fn answer(&self, response: Response) -> Result<Answer, Failure> {
        let status = response.status();
        let version = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
        let version = version.map(str::to_owned);
        let bytes = response.bytes().await.map_err(|e| self.unreachable(&e))?;
        let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if answer.is_null() && !bytes.is_empty() {
            return Err(self.not_an_admin_api(status));
        }
        if refusals::is_for_clients(&answer) {
            return Err(self.port_for_clients());
        }
        Ok(Answer { status, version, body: answer })
    }
}

/// The client for an address. A plain one needs no certificates, and must not fail for the lack of
/// them.
fn http_client(url: &str, ca: Option<&Path>) -> Result<reqwest::Client, Failure> {
    let builder = || {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            // The admin API is near; a proxy meant for the wide world would not find it.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
    };
    let built = match (ca, url.starts_with("https://")) {
        // Small images have no certificates of a system; those that are named then do.
        (Some(ca), true) => builder().tls_backend_preconfigured(trust::trusting(ca)?).build(),
        (None, true) => builder().build(),
        (_, false) => builder().tls_certs_only([]).build(),
    };
    built.map_err(|error| {
        Failure::failed(format!("no HTTP client: {}", refusals::innermost(&error)))
            .hint("name a PEM file with the certificate to trust: --ca FILE, or SIDEGATE_CA")
    })
}

impl<'a> Ask<'a> {
    fn with_json(method: Method, path: &'a str, body: Option<&'a Value>) -> Self {
        Self { method, path, body: body.map(|body| (body, JSON)), version: None }
    }
}

/// The body that carries what is said of a noun.
fn wrapped<T: Fields + Serialize>(fields: &T) -> Value {
    json!({"data": {"type": T::NOUN, "attributes": said(fields)}})
}

/// What is said, without what is not.
pub(crate) fn said(fields: &impl Serialize) -> Map<String, Value> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(fields) else { return Map::new() };
    members.retain(|_, value| !value.is_null());
    members
}
