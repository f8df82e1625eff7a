//! `webhook`: receives webhooks. Senders sign the raw body with HMAC-SHA256 and put the signature,
//! in hexadecimal, into `X-Webhook-Signature`; the first segment of the path names the event. A page in the
//! console shows the last deliveries.

mod deliveries;

use std::sync::Arc;

use deliveries::{Deliveries, Delivery};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use sidegate_sdk::{Config, Endpoint, Page, Plugin, Request, Response, Result, tracing};
use subtle::ConstantTimeEq as _;

/// The key, ready to sign. Without `Debug`, so that no log shows it.
struct Webhook {
    key: Hmac<Sha256>,
    deliveries: Deliveries,
}

#[tokio::main]
async fn main() -> Result<()> {
    plugin().serve().await
}

fn plugin() -> Plugin<Webhook> {
    // No token is asked for: the signature tells who sent it.
    let events = Endpoint::new("/*").description("Signed events, named by the path");
    Plugin::new("webhook", env!("CARGO_PKG_VERSION"))
        .description("Receives webhooks and checks their signatures")
        .config_schema(include_str!("../config.schema.json"))
        .initialize(async |config: Config| {
            let secret = config.require("webhook_secret")?;
            let key = Hmac::new_from_slice(secret.as_bytes())?;
            Ok(Webhook { key, deliveries: Deliveries::of(config.host()).await })
        })
        .post(events, receive)
        .page(
            Page::element("/webhook/deliveries", "webhook-deliveries", "/ui/deliveries.js")
                .label("Webhooks"),
        )
        .services(["kv.readwrite"])
        .asset("/ui/deliveries.js", "text/javascript", include_bytes!("../ui/deliveries.js"))
        .rpc("deliveries", async |_: Value, plugin: Arc<Webhook>| plugin.deliveries.kept().await)
}

/// Answers, and remembers that it did.
async fn receive(req: Request, plugin: Arc<Webhook>) -> Response {
    let response = answer(&req, &plugin);
    let event = req.segments().first().map_or("", String::as_str);
    plugin.deliveries.add(Delivery::now(event, response.status(), req.body().len())).await;
    response
}

