//! Configuration as code: what is exported can be applied, what files say becomes so, and nothing else does.

use serde_json::{Value, json};
use sidegate_e2e::{Admin, Cli, ControlPlane, Gateway, program, story};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const HEAD: &str = "apiVersion: sidegate/v1\nkind: Configuration\n";

/// The command line with more in its environment.
async fn cli_with(gateway: &Gateway, more: &[(&str, &str)]) -> Cli {
    let name = format!("admin-{}", more.iter().map(|(_, value)| value.len()).sum::<usize>());
    let create = ["admin-token", "create", &name, "--role", "admin", "--quiet"];
    let token = gateway.cli().ok(&create).await.trim().to_owned();
    gateway.admin().keep_secret(&token);
    let url = format!("http://{}", gateway.admin().addr());
    let known = [("SIDEGATE_URL", url.as_str()), ("SIDEGATE_ADMIN_TOKEN", token.as_str())];
    Cli::with(&[&known[..], more].concat())
}

/// A file of the story, with the head that each has.
fn file(gateway: &Gateway, name: &str, text: &str) -> String {
    let path: PathBuf = gateway.folder().join(name);
    std::fs::write(&path, format!("{HEAD}{text}")).unwrap();
    path.display().to_string()
}

fn command() -> String {
    format!("file://{}", program("e2e-plugin-routes").display())
}

/// What is stored, with when it was changed last, and how many entries the audit log has.
async fn state(gateway: &Gateway) -> Value {
    state_at(gateway.admin()).await
}

async fn state_at(admin: &Admin) -> Value {
    let mut things = Vec::new();
    for kind in ["plugins", "apps", "issuers", "namespaces"] {
        let listed = admin.get(&format!("{kind}?limit=100")).await;
        for thing in listed.as_array().unwrap() {
            let mut attributes = thing["attributes"].clone();
            for living in ["status", "public_endpoints", "missing_scopes", "head"] {
                attributes.as_object_mut().unwrap().remove(living);
            }
            things.push(attributes);
        }
    }
    let audit = admin.get("audit?limit=100&actor=root").await;
    json!({"things": things, "changes": audit.as_array().unwrap().len()})
}

/// An app and a plugin with secrets, of which an owner says nothing.
async fn furnished() -> Gateway {
    let gateway = Gateway::start().await;
    furnish(&gateway.cli(), gateway.admin(), &[]).await;
    gateway
}

/// The same in another installation; plugins are added with these flags, too.
async fn furnish(cli: &Cli, admin: &Admin, flags: &[&str]) {
    admin.keep_secret("hunter2-of-the-hook");
    admin.keep_secret("hunter3-of-the-hook");
    let app = ["app", "create", "--name", "billing", "--owner-email", "o@example.com"];
    cli.ok(&[&app[..], &["--metadata", "team=blue", "--rate-limit", "60"]].concat()).await;
    let add = ["plugin", "add", "--name", "hook", "--slug", "hook", "--grant", "kv.readwrite"];
    let command = command();
    let more = [
        "--command",
        &command,
        "--set",
        "api_key=hunter2-of-the-hook",
        "--set-json",
        "db={\"pool\":4}",
        "--option",
        "env.TOKEN=hunter3-of-the-hook",
        "--option",
        "max_body=8MiB",
    ];
    cli.ok(&[&add[..], flags, &more].concat()).await;
}

/// What else there can be: a trusted issuer with a client that speaks for an app, a plugin that takes its tokens, and
/// things of a namespace.
async fn furnish_more(cli: &Cli, flags: &[&str]) {
    let issuer = ["issuer", "add", "https://id.example.com", "--name", "corp"];
    let audience = ["--audience", "https://gw/plugins/{slug}", "--client", "svc=billing"];
    cli.ok(&[&issuer[..], &audience].concat()).await;
    cli.ok(&["namespace", "create", "berlin", "--description", "edges in Berlin"]).await;
    let app = ["app", "create", "--name", "northern", "--owner-email", "n@example.com"];
    cli.ok(&[&app[..], &["--namespace", "berlin"]].concat()).await;
    let command = command();
    let add = ["plugin", "add", "--name", "local", "--slug", "local", "--namespace", "berlin"];
    let more = ["--command", &command, "--option", "issuers=corp", "--option", "apps=northern"];
    cli.ok(&[&add[..], flags, &more].concat()).await;
}

