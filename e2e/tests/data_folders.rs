//! Data folders of earlier gateways work with this one, and those of later gateways say what they need.
//!
//! They are kept as text, one for each schema, as `scripts/make-data-folder.sh` wrote it from a
//! gateway of that time. A new step of the schema brings a folder of its own; none is ever changed.

use serde_json::{Value, json};
use sidegate_e2e::{
    Cli, ControlPlane, Gateway, GatewayBuilder, eventually, long_story, program, story,
};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The first schema whose secrets are sealed.
const SEALED: i64 = 5;

/// A folder as it was kept.
struct Kept {
    schema: i64,
    folder: PathBuf,
}

impl Kept {
    fn all() -> Vec<Self> {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_folders");
        let folders = fs::read_dir(folders).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<Self> = folders.map(Self::of).collect();
        all.sort_by_key(|kept| kept.schema);
        assert!(!all.is_empty());
        all
    }

    fn newest() -> Self {
        Self::all().pop().unwrap()
    }

    fn of(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let schema = name.strip_prefix("schema-").unwrap().parse().unwrap();
        Self { schema, folder }
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap()
    }

    /// A token that was shown when it was made.
    fn token(&self, name: &str) -> String {
        let start = format!("{name}=");
        let tokens = self.text("tokens");
        tokens.lines().find_map(|line| line.strip_prefix(&start)).unwrap().to_owned()
    }

    /// Makes a data folder of it.
    async fn lay_out(&self, data: &Path) {
        fs::create_dir(data).unwrap();
        fs::write(data.join("admin.token"), self.text("admin.token")).unwrap();
        if self.schema >= SEALED {
            fs::write(data.join("secrets.key"), self.text("secrets.key")).unwrap();
        }
        let programs = program("sidegate-plugin-lab");
        let programs = programs.parent().unwrap().to_str().unwrap();
        tell(data, &self.text("sidegate.sql").replace("@PROGRAMS@", programs)).await;
    }

    /// A gateway on a copy of it, with the admin token that lies in it.
    async fn open(&self) -> Gateway {
        self.open_with(|builder| builder).await
    }

    /// The same, started in another way.
    async fn open_with(&self, adjust: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Gateway {
        let builder = adjust(Gateway::builder().env_remove("SIDEGATE_ADMIN_TOKEN"));
        self.lay_out(&builder.folder().join("data")).await;
        builder.start().await
    }
}

async fn database(data: &Path) -> SqliteConnection {
    let file = data.join("sidegate.db");
    // In the text tables are filled in the order of their names.
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let options = options.foreign_keys(false);
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn tell(data: &Path, statements: &str) {
    let mut database = database(data).await;
    let statements = AssertSqlSafe(statements.to_owned());
    sqlx::raw_sql(statements).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
}

/// The number of the last step of the schema.
async fn schema(data: &Path) -> i64 {
    let mut database = database(data).await;
    let number = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations");
    let number = number.fetch_one(&mut database).await.unwrap();
    database.close().await.unwrap();
    number
}

#[test]
fn every_kept_data_folder_works() {
    for kept in Kept::all() {
        story(async {
            let gateway = kept.open().await;
            plugins_are_as_they_were(&gateway).await;
            tokens_are_as_they_were(&gateway, &kept).await;
            entries_are_as_they_were(&gateway, &kept).await;
            assert_eq!(files_with(&gateway.folder().join("data"), SECRET), [""; 0]);
            // And it is a folder like any other.
            gateway.app("new").create().await;
            let gateway = gateway.restart().await;
            plugins_are_as_they_were(&gateway).await;
            let apps = gateway.admin().get("apps").await;
            assert_eq!(names(&apps), ["billing", "idle", "new"]);
            assert!(gateway.cli().ok(&["app", "list"]).await.contains("billing"));
        });
    }
}

/// A secret of the plugin `lab` in every kept folder.
const SECRET: &str = "kept-secret";

/// The files of a folder in which a text is to be found.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(entry.file_name().into_string().unwrap());
        }
    }
    found
}

fn names(things: &Value) -> Vec<&str> {
    let things = things.as_array().unwrap().iter();
    things.map(|thing| thing["attributes"]["name"].as_str().unwrap()).collect()
}

async fn plugins_are_as_they_were(gateway: &Gateway) {
    let plugins = gateway.admin().get("plugins").await;
    assert_eq!(names(&plugins), ["lab", "open", "off"]);
    let lab = &plugins[0]["attributes"];
    assert_eq!(lab["description"], "Kept: ä, \"quotes\" and a line");
    assert_eq!(lab["config"]["limits"], json!({"n": [1, 2.5, null]}));
    assert_eq!(lab["options"], json!({"pass_token": "true", "stream_timeout": "1h"}));
    assert_eq!(lab["service_scopes"], json!(["kv.readwrite"]));
    assert_ne!(lab["config"]["api_key"], "kept-secret", "a secret is hidden");
    assert_eq!(plugins[2]["attributes"]["is_active"], false);
    for id in [1, 2] {
        gateway.plugin_by_id(id).wait_ready().await;
    }
    gateway.get("/plugins/open-2/x").send().await.expect(200);
    gateway.get("/plugins/off/x").send().await.expect(404);
}

