//! `sidegate explain`: what would happen to a request, and why.
//!
//! It asks the admin API; nothing is executed or counted.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Output, json, listed, print};
use clap::Args;
use sidegate_api::explain::{AnsweredBy, ExplainFields, ExplanationAttributes, LimitAttributes};
use sidegate_api::resource::Resource;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

/// Say what would happen to a request, and why; it is not made, and counts nowhere
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Method, for example GET
    method: String,
    /// Path as it would be sent, for example '/plugins/echo/hello?a=1'
    path: String,
    /// Token that it would present; - reads it from standard input, where other users cannot see it
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Header that it would have; may be repeated, with another name
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// Address that it would come from
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// Node that is asked; needed where there are several
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write NAME: VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let token = match arguments.token.as_deref() {
        Some("-") => Some(from_stdin()?),
        token => token.map(str::to_owned),
    };
    let mut headers = BTreeMap::new();
    for (name, value) in &arguments.headers {
        if headers.insert(name.to_ascii_lowercase(), value.clone()).is_some() {
            return Err(Failure::usage(format!("--header {name}: give each name once")));
        }
    }
    let fields = ExplainFields {
        method: Some(arguments.method.clone()),
        path: Some(arguments.path.clone()),
        token,
        headers: Some(headers).filter(|headers| !headers.is_empty()),
        client: arguments.client.clone(),
        node: arguments.node.clone(),
    };
    let api = arguments.admin_api.client()?;
    let told: Resource<ExplanationAttributes> = api.post("explain", &fields).await?;
    if arguments.output.is_json() {
        return json(&told);
    }
    print(&text(&told.attributes))
}

fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    // No token is so long.
    let read = std::io::stdin().take(64 * 1024).read_to_string(&mut text);
    read.map_err(|e| Failure::usage(format!("--token -: standard input cannot be read: {e}")))?;
    Ok(text.trim().to_owned())
}

/// What was told, for people.
fn text(told: &ExplanationAttributes) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| _ = writeln!(text, "{name:<9} {value}");
    line("answer", &answer(told));
    if let Some(route) = &told.route {
        let stream = if route.stream_response { " (stream)" } else { "" };
        line("route", &format!("{} {}{stream}", route.method, route.path));
        let process = route.pid.map_or_else(String::new, |pid| format!(", process {pid}"));
        line("plugin", &format!("{} ({}{process})", route.plugin, route.state.as_str()));
        line("sees", &route.relative_path);
    }
    for rival in &told.rivals {
        line("not", &format!("{} {}: {}", listed(&rival.methods), rival.path, rival.reason));
    }
    for check in &told.checks {
        let mark = if check.passed { "ok" } else { "no" };
        line(mark, &format!("{}: {}", check.name, check.detail));
    }
    for limit in &told.limits {
        line("limit", &limit_text(limit));
    }
    text
}

fn answer(told: &ExplanationAttributes) -> String {
    match (told.answered_by, told.status) {
        (AnsweredBy::Plugin, _) => "the plugin's".to_owned(),
        (AnsweredBy::Nobody, _) => "none yet: it would wait for the plugin's start".to_owned(),
        (AnsweredBy::Gateway, status) => {
            let status = status.map_or_else(String::new, |status| format!("{status}"));
            let code = told.code.as_deref().unwrap_or("by the gateway itself");
            let message = told.message.as_deref().map_or_else(String::new, |m| format!(": {m}"));
            format!("{status} {code}{message}")
        }
    }
}

fn limit_text(limit: &LimitAttributes) -> String {
    let LimitAttributes { name, limit, remaining, reset_seconds } = limit;
    let reset = reset_seconds.filter(|seconds| *seconds > 0);
    let reset = reset.map_or_else(String::new, |seconds| format!(", all of it in {seconds} s"));
    format!("{name}: {remaining} of {limit} left{reset}")
}