/// Exports everything, applies it, and looks whether anything is another one then.
async fn applied_without_a_change(cli: &Cli, admin: &Admin, folder: &Path) {
    let before = state_at(admin).await;
    for form in ["yaml", "json"] {
        let exported = cli.ok(&["export", "--output", form]).await;
        assert!(!exported.contains("hunter") && exported.contains("$secret"), "{exported}");
        for word in ["created_at", "status", "reloads", "\"id\"", "secrets_version"] {
            assert!(!exported.contains(word), "{word} in {exported}");
        }
        for word in ["corp", "svc", "berlin", "northern", "local", "billing", "hook"] {
            assert!(exported.contains(word), "{word} is missing in {exported}");
        }
        let path = folder.join(format!("exported.{form}"));
        std::fs::write(&path, &exported).unwrap();
        let path = path.display().to_string();
        let said = cli.ok(&["diff", &path]).await;
        assert!(said.contains("nothing to do: 6 things as the files say"), "{said}");
        let report = cli.json(&["apply", &path]).await;
        assert_eq!((&report["plan"]["steps"], &report["done"]), (&json!([]), &json!([])));
        assert_eq!(cli.ok(&["export", "--output", form]).await, exported, "it is stable");
    }
    assert_eq!(state_at(admin).await, before);
}

#[test]
fn what_is_exported_is_applied_without_a_change() {
    story(async {
        let gateway = furnished().await;
        // What is of a namespace runs at its edges, and nowhere here.
        furnish_more(&gateway.cli(), &["--no-wait"]).await;
        applied_without_a_change(&gateway.cli(), gateway.admin(), gateway.folder()).await;
    });
}

#[test]
fn what_a_control_plane_exports_is_applied_there_without_a_change() {
    story(async {
        let control = ControlPlane::start_with(None, &[]).await;
        furnish(&control.cli(), control.admin(), &["--no-wait"]).await;
        furnish_more(&control.cli(), &["--no-wait"]).await;
        applied_without_a_change(&control.cli(), control.admin(), control.folder()).await;
    });
}

#[test]
fn an_empty_file_plans_nothing() {
    story(async {
        let gateway = furnished().await;
        let before = state(&gateway).await;
        let empty = file(&gateway, "empty.yaml", "");
        assert!(gateway.cli().ok(&["diff", &empty]).await.contains("nothing to do"));
        gateway.cli().ok(&["apply", &empty]).await;
        let prune = ["apply", &empty, "--owner", "team", "--prune"];
        let said = gateway.cli().fails(2, &prune).await;
        assert!(
            said.contains("would delete all that this owner manages")
                && said.contains("--allow-empty")
        );
        let said = gateway.cli().fails(2, &["apply", &empty, "--prune"]).await;
        assert!(said.contains("--owner"), "{said}");
        gateway.cli().ok(&[&prune[..], &["--allow-empty"]].concat()).await;
        assert_eq!(state(&gateway).await, before, "what is nobody's is not the owner's");
    });
}

