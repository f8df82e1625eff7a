//! Makes apps for clients that the gateway beside has not seen before: the one way by which something that a client does comes
//! to be desired state. Only where both are one process; one at a time, and no request waits for more than its own time.

use sidegate_control::{Control, MadeApp};
use sidegate_gateway::{MadeApp as Told, NewcomerQueue};
use std::time::Duration;
use tokio::time::timeout;

/// How long one app may take. What is stored after that counts all the same.
const LONGEST: Duration = Duration::from_secs(10);

/// Makes whatever is asked for, as long as there is a gateway. Never returns.
pub(crate) async fn make_apps(control: Control, mut queue: NewcomerQueue) {
    while let Some(newcomer) = queue.next().await {
        let making = control.make_app_of(newcomer.issuer(), newcomer.client());
        let told = match timeout(LONGEST, making).await {
            Ok(Ok(MadeApp::Made)) => Told::Made,
            Ok(Ok(MadeApp::Refused(why))) => Told::Refused(why),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no app could be made for a client that came for the first time");
                Told::Failed
            }
            Err(_) => {
                tracing::warn!(
                    "an app for a client that came for the first time takes long to be stored"
                );
                Told::Failed
            }
        };
        newcomer.tell(told);
    }
    std::future::pending::<()>().await;
}