async fn tokens_are_as_they_were(gateway: &Gateway, kept: &Kept) {
    let ask = async |token: &str| gateway.get("/plugins/lab/x").bearer(token).send().await;
    let seen = ask(&kept.token("billing")).await.expect(200).json();
    assert_eq!(seen["scopes"], json!(["read", "write"]));
    let app = &seen["app"];
    assert_eq!((&app["name"], &app["owner_email"]), (&json!("billing"), &json!("ops@example.com")));
    assert_eq!((&app["rate_limit"], &app["monthly_budget"]), (&json!(600), &json!(12.5)));
    assert_eq!(app["metadata"]["mcp_access"], "allowed");
    for (name, why) in [("expired", "its time is over"), ("idle", "its app is inactive")] {
        assert_eq!(ask(&kept.token(name)).await.status, 401, "{why}");
    }
}

async fn entries_are_as_they_were(gateway: &Gateway, kept: &Kept) {
    let token = kept.token("billing");
    let rows: [(&str, &[u8]); 3] = [
        ("plain", b"kept by a plugin"),
        ("bytes", b"\xff\xfe\x01"),
        ("for-long", b"expires in the year 2100"),
    ];
    for (key, value) in rows {
        let answer = gateway.get(&format!("/plugins/lab/kv/{key}")).bearer(&token).send().await;
        assert_eq!(answer.expect(200).body, value, "{key}");
    }
    let gone = gateway.get("/plugins/lab/kv/gone").bearer(&token).send().await;
    gone.expect(404);
}

#[test]
fn what_was_public_before_anybody_was_asked_goes_on_where_it_needs_approval() {
    let mut all = Kept::all().into_iter();
    let kept = all.find(|kept| kept.schema == 3).unwrap();
    story(async {
        let strict = |builder: GatewayBuilder| builder.env("SIDEGATE_PUBLIC_ENDPOINTS", "approve");
        let mut gateway = kept.open_with(strict).await;
        let open = gateway.plugin_by_id(2);
        open.wait_ready().await;
        gateway.get("/plugins/open-2/x").send().await.expect(200);
        gateway.logged("what is public already counts as approved").await;
        let public = eventually("it is recorded", async || {
            let status = open.status().await;
            let is_told = status.summary.warnings.iter().any(|it| it.contains("approval"));
            assert!(!is_told, "{:?}", status.summary.warnings);
            Some(status.public_endpoints).filter(|public| !public.approved.is_empty())
        });
        assert!(public.await.pending.is_empty());
        gateway.get("/plugins/open-2/x").send().await.expect(200);
        let (_, audit) = gateway.admin().call("GET", "audit?actor=system&kind=plugin", None).await;
        let entry = &audit["data"][0]["attributes"];
        assert_eq!(entry["operation"], "record_public_endpoints", "{audit}");
        assert_eq!(entry["fields"], json!(["public_endpoints"]), "{audit}");
        // What comes from now on waits, also of a plugin that was here.
        gateway.plugin("new").program("sidegate-plugin-lab").ready().await;
        let new = gateway.get("/plugins/new/x").send().await;
        new.is_error(401, "not_approved", "client");
        gateway.stop();
        let mut database = database(&gateway.data_dir()).await;
        let recorded: Vec<(String, Option<String>)> =
            sqlx::query_as("SELECT name, public_endpoints FROM plugins ORDER BY id")
                .fetch_all(&mut database)
                .await
                .unwrap();
        let of = |name: &str| recorded.iter().find(|(known, _)| known == name).unwrap().1.clone();
        assert_eq!(of("lab"), Some("[]".to_owned()), "it demands a token everywhere");
        assert!(of("open").is_some_and(|text| text.contains("GET /")), "{recorded:?}");
        assert_eq!(of("off"), None, "it has not served since");
    });
}

/// Somebody who was signed in to the console before sessions had keys; the session would go on until the year 2100.
const SIGNED_IN: &str = "INSERT INTO console_sessions \
     (hash, via, user_id, created_at, last_used_at, expires_at) \
     VALUES (randomblob(32), 'password', 1, 1, 4102444800000, 4102444800000)";

#[test]
fn sessions_of_the_console_from_before_they_had_keys_are_over() {
    let mut all = Kept::all().into_iter();
    let kept = all.find(|kept| kept.schema == 11).unwrap();
    story(async {
        let builder = Gateway::builder().env_remove("SIDEGATE_ADMIN_TOKEN");
        let data = builder.folder().join("data");
        kept.lay_out(&data).await;
        tell(&data, SIGNED_IN).await;
        let mut gateway = builder.start().await;
        assert_eq!(names(&gateway.admin().get("users").await), ["jane"], "who signed in is there");
        assert_eq!(gateway.admin().get("sessions").await, json!([]));
        gateway.stop();
        let left = sqlx::query_scalar("SELECT count(*) FROM console_sessions");
        let left: i64 = left.fetch_one(&mut database(&data).await).await.unwrap();
        assert_eq!(left, 0);
    });
}