#[test]
fn differences_are_shown_field_by_field_and_have_an_exit_code_of_their_own() {
    story(async {
        let gateway = furnished().await;
        let text = format!(
            "apps:\n- {{name: billing, owner_email: o@example.com, rate_limit: 90}}\n- {{name: new, owner_email: n@example.com}}\n\
             plugins:\n- name: hook\n  command: {}\n  config: {{db: {{pool: 5, host: h}}, api_key: {{$secret: set}}}}\n",
            command()
        );
        let path = file(&gateway, "f.yaml", &text);
        let finished = gateway.cli().run(&["diff", &path]).await;
        assert_eq!((finished.code, finished.stderr.as_str()), (Some(3), ""), "{finished:?}");
        let lines: Vec<_> = finished.stdout.lines().collect();
        assert_eq!(lines[..3], ["~ app billing", "    rate_limit: 60 -> 90", "+ app new"]);
        let expected = ["~ plugin hook", "    config.db.host: \"h\"", "    config.db.pool: 4 -> 5"];
        assert_eq!(lines[4..7], expected);
        assert!(
            finished.stdout.contains("1 to create, 2 to change; 0 things unchanged"),
            "{finished:?}"
        );
        gateway.cli().ok(&["apply", &path]).await;
        gateway.cli().ok(&["diff", &path]).await;
        let config =
            gateway.cli().json(&["plugin", "show", "hook"]).await["attributes"]["config"].clone();
        let secret = json!({"$secret": "set"});
        let expected = json!({"api_key": secret, "db": {"pool": 5, "host": "h"}, "slug": "hook"});
        assert_eq!(config, expected, "what the file does not name stays");
        let served = gateway.get("/plugins/hook/config").send().await.expect(200).json();
        assert_eq!(served["api_key"], "hunter2-of-the-hook", "the secret is kept");
    });
}

