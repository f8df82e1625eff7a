//! Apps that are made when a client of an issuer first comes, where an operator lets them be made. Whether one may be made is
//! decided here, by what is stored: the gateway only asks.

use crate::control::Control;
use sidegate_model::actor::AuditContext;
use sidegate_model::app::MadeFor;
use sidegate_model::issuer::IssuerId;
use sidegate_model::issuer::newcomers;
use sidegate_store::StoreError;

/// By which the audit log knows it.
const OPERATION: &str = "create_app_on_first_sight";

/// What came of an app that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum MadeApp {
    /// It is there.
    Made,
    /// It is not to be made, for this reason.
    Refused(&'static str),
}

impl Control {
    /// Makes the app of a client that speaks for none, where its issuer lets that be done. To be asked by one at a time: how many
    /// there are already is looked at before.
    ///
    /// # Errors
    /// Where that cannot be stored now.
    pub async fn make_app_of(&self, issuer: IssuerId, client: &str) -> Result<MadeApp, StoreError> {
        let snapshot = self.desired();
        let known = snapshot.issuers.get(&issuer).filter(|issuer| issuer.draft.is_active);
        let Some((known, said)) = known.and_then(|it| Some((it, it.draft.newcomers.as_ref()?)))
        else {
            return Ok(MadeApp::Refused("no apps are made for clients of its issuer any more"));
        };
        let draft = &known.draft;
        if draft.clients.contains_key(client) {
            return Ok(MadeApp::Refused("its client is bound to an app that is not there"));
        }
        let made = || snapshot.apps.iter().filter_map(|app| app.made_for.as_ref());
        let of_issuer = || made().filter(|made_for| made_for.issuer == issuer);
        if of_issuer().any(|made_for| made_for.client == client) {
            return Ok(MadeApp::Made);
        }
        let Some(app) = newcomers::app_for(known, client) else {
            return Ok(MadeApp::Refused(newcomers::NO_NAME));
        };
        if of_issuer().count() >= said.max as usize {
            return Ok(MadeApp::Refused(
                "its client speaks for no app, and as many were made for its issuer as may be",
            ));
        }
        let name = app.name.clone();
        let made_for = MadeFor { issuer, client: client.to_owned() };
        match self.by(AuditContext::system(OPERATION)).create_app_for(app, made_for).await {
            Ok(made) => {
                let (app, issuer) = (made.value.id.0, &draft.name);
                tracing::info!(app, name, %issuer, "an app was made for a client that came for the first time");
                Ok(MadeApp::Made)
            }
            Err(StoreError::Conflict { .. }) => Ok(MadeApp::Refused(newcomers::NAME_TAKEN)),
            Err(error) => Err(error),
        }
    }
}
