//! What is asked of a process beside the console, each call with its deadline and bound; and in whose words it failed.

use super::super::broker::BROKER_ID;
use super::user_places::UserPlace;
use crate::services::OpenPageCall;
use sidegate_model::plugin_page::{
    ASSET_DEADLINE, Asset, CALL_DEADLINE, MAX_ANSWER_BYTES, MAX_ASSET_BYTES, PageFailure,
    ToldByPlugin,
};
use sidegate_wire::plugin as wire;
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

/// What a message has beside what is bounded.
const FRAME: usize = 64 * 1024;
/// Calls of one plugin's pages at a time.
pub(super) const MOST_CALLS: usize = 32;
/// Files of one plugin's pages at a time.
pub(super) const MOST_ASSETS: usize = 16;
/// Longest words of a plugin that are passed on, in characters.
const MAX_WORDS: usize = 2_000;
/// How long the end of a process may take to be seen after a call of it broke.
const END_SEEN: Duration = Duration::from_secs(1);

/// How a process can be asked.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) channel: Channel,
    pub(super) calls: Arc<Semaphore>,
    pub(super) assets: Arc<Semaphore>,
    /// How it ended, once it did.
    pub(super) ended: watch::Receiver<Option<String>>,
    /// Rings when it did not answer in time.
    pub(super) doubt: Arc<Notify>,
    pub(super) told: ToldByPlugin,
}

/// A process that is asked something; it is not idle until this is dropped.
pub(super) struct Asking {
    pub(super) line: Line,
    pub(super) open: OpenPageCall,
    /// Of the user who asks.
    pub(super) _place: Option<UserPlace>,
}

impl Asking {
    /// What it told when it was started.
    pub(super) fn told(self) -> ToldByPlugin {
        self.line.told
    }

    pub(super) async fn asset(mut self, path: &str) -> Result<Asset, PageFailure> {
        let request = wire::GetAssetRequest { asset_path: path.to_owned() };
        let mut plugin = self.plugin(MAX_ASSET_BYTES);
        let busy =
            |_| PageFailure::Busy(format!("{MOST_ASSETS} files of this page are open already"));
        let places = self.line.assets.clone();
        let _place = places.try_acquire().map_err(busy)?;
        let answer =
            self.bounded(ASSET_DEADLINE, request, |request| plugin.get_asset(request)).await;
        let answer = answer.map_err(|failure| match failure {
            PageFailure::Said(words) if is_absence(&words) => PageFailure::NoSuchAsset(words),
            failure => failure,
        })?;
        if !answer.success {
            let words = words(&answer.error_message, "it gives no such asset, and no reason");
            return Err(if is_absence(&words) || words.contains("not provide") {
                PageFailure::NoSuchAsset(words)
            } else {
                PageFailure::Said(words)
            });
        }
        if answer.content.len() > MAX_ASSET_BYTES {
            return Err(too_large("asset", MAX_ASSET_BYTES));
        }
        Ok(Asset { content: answer.content.to_vec(), media_type: answer.mime_type })
    }

    /// Goes on until the plugin answers or its time is up, also when nobody waits for it any more: whatever the plugin does
    /// meanwhile is for whoever asked.
    pub(super) async fn call(self, method: String, payload: String) -> Result<String, PageFailure> {
        let asked = tokio::spawn(self.asked(method, payload));
        asked.await.unwrap_or_else(|_| {
            Err(PageFailure::Ended("the call was cut: this process is stopping".to_owned()))
        })
    }

    async fn asked(mut self, method: String, payload: String) -> Result<String, PageFailure> {
        let request = wire::CallRequest { method, payload, service_broker_id: BROKER_ID };
        let mut plugin = self.plugin(MAX_ANSWER_BYTES);
        let busy =
            |_| PageFailure::Busy(format!("{MOST_CALLS} calls of this page are open already"));
        let places = self.line.calls.clone();
        let _place = places.try_acquire().map_err(busy)?;
        let answer = self.bounded(CALL_DEADLINE, request, |request| plugin.call(request)).await?;
        if !answer.success {
            return Err(PageFailure::Said(words(
                &answer.error_message,
                "it failed without a reason",
            )));
        }
        if answer.data.len() > MAX_ANSWER_BYTES {
            return Err(too_large("answer", MAX_ANSWER_BYTES));
        }
        Ok(answer.data)
    }

    fn plugin(&self, most: usize) -> PluginServiceClient<Channel> {
        PluginServiceClient::new(self.line.channel.clone())
            .max_decoding_message_size(most + FRAME)
            .max_encoding_message_size(most + FRAME)
    }

    async fn bounded<Q, A, F>(
        &mut self,
        limit: Duration,
        message: Q,
        send: impl FnOnce(Request<Q>) -> F,
    ) -> Result<A, PageFailure>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut request = Request::new(message);
        request.set_timeout(limit);
        let mut ended = self.line.ended.clone();
        let gone = async { ended.wait_for(Option::is_some).await.ok().and_then(|end| end.clone()) };
        self.open.asked();
        let answer = tokio::select! {
            answer = timeout(limit, send(request)) => answer,
            Some(end) = gone => return Err(PageFailure::Ended(end)),
        };
        match answer {
            Ok(Ok(answer)) => {
                self.open.answered();
                Ok(answer.into_inner())
            }
            Ok(Err(status)) if is_answer(&status) => {
                self.open.answered();
                Err(self.failure(&status, limit).await)
            }
            Ok(Err(status)) => Err(self.failure(&status, limit).await),
            Err(_) => Err(self.late(limit)),
        }
    }

    fn late(&self, limit: Duration) -> PageFailure {
        self.line.doubt.notify_one();
        PageFailure::Late(limit)
    }

    async fn failure(&self, status: &Status, limit: Duration) -> PageFailure {
        let is_ours = std::error::Error::source(status).is_some();
        match status.code() {
            Code::DeadlineExceeded => return self.late(limit),
            Code::Cancelled if status.message() == "Timeout expired" => return self.late(limit),
            Code::OutOfRange if status.message().contains("decoded message") => {
                return PageFailure::Unusable(format!(
                    "what the plugin answers is too large: {}",
                    words(status.message(), "")
                ));
            }
            Code::Unimplemented => {
                return PageFailure::Said("the plugin knows no such call".to_owned());
            }
            _ => {}
        }
        // Where the process ended, that explains a broken call better than the call does.
        if is_ours || matches!(status.code(), Code::Unavailable | Code::Internal) {
            let mut ended = self.line.ended.clone();
            if let Ok(Ok(end)) = timeout(END_SEEN, ended.wait_for(Option::is_some)).await
                && let Some(end) = end.clone()
            {
                return PageFailure::Ended(end);
            }
        }
        PageFailure::Said(words(status.message(), "its call failed without a reason"))
    }
}

/// Whether the plugin said it, so that it is done with the question: neither a broken connection nor a deadline says so.
fn is_answer(status: &Status) -> bool {
    std::error::Error::source(status).is_none()
        && !matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled)
}

fn too_large(what: &str, most: usize) -> PageFailure {
    PageFailure::Unusable(format!("the plugin's {what} is larger than {most} bytes"))
}

/// Words of a plugin that say that there is no such thing.
fn is_absence(words: &str) -> bool {
    let words = words.to_lowercase();
    ["not found", "no such", "not exist"].iter().any(|said| words.contains(said))
}

fn words(said: &str, otherwise: &str) -> String {
    let said = said.trim();
    if said.is_empty() { otherwise.to_owned() } else { said.chars().take(MAX_WORDS).collect() }
}
