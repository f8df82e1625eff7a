//! The example plugins, as somebody would use them who has just read the page.

use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Version, program, story};

#[test]
fn echo_shows_the_request_and_its_configured_content() {
    story(async {
        let gateway = Gateway::start().await;
        let cli = gateway.cli();
        let command = format!("file://{}", program("sidegate-plugin-echo").display());
        let add = [
            "plugin",
            "add",
            "--name",
            "echo",
            "--slug",
            "custom-echo-endpoint",
            "--command",
            &command,
        ];
        cli.ok(&[&add[..], &["--set", "custom_content=Hello World"]].concat()).await;
        let request = gateway.request("PUT", "/plugins/custom-echo-endpoint/a/b?c=d").body("12345");
        let seen = request.send().await.expect(200).json();
        assert_eq!(seen["custom_content"], "Hello World");
        assert_eq!(seen["method"], "PUT");
        assert_eq!(seen["path_segments"], json!(["a", "b"]));
        assert_eq!(seen["query_string"], "c=d");
        assert_eq!(seen["body_size"], 5);
    });
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn webhook_takes_only_what_is_signed() {
    story(async {
        let gateway = Gateway::start().await;
        let secret = "s3cret-of-the-sender";
        gateway.admin().keep_secret(secret);
        gateway.plugin("webhook").config("webhook_secret", secret).ready().await;
        // The signature is over the raw bytes, which are no text here.
        let body: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let send = async |event: &str, signature: &str| {
            let path = format!("/plugins/webhook/{event}");
            let request = gateway.post(&path).header("x-webhook-signature", signature);
            request.body(body.clone()).send().await
        };
        let good = signature(secret, &body);
        for event in ["payment", "user", "whatever"] {
            send(event, &good).await.expect(200);
        }
        send("", &good).await.expect(400);
        for bad in ["", "00", &signature("other", &body), &signature(secret, b"other")] {
            let answer = send("payment", bad).await.expect(401);
            assert_eq!(answer.json(), json!({"error": "invalid signature"}));
            assert_eq!(answer.header("x-sidegate-error"), None, "it is the plugin's own refusal");
        }
        let answer = gateway.get("/plugins/webhook/payment").send().await;
        answer.is_error(405, "method_not_allowed", "client");
    });
}

#[test]
fn webhook_demands_its_secret_at_the_start() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("webhook").add().await;
        let why = plugin.wait_for("it has failed", |s| {
            s.summary.reason.as_deref().unwrap_or_default().contains("webhook_secret")
        });
        assert_ne!(why.await.summary.state, State::Ready);
        gateway.get("/plugins/webhook/x").send().await.expect(503);
    });
}

#[test]
fn ticker_ticks_and_goes_on_where_a_client_left_off() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("ticker").ready().await;
        for version in [Version::Http1, Version::Http2] {
            let path = "/plugins/ticker/events?interval_ms=10&n=5";
            let answer = gateway.get(path).version(version).send().await.expect(200);
            assert_eq!(answer.header("content-type"), Some("text/event-stream"));
            assert_eq!(answer.text().matches("data:").count(), 5);
            let rest = gateway.get(path).version(version).header("last-event-id", "2").send().await;
            assert_eq!(rest.text().matches("data:").count(), 2);
            let mut endless =
                gateway.get("/plugins/ticker/?interval_ms=10").version(version).open().await;
            endless.read_until("\n\n").await;
        }
        let answer = gateway.get("/plugins/ticker/?interval_ms=slow").send().await;
        answer.is_error(400, "plugin_reported", "plugin");
    });
}