/// Two apps of a name that apps of the issuer's clients get: one that was made for its client before there were marks, as the
/// audit log tells, and one that an operator made.
const OF_CLIENTS: &str = "INSERT INTO apps (id, namespace, name, description, owner_email, is_active, monthly_budget, \
     rate_limit, metadata, managed_by, created_at, updated_at) VALUES \
     (11, '', 'corp/robot-1', '', 'a@b', 1, 0.0, 60, '{}', '', 1, 1), \
     (12, '', 'corp/own', '', 'a@b', 1, 0.0, 60, '{}', '', 1, 1); \
     INSERT INTO audit (at, actor_kind, actor_name, operation, outcome, thing_kind, thing_id, thing_name, fields, times) \
     VALUES (1, 'system', 'system', 'create_app_on_first_sight', 'done', 'app', 11, 'corp/robot-1', '[]', 1), \
     (1, 'root', 'root', 'create_app', 'done', 'app', 12, 'corp/own', '[]', 1)";

#[test]
fn apps_that_were_made_on_first_sight_before_there_were_marks_stay_their_clients() {
    let mut all = Kept::all().into_iter();
    let kept = all.find(|kept| kept.schema == 15).unwrap();
    story(async {
        let builder = Gateway::builder().env_remove("SIDEGATE_ADMIN_TOKEN");
        let data = builder.folder().join("data");
        kept.lay_out(&data).await;
        tell(&data, OF_CLIENTS).await;
        let gateway = builder.start().await;
        let made_for = async |id: u32| {
            let app: Value = gateway.admin().get(&format!("apps/{id}")).await;
            app["attributes"]["made_for"].clone()
        };
        assert_eq!(made_for(11).await, json!({"issuer": "1", "client": "robot-1"}));
        assert_eq!(made_for(12).await, Value::Null);
    });
}

#[test]
fn todays_schema_is_kept_as_well() {
    let kept = Kept::newest();
    story(async {
        let mut gateway = kept.open().await;
        gateway.plugin_by_id(1).wait_ready().await;
        gateway.stop();
        let today = schema(&gateway.data_dir()).await;
        assert_eq!(today, kept.schema, "run scripts/make-data-folder.sh and commit what it writes");
    });
}

#[test]
fn a_data_folder_of_a_later_gateway_is_refused_and_the_version_named_that_it_needs() {
    story(async {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Kept::newest().lay_out(&data).await;
        tell(
            &data,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (999, '12.0.0: fleets', TRUE, x'00', 0)",
        )
        .await;
        let data_dir = data.to_str().unwrap();
        let cli = Cli::with(&[("DATA_DIR", data_dir), ("PORT", "0"), ("ADMIN_PORT", "0")]);
        let said = cli.fails(1, &["serve"]).await;
        assert!(said.contains("written by a newer Sidegate (its schema is 999, "), "{said}");
        assert!(said.contains("use Sidegate 12.0.0 or newer, or restore a backup"), "{said}");
        assert_eq!(schema(&data).await, 999, "nothing was changed");
    });
}

#[test]
fn the_data_folder_of_a_gateway_becomes_a_control_planes_by_starting_it_with_the_role() {
    let kept = Kept::newest();
    long_story(Duration::from_secs(90), async {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        kept.lay_out(&data).await;
        // The admin token is the one that lies there.
        let control = ControlPlane::start_on(&data).await;
        for name in ["billing", "expired", "idle"] {
            control.admin().keep_secret(&kept.token(name));
        }
        assert_eq!(names(&control.admin().get("plugins").await), ["lab", "open", "off"]);
        assert_eq!(names(&control.admin().get("apps").await), ["billing", "idle"]);
        assert!(control.cli().ok(&["app", "list"]).await.contains("billing"));

        let edge = control.edge("edge-1", "").await.start().await;
        let served =
            async |path: &str, token: &str| edge.get(path).bearer(&kept.token(token)).send().await;
        let told = eventually("an old token serves at the edge", async || {
            let answer = served("/plugins/lab/x", "billing").await;
            (answer.status == 200).then(|| answer.json())
        })
        .await;
        assert_eq!(told["scopes"], json!(["read", "write"]), "{told}");
        assert_eq!(told["app"]["name"], "billing", "{told}");
        assert_eq!(told["app"]["metadata"]["mcp_access"], "allowed", "{told}");
        for (token, why) in [("expired", "its time is over"), ("idle", "its app is inactive")] {
            assert_eq!(served("/plugins/lab/x", token).await.status, 401, "{why}");
        }
        edge.get("/plugins/lab/x").send().await.expect(401);
        eventually("what needs no token is served", async || {
            (edge.get("/plugins/open-2/x").send().await.status == 200).then_some(())
        })
        .await;
        edge.get("/plugins/off/x").send().await.expect(404);

        // What is saved from now on is an edge's as well, and secrets lie nowhere in clear.
        let change = json!({"config": {"slug": "moved", "require_auth": "true"}});
        control.admin().patch("plugins/1", &change).await;
        eventually("what is changed is served", async || {
            (served("/plugins/moved/x", "billing").await.status == 200).then_some(())
        })
        .await;
        assert_eq!(files_with(&data, SECRET), [""; 0]);
    });
}