#[test]
fn secrets_come_from_the_environment_and_files_or_stay() {
    story(async {
        let gateway = Gateway::start().await;
        for secret in ["hunter-by-env", "hunter-by-file", "hunter-by-option", "hunter-the-second"] {
            gateway.admin().keep_secret(secret);
        }
        let secret = gateway.folder().join("password");
        std::fs::write(&secret, "hunter-by-file\n").unwrap();
        let text = format!(
            "plugins:\n- name: p\n  command: {}\n  slug: p\n  config:\n    api_key: {{$env: KEY}}\n    password: {{$file: {}}}\n  options:\n    env.SECRET: {{$env: OPTION}}\n",
            command(),
            secret.display()
        );
        let path = file(&gateway, "f.yaml", &text);
        let said = gateway.cli().fails(2, &["apply", &path]).await;
        for words in [
            "plugin p: config.api_key: the environment variable KEY is not set",
            "options.env.SECRET",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(gateway.cli().json(&["plugin", "list"]).await, json!([]), "nothing was begun");
        let cli =
            cli_with(&gateway, &[("KEY", "hunter-by-env"), ("OPTION", "hunter-by-option")]).await;
        let report = cli.json(&["apply", &path]).await;
        assert_eq!(report["done"][0]["outcome"], "created");
        assert!(!report.to_string().contains("hunter"), "{report}");
        gateway.cli().ok(&["plugin", "reload", "p"]).await;
        let served = gateway.get("/plugins/p/config").send().await.expect(200).json();
        assert_eq!(
            (&served["api_key"], &served["password"]),
            (&json!("hunter-by-env"), &json!("hunter-by-file"))
        );

        let before = state(&gateway).await;
        let said = gateway.cli().ok(&["diff", &path]).await;
        assert!(
            said.contains("a secret from the environment variable KEY, which cannot be compared"),
            "{said}"
        );
        assert_eq!(cli.json(&["apply", &path]).await["done"][0]["outcome"], "unchanged");
        assert_eq!(state(&gateway).await, before);
        let other =
            cli_with(&gateway, &[("KEY", "hunter-the-second"), ("OPTION", "hunter-by-option")])
                .await;
        assert_eq!(other.json(&["apply", &path]).await["done"][0]["outcome"], "changed");

        let text = format!(
            "plugins:\n- {{name: q, command: {}, config: {{api_key: {{$secret: set}}}}}}\n",
            command()
        );
        let nowhere = file(&gateway, "q.yaml", &text);
        let said = gateway.cli().fails(5, &["apply", &nowhere]).await;
        assert!(
            said.contains("plugin q: config.api_key: ")
                && said.contains("no secret is stored here"),
            "{said}"
        );
    });
}

#[test]
fn a_plan_is_carried_out_exactly_or_not_at_all() {
    story(async {
        let gateway = furnished().await;
        let text = "apps:\n- {name: billing, owner_email: o@example.com, rate_limit: 90}\n";
        let path = file(&gateway, "f.yaml", text);
        let plan = gateway.cli().run(&["diff", &path, "--output", "json"]).await;
        assert_eq!(plan.code, Some(3), "{plan:?}");
        let planned: Value = serde_json::from_str(&plan.stdout).unwrap();
        let plan_file = gateway.folder().join("plan.json");
        std::fs::write(&plan_file, &plan.stdout).unwrap();
        let plan_file = plan_file.display().to_string();
        let hash = planned["hash"].as_str().unwrap();

        gateway.cli().ok(&["app", "update", "billing", "--description", "of another"]).await;
        let before = state(&gateway).await;
        for demanded in [["--plan", plan_file.as_str()], ["--plan-hash", hash]] {
            let said = gateway.cli().fails(5, &[&["apply", &path][..], &demanded].concat()).await;
            assert!(said.contains("another plan than the one that is demanded"), "{said}");
        }
        assert_eq!(state(&gateway).await, before, "nothing was done");
        let hash = gateway.cli().run(&["diff", &path, "--quiet"]).await.stdout;
        gateway.cli().ok(&["apply", &path, "--plan-hash", hash.trim()]).await;
        let app = gateway.cli().json(&["app", "show", "billing"]).await;
        assert_eq!(
            (&app["attributes"]["rate_limit"], &app["attributes"]["description"]),
            (&json!(90), &json!("of another"))
        );
    });
}

#[test]
fn what_fails_midway_says_how_far_it_came_and_the_same_command_goes_on() {
    story(async {
        let gateway = Gateway::start().await;
        gateway
            .cli()
            .ok(&["plugin", "add", "--name", "old", "--slug", "taken", "--command", &command()])
            .await;
        let plugin = |name: &str, slug: &str| {
            format!("- {{name: {name}, slug: {slug}, command: {}}}\n", command())
        };
        let text =
            format!("plugins:\n{}{}{}", plugin("a", "a"), plugin("b", "taken"), plugin("c", "c"));
        let path = file(&gateway, "f.yaml", &text);
        let finished = gateway.cli().run(&["apply", &path]).await;
        assert_eq!(finished.code, Some(5), "{finished:?}");
        for line in ["created    plugin a", "failed     plugin b", "not done   plugin c"] {
            assert!(finished.stdout.lines().any(|it| it == line), "{line} in {finished:?}");
        }
        assert!(
            finished.stderr.contains("plugin b: ")
                && finished.stderr.contains("1 done before it, 1 not done")
        );
        gateway.cli().ok(&["plugin", "remove", "old"]).await;
        let report = gateway.cli().json(&["apply", &path]).await;
        let outcomes: Vec<_> =
            report["done"].as_array().unwrap().iter().map(|it| &it["outcome"]).collect();
        assert_eq!(outcomes, ["created", "created"]);
    });
}

#[test]
fn two_hundred_plugins_are_soon_applied_and_sooner_compared() {
    story(async {
        let gateway = Gateway::start().await;
        let mut text = "plugins:\n".to_owned();
        for number in 0..200 {
            text += &format!(
                "- {{name: p{number}, slug: p{number}, command: {}, is_active: false, config: {{n: {number}}}}}\n",
                command()
            );
        }
        let path = file(&gateway, "f.yaml", &text);
        let begun = Instant::now();
        gateway.cli().ok(&["apply", &path]).await;
        let applied = begun.elapsed();
        gateway.cli().ok(&["diff", &path]).await;
        let compared = begun.elapsed() - applied;
        assert!(
            applied < Duration::from_secs(20) && compared < Duration::from_secs(5),
            "{applied:?} {compared:?}"
        );
        assert_eq!(gateway.cli().json(&["plugin", "list"]).await.as_array().unwrap().len(), 200);
    });
}

#[test]
fn what_left_the_files_goes_back_to_its_default_and_what_others_set_stays() {
    story(async {
        let gateway = Gateway::start().await;
        let of = |fields: &str| {
            format!("owner: team\napps:\n- {{name: a, owner_email: o@example.com{fields}}}\n")
        };
        let path = file(
            &gateway,
            "f.yaml",
            &of(", rate_limit: 5, description: d, metadata: {ours: 1, deep: {x: 1}}"),
        );
        gateway.cli().ok(&["apply", &path]).await;
        let update = ["app", "update", "a", "--metadata", "theirs=2", "--monthly-budget", "7"];
        gateway.cli().ok(&update).await;
        file(&gateway, "f.yaml", &of(", description: e, metadata: {more: 3}"));
        gateway.cli().ok(&["apply", &path]).await;
        let app = gateway.cli().json(&["app", "show", "a"]).await["attributes"].clone();
        assert_eq!(app["metadata"], json!({"more": 3, "theirs": "2"}));
        let found =
            (&app["rate_limit"], &app["description"], &app["monthly_budget"], &app["managed_by"]);
        assert_eq!(found, (&json!(0), &json!("e"), &json!(7.0), &json!("team")));
        let before = state(&gateway).await;
        gateway.cli().ok(&["apply", &path]).await;
        assert_eq!(state(&gateway).await, before, "twice is once");
    });
}

#[test]
fn only_what_the_owner_manages_is_pruned_and_what_is_anothers_is_refused() {
    story(async {
        let gateway = Gateway::start().await;
        let app = |name: &str| format!("- {{name: {name}, owner_email: o@example.com}}\n");
        let plugin = format!("plugins:\n- {{name: p, command: {}, is_active: false}}\n", command());
        let ours = file(&gateway, "ours.yaml", &format!("apps:\n{}{}{plugin}", app("a"), app("b")));
        let theirs = file(&gateway, "theirs.yaml", &format!("owner: them\napps:\n{}", app("c")));
        gateway.cli().ok(&["apply", &ours, "--owner", "us"]).await;
        gateway.cli().ok(&["apply", &theirs]).await;
        gateway.cli().ok(&["app", "create", "--name", "d", "--owner-email", "o@example.com"]).await;

        let grabbing =
            file(&gateway, "grabbing.yaml", "apps:\n- {name: c, owner_email: x@example.com}\n");
        let said = gateway.cli().fails(5, &["apply", &grabbing, "--owner", "us"]).await;
        assert!(
            said.contains("app c is managed by them") && said.contains("--take-over"),
            "{said}"
        );

        file(&gateway, "ours.yaml", &format!("apps:\n{}", app("a")));
        gateway.cli().ok(&["apply", &ours, "--owner", "us"]).await;
        assert_eq!(gateway.cli().json(&["app", "list"]).await.as_array().unwrap().len(), 4);
        let prune = ["--owner", "us", "--prune"];
        let plan = gateway.cli().run(&[&["diff", &ours][..], &prune].concat()).await;
        assert_eq!(plan.code, Some(3), "{plan:?}");
        let deleted: Vec<_> = plan.stdout.lines().filter(|line| line.starts_with('-')).collect();
        assert_eq!(deleted, ["- plugin p", "- app b"]);
        gateway.cli().ok(&[&["apply", &ours][..], &prune].concat()).await;
        let apps = gateway.cli().json(&["app", "list"]).await;
        let names: Vec<_> =
            apps.as_array().unwrap().iter().map(|it| &it["attributes"]["name"]).collect();
        assert_eq!(names, ["a", "c", "d"]);
        gateway.cli().ok(&["apply", &grabbing, "--owner", "us", "--take-over"]).await;
        let exported = gateway.cli().ok(&["export", "--managed-by", "us"]).await;
        assert!(exported.contains("owner: us") && exported.contains("x@example.com"), "{exported}");
        assert!(!exported.contains("name: d"), "{exported}");
    });
}
