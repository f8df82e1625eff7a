//! A gateway whose database is on a PostgreSQL server.

use serde_json::json;
use sidegate_e2e::{Cli, Gateway, Need, Postgres, story};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// The one that lets the guarded user in, as it is.
const PASSWORD: &str = "right/password@1";

/// Lets a plugin keep something, and gives what it kept before.
async fn kept(gateway: &Gateway, value: &str) -> String {
    let before = gateway.get("/plugins/lab/kv/key").send().await.text().to_owned();
    let answer = gateway.post("/plugins/lab/kv/key").body(value.to_owned()).send().await;
    assert!(answer.status.is_success(), "{}", answer.describe());
    before
}

#[test]
fn a_gateway_on_postgresql_goes_on_after_a_restart_and_tells_nobody_the_password() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    story(async {
        server.tell("CREATE DATABASE gateway OWNER guarded");
        let dsn = server.guarded_dsn(server.password(), "gateway");
        let builder = Gateway::builder().database(&dsn).env("LOG_LEVEL", "trace");
        let gateway = builder.start().await;
        for password in [server.password(), PASSWORD] {
            gateway.admin().keep_secret(password);
        }
        let lab = gateway.plugin("lab").config("require_auth", "true").ready().await;
        let grant = json!({"scope": "kv.readwrite"});
        gateway.admin().post(&format!("plugins/{}/grant", lab.id), &grant).await;
        let token = gateway.token().await;
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        let mut gateway = gateway.restart().await;
        gateway.get("/plugins/lab/x").send().await.expect(401);
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        assert!(!gateway.data_dir().join("sidegate.db").exists());
        gateway.stop();

        let usual = [("DATABASE_DSN", &*dsn), ("DATA_DIR", "/nowhere")];
        let said = Cli::with(&usual).fails(2, &["serve"]).await;
        assert!(
            said.contains("SIDEGATE_SECRETS_KEY_FILE: a database on a server needs it"),
            "{said}"
        );
        let shown = Cli::with(&[("DATABASE_DSN", &dsn)]).run(&["config"]).await;
        let hidden = dsn.replace(server.password(), "(hidden)");
        assert!(shown.stdout.contains(&hidden), "{}", shown.stdout);
        assert!(!shown.stdout.contains(server.password()), "{}", shown.stdout);
    });
}

#[test]
fn a_password_may_come_from_the_environment_or_from_a_file_of_passwords() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    story(async {
        server.tell("CREATE DATABASE passwords OWNER guarded");
        let dsn = server.guarded_dsn("", "passwords").replace(":@", "@");
        for variable in ["PGPASSWORD", "PGPASSFILE"] {
            let builder = Gateway::builder().database(&dsn);
            let file = builder.folder().join("passwords");
            fs::write(&file, format!("*:*:*:guarded:{PASSWORD}\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let value = if variable == "PGPASSWORD" { PASSWORD.into() } else { file };
            let gateway = builder.env(variable, value).start().await;
            gateway.admin().keep_secret(PASSWORD);
        }
    });
}

#[test]
fn while_the_database_is_gone_requests_go_on_and_changes_are_refused() {
    let Some(mut server) = Need::Postgres.or_skip(Postgres::start()) else { return };
    story(async {
        let gateway = Gateway::builder().database(server.dsn("postgres")).start().await;
        let lab = gateway.lab().await;
        let grant = json!({"scope": "kv.readwrite"});
        gateway.admin().post(&format!("plugins/{}/grant", lab.id), &grant).await;
        let token = gateway.token().await;
        kept(&gateway, "before").await;
        server.stop();
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        let app = json!({"name": "late", "owner_email": "ops@example.com"});
        let (status, told) = gateway.admin().refused("POST", "apps", &app).await;
        assert_eq!(status, 503, "{told}");
        assert!(told.contains("nobody listens at its address"), "{told}");
        server.start_again();
        assert_eq!(kept(&gateway, "after").await, "before");
        gateway.admin().post("apps", &app).await;
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
    });
}

#[test]
fn a_gateway_goes_on_with_a_copy_of_its_database_on_a_server() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    story(async {
        let mut gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").config("require_auth", "true").ready().await;
        let grant = json!({"scope": "kv.readwrite"});
        gateway.admin().post(&format!("plugins/{}/grant", plugin.id), &grant).await;
        gateway.plugin("r").program("e2e-plugin-routes").config("api_key", "hunter2").ready().await;
        let token = gateway.token().await;
        kept_with(&gateway, &token, "before").await;
        gateway.stop();
        let file = format!("sqlite:{}", gateway.data_dir().join("sidegate.db").display());
        let server = server.schema();
        let cli = Cli::with(&[]);
        let said = cli.ok(&["db", "copy", &file, &server]).await;
        assert!(said.contains("plugin_kv") && said.contains("audit"), "{said}");
        let again = cli.fails(1, &["db", "copy", &file, &server]).await;
        assert!(again.contains("name one that is empty"), "{again}");
        let typo =
            cli.fails(1, &["db", "copy", &file.replace("sidegate.db", "none.db"), &server]).await;
        assert!(typo.contains("from: ") && typo.contains("there is no such file"), "{typo}");
        let wrong = cli.fails(2, &["db", "copy", &file, "mysql://x"]).await;
        assert!(wrong.contains("to: database address: "), "{wrong}");
        let key = gateway.data_dir().join("secrets.key");
        gateway.env("DATABASE_DSN", &server);
        gateway.env("SIDEGATE_SECRETS_KEY_FILE", key.to_str().unwrap());
        let gateway = gateway.start_again().await;
        for id in [1, 2] {
            gateway.plugin_by_id(id).wait_ready().await;
        }
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
        assert_eq!(config["api_key"], "hunter2");
        assert_eq!(kept_with(&gateway, &token, "after").await, "before");
    });
}

async fn kept_with(gateway: &Gateway, token: &str, value: &str) -> String {
    let path = "/plugins/lab/kv/key";
    let before = gateway.get(path).bearer(token).send().await.text().to_owned();
    let answer = gateway.post(path).bearer(token).body(value.to_owned()).send().await;
    assert!(answer.status.is_success(), "{}", answer.describe());
    before
}
