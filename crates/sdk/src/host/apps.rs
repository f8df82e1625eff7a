//! Questions about the apps that a gateway knows, their secrets and their budgets.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sidegate_wire::management::microgateway_management_service_client::MicrogatewayManagementServiceClient;
use sidegate_wire::management::{
    AppInfo, GetAppRequest, GetBudgetStatusRequest, GetBudgetStatusResponse, ListAppsRequest,
    ValidateCredentialRequest,
};
use tonic::transport::Channel;

use super::error::HostError;
use super::line::{ANSWER_BYTES, Again, Line};

const READ: &str = "apps.read";
const BUDGET: &str = "budget.read";
const VALIDATE: &str = "credentials.validate";
/// How many apps a page has.
const PAGE: i32 = 100;

/// The apps of the gateway, made by [`Host::apps`](crate::Host::apps).
#[derive(Clone, Debug)]
pub struct Apps {
    line: Arc<Line>,
}

/// One page of the list of apps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppPage {
    /// The apps on this page, at most 100.
    pub apps: Vec<AppInfo>,
    /// How many there are on all pages.
    pub total: u64,
}

/// What is known of a secret that is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The number of the app that it speaks for.
    pub app_id: u32,
    /// The number of the token itself, by which operators revoke it.
    pub credential_id: u32,
    /// When it ends to be valid, if ever.
    pub expires_at: Option<SystemTime>,
}

impl Apps {
    pub(super) fn new(line: Arc<Line>) -> Self {
        Self { line }
    }

    /// One page of the active apps; the first page is 1. Needs the scope `apps.read`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn list(&self, page: u32) -> Result<AppPage, HostError> {
        let message = ListAppsRequest {
            context: self.line.context(READ),
            is_active: None,
            page: i32::try_from(page.max(1)).unwrap_or(i32::MAX),
            limit: PAGE,
        };
        let call = |channel| {
            let message = message.clone();
            async move { client(channel).list_apps(message).await }
        };
        let answer = self.line.ask(READ, Again::Yes, call).await?;
        Ok(AppPage { apps: answer.apps, total: u64::try_from(answer.total_count).unwrap_or(0) })
    }

    /// An app by its number; `None` where there is none. Needs the scope `apps.read`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn get(&self, app_id: u32) -> Result<Option<AppInfo>, HostError> {
        let message = GetAppRequest { context: self.line.context(READ), app_id };
        let call = |channel| {
            let message = message.clone();
            async move { client(channel).get_app(message).await }
        };
        match self.line.ask(READ, Again::Yes, call).await {
            Ok(answer) => Ok(answer.app),
            Err(HostError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whose secret this is; `None` for every secret that is not valid, for whatever reason.
    /// Needs the scope `credentials.validate`.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn validate(&self, secret: &str) -> Result<Option<Credential>, HostError> {
        let context = self.line.context(VALIDATE);
        let message = ValidateCredentialRequest { context, secret: secret.to_owned() };
        let call = |channel| {
            let message = message.clone();
            async move { client(channel).validate_credential(message).await }
        };
        let answer = self.line.ask(VALIDATE, Again::Yes, call).await?;
        let expires = answer.expires_at.map(|at| u64::try_from(at).unwrap_or(0));
        Ok(answer.valid.then(|| Credential {
            app_id: answer.app_id,
            credential_id: answer.credential_id,
            expires_at: expires
                .and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))),
        }))
    }

    /// What an app has used and may use. Needs the scope `budget.read`. All zero from a gateway
    /// that keeps no budgets, as Sidegate.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn budget(&self, app_id: u32) -> Result<GetBudgetStatusResponse, HostError> {
        let context = self.line.context(BUDGET);
        let message = GetBudgetStatusRequest { context, app_id, llm_id: None };
        let call = |channel| {
            let message = message.clone();
            async move { client(channel).get_budget_status(message).await }
        };
        self.line.ask(BUDGET, Again::Yes, call).await
    }
}

fn client(channel: Channel) -> MicrogatewayManagementServiceClient<Channel> {
    MicrogatewayManagementServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES)
}