fn answer(req: &Request, plugin: &Webhook) -> Response {
    let signature = req.header("X-Webhook-Signature").unwrap_or_default();
    if !plugin.signed(req.body(), signature) {
        return json_text(401, r#"{"error": "invalid signature"}"#);
    }
    let Some(event) = req.segments().first() else {
        return json_text(400, r#"{"error": "missing event type"}"#);
    };
    tracing::info!(event, body_size = req.body().len(), "webhook received");
    match event.as_str() {
        "payment" => payment(req),
        "user" => user(req),
        _ => json_text(200, r#"{"status": "acknowledged"}"#),
    }
}

/// Where a shop would mark an order as paid.
fn payment(req: &Request) -> Response {
    processed("payment", req)
}

/// Where a directory would be updated.
fn user(req: &Request) -> Response {
    processed("user", req)
}

/// Tells the sender which of its events was processed: the `id` of the body, if it has one.
fn processed(event: &str, req: &Request) -> Response {
    let body: Option<Value> = req.json().ok();
    let id = body.as_ref().and_then(|body| body.get("id"));
    Response::json(&json!({ "status": "processed", "event": event, "id": id }))
}

impl Webhook {
    /// Whether the signature is that of the body. Takes the same time wherever they differ.
    fn signed(&self, body: &[u8], signature: &str) -> bool {
        let expected = self.signature(body);
        expected.as_bytes().ct_eq(signature.as_bytes()).into()
    }

    fn signature(&self, body: &[u8]) -> String {
        let mac = self.key.clone().chain_update(body).finalize().into_bytes();
        mac.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn json_text(status: u16, json: &'static str) -> Response {
    let response = Response::new(status).with_body(json);
    response.header("Content-Type", "application/json")
}

#[cfg(test)]
mod tests {
    use sidegate_sdk::testing::{Answer, Host};

    use super::*;

    const SECRET: &str = "whsec-test";
    const BODY: &str = r#"{"id": 7}"#;
    /// `printf '{"id": 7}' | openssl dgst -sha256 -hmac whsec-test`
    const SIGNATURE: &str = "3368bbfd71b100286cfeedb555614b921a71b01eaea1f7c28e353bff6c418242";

    async fn host() -> Result<Host> {
        Host::start(plugin(), [("webhook_secret", SECRET)]).await
    }

    async fn post(path: &str, signature: &str) -> Result<Answer> {
        let request = Request::builder().method("POST").path(path).body(BODY);
        let request = request.header("X-Webhook-Signature", signature);
        Ok(host().await?.send(request).await)
    }

    #[tokio::test]
    async fn signed_events_are_processed_or_acknowledged() -> Result<()> {
        for event in ["payment", "user"] {
            let answer = post(&format!("/{event}/more"), SIGNATURE).await?;
            let expected = json!({"status": "processed", "event": event, "id": 7});
            assert_eq!((answer.status(), answer.json::<Value>()), (200, expected));
        }
        let other = post("/other", SIGNATURE).await?;
        assert_eq!((other.status(), other.text()), (200, r#"{"status": "acknowledged"}"#));
        assert_eq!(other.header("Content-Type"), Some("application/json"));
        Ok(())
    }

    #[tokio::test]
    async fn an_event_without_a_name_is_refused() -> Result<()> {
        let answer = post("/", SIGNATURE).await?;
        assert_eq!((answer.status(), answer.text()), (400, r#"{"error": "missing event type"}"#));
        Ok(())
    }

    #[tokio::test]
    async fn a_wrong_or_missing_signature_is_refused_first() -> Result<()> {
        let flipped = format!("{}0", &SIGNATURE[..63]);
        for signature in ["", "00", &SIGNATURE[1..], &flipped, &SIGNATURE.to_uppercase()] {
            for path in ["/", "/payment"] {
                let answer = post(path, signature).await?;
                let told = (answer.status(), answer.text());
                assert_eq!(told, (401, r#"{"error": "invalid signature"}"#), "{signature}");
            }
        }
        assert_eq!(host().await?.post("/payment", BODY).await.status(), 401);
        Ok(())
    }

    #[tokio::test]
    async fn without_a_secret_the_plugin_does_not_start_and_says_why() {
        for config in [Config::default(), Config::from([("webhook_secret", "")])] {
            let refusal = Host::start(plugin(), config).await.expect_err("no secret");
            assert!(refusal.to_string().contains("`webhook_secret` is required"), "{refusal}");
        }
    }

    #[tokio::test]
    async fn only_post_is_registered_and_no_token_is_asked_for() -> Result<()> {
        let registrations = host().await?.registrations().await?;
        assert_eq!(registrations.len(), 1);
        assert_eq!(registrations[0].methods, ["POST"]);
        assert!(!registrations[0].require_auth && !registrations[0].stream_response);
        Ok(())
    }

    #[tokio::test]
    async fn the_page_shows_the_last_deliveries_of_this_and_earlier_processes() -> Result<()> {
        let config = [("webhook_secret", SECRET)];
        let host = Host::start(plugin(), config).granting(["kv.readwrite"]).await?;
        host.post("/payment", BODY).await;
        let signed = Request::builder().method("POST").path("/user").body(BODY);
        host.send(signed.header("X-Webhook-Signature", SIGNATURE)).await;
        let kept = host.stored("deliveries").expect("deliveries are kept");
        let console =
            Host::start(plugin(), config).granting(["kv.readwrite"]).storing("deliveries", kept);
        let shown = console.in_console().await?.call("deliveries", json!({})).await?;
        let told = |at: usize| {
            (shown[at]["event"].clone(), shown[at]["status"].clone(), shown[at]["bytes"].clone())
        };
        assert_eq!(told(0), (json!("user"), json!(200), json!(9)));
        assert_eq!(told(1), (json!("payment"), json!(401), json!(9)));
        assert_eq!(shown.as_array().map(Vec::len), Some(2));
        Ok(())
    }

    #[tokio::test]
    async fn without_storage_webhooks_are_received_and_the_page_says_what_is_missing() -> Result<()>
    {
        let host = host().await?;
        assert_eq!(host.post("/payment", BODY).await.status(), 401);
        let refused = host.call("deliveries", json!({})).await.expect_err("no scope");
        assert!(refused.to_string().contains("`kv.readwrite`"), "{refused}");
        Ok(())
    }
}
