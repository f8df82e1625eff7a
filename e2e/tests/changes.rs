//! Changes of configurations, options and metadata: none is lost among others, and a secret that was
//! hidden when it was shown stays what it is.

use serde_json::{Value, json};
use sidegate_e2e::{Cli, Gateway, story};

/// Runs ten commands at the same time; all must succeed.
async fn ten(cli: &Cli, arguments: impl Fn(usize) -> Vec<String>) {
    let runs = (0..10).map(|number| {
        let arguments = arguments(number);
        async move {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            cli.ok(&arguments).await;
        }
    });
    futures_util::future::join_all(runs).await;
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn ten_confirmed_changes_are_ten_kept() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        gateway.app("shop").create().await;
        let cli = gateway.cli();
        ten(&cli, |n| words(&format!("plugin update lab --set k{n}=v --no-wait"))).await;
        // What a merge cannot say is written on a condition.
        ten(&cli, |n| words(&format!("plugin update lab --set-json o{n}={{\"n\":{n}}} --no-wait")))
            .await;
        ten(&cli, |n| words(&format!("plugin update lab --option env.K{n}=v --no-wait"))).await;
        ten(&cli, |n| words(&format!("app update shop --metadata k{n}=v"))).await;
        ten(&cli, |n| words(&format!("app update shop --metadata-json n{n}=null"))).await;
        let plugin = cli.json(&["plugin", "show", "lab"]).await;
        let app = cli.json(&["app", "show", "shop"]).await;
        let (plugin, app) = (&plugin["attributes"], &app["attributes"]);
        for n in 0..10 {
            assert_eq!(plugin["config"][format!("k{n}")], "v");
            assert_eq!(plugin["config"][format!("o{n}")], json!({"n": n}));
            assert_eq!(plugin["options"][format!("env.K{n}")], json!({"$secret": "set"}));
            assert_eq!(app["metadata"][format!("k{n}")], "v");
            assert_eq!(app["metadata"].get(format!("n{n}")), Some(&Value::Null));
        }
        // The other way round, together with others that add.
        ten(&cli, |n| match n % 2 {
            0 => words(&format!("plugin update lab --unset k{n} --no-wait")),
            _ => words(&format!("plugin update lab --set k{n}=w --no-wait")),
        })
        .await;
        let plugin = cli.json(&["plugin", "show", "lab"]).await;
        for n in 0..10 {
            let kept = plugin["attributes"]["config"][format!("k{n}")].as_str();
            assert_eq!(kept, (n % 2 == 1).then_some("w"), "k{n}");
        }
    });
}

#[test]
fn a_configuration_that_was_shown_can_be_given_back_and_keeps_its_secrets() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        let plugin = plugin.config("webhook_secret", "hunter2").config("region", "eu");
        plugin.option("env.MODE", "hunter3").ready().await;
        let cli = gateway.cli();
        let mut shown = cli.json(&["plugin", "show", "r"]).await["attributes"].take();
        assert_eq!(shown["config"]["webhook_secret"], json!({"$secret": "set"}));
        assert_eq!(shown["options"]["env.MODE"], json!({"$secret": "set"}));
        let seen = async || {
            let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
            let environment = gateway.get("/plugins/r/environment").send().await.expect(200).json();
            (
                config["webhook_secret"].clone(),
                config["region"].clone(),
                environment["MODE"].clone(),
            )
        };
        let path = gateway.folder().join("shown.json");
        let file = path.to_str().unwrap();
        std::fs::write(&path, shown["config"].to_string()).unwrap();
        let again = ["plugin", "update", "r", "--config", file];
        let finished = cli.run(&again).await;
        assert!(finished.code == Some(0) && finished.stderr.contains("nothing changes"));
        shown["config"]["region"] = json!("us");
        std::fs::write(&path, shown["config"].to_string()).unwrap();
        cli.ok(&again).await;
        assert_eq!(seen().await, (json!("hunter2"), json!("us"), json!("hunter3")));

        // What people see is no secret, wherever it comes from.
        for wrong in [&["--set", "webhook_secret=…"], &["--option", "env.MODE=…"]] {
            let said = cli.fails(2, &[&["plugin", "update", "r"], &wrong[..]].concat()).await;
            let field = wrong[1].split('=').next().unwrap();
            assert!(said.contains(field) && !said.contains("hunter"), "{said}");
        }
        std::fs::write(&path, r#"{"other_secret": {"$secret": "set"}}"#).unwrap();
        let said = cli.fails(2, &again).await;
        assert!(said.contains("config.other_secret"), "{said}");
        let add = ["plugin", "add", "--name", "x", "--command", "file:///x", "--config", file];
        let said = cli.fails(2, &add).await;
        assert!(said.contains("config.other_secret"), "{said}");
        let table = cli.ok(&["plugin", "show", "r"]).await;
        assert!(table.contains("…") && !table.contains("hunter"), "{table}");
        assert_eq!(seen().await, (json!("hunter2"), json!("us"), json!("hunter3")));
    });
}
