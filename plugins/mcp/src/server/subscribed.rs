//! `subscriptions/listen`: a question whose answer is a stream without an end, of what its caller may see.

use std::sync::Arc;

use tokio::time::timeout;

use super::Server;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::message::Message;
use crate::policy::Kind;
use crate::refusal::Refusal;
use crate::reply::{Content, Reply};
use crate::upstream::Link;

pub(crate) const METHOD: &str = "subscriptions/listen";

impl Server {
    /// Asks for changes. Resources that are held back are left out, as a server leaves out what it does not have.
    pub(super) async fn subscribe(
        self: &Arc<Self>,
        link: &Link,
        caller: &Arc<Caller>,
        message: &Message,
    ) -> Result<Reply, Refusal> {
        let message = self.permitted(caller, message.clone());
        let asked = timeout(self.limits.timeout, self.upstream.post(link, &message)).await;
        let mut reply = asked
            .unwrap_or(Err(Failure::Slow))
            .map_err(|failure| self.failed(&failure, message.asks()))?;
        self.doubt_era(link, &reply.content);
        if let Content::Events(events) = reply.content {
            // Its only answer ends it, and lists nothing.
            reply.content = Content::Events(self.screened(events, caller, true));
        }
        Ok(reply)
    }

    fn permitted(&self, caller: &Caller, mut message: Message) -> Message {
        let Message::Request { params: Some(params), .. } = &mut message else { return message };
        let Some(mut wanted) = params.object("notifications") else { return message };
        let Some(mut all) = wanted.get::<Vec<String>>("resourceSubscriptions") else {
            return message;
        };
        all.retain(|uri| self.policy.lets_through(caller, Kind::Resource, uri));
        wanted.set("resourceSubscriptions", &all);
        params.set("notifications", &wanted);
        message
    }
}
