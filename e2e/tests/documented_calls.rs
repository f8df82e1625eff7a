//! The calls of the admin API that the documentation shows, held against the OpenAPI document: method,
//! path, query and body of every `curl` line. Starts nothing.

use jsonschema::Draft;
use serde_json::{Map, Value, json};
use sidegate_api::document::document;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A call of the admin API that a page shows.
#[derive(Debug)]
struct Call {
    /// The command as the page has it, for messages.
    shown: String,
    method: String,
    /// From the first slash on, without the query.
    path: String,
    /// The names of the query's parameters.
    parameters: Vec<String>,
    media_type: Option<String>,
    body: Option<String>,
}

impl Call {
    /// The call of the admin API that the words of a command make, if they make one.
    fn of(words: &[String]) -> Option<Self> {
        let (mut method, mut address) = (None, None);
        let (mut media_type, mut body) = (None, None);
        let mut words_left = words.iter().skip(1);
        while let Some(word) = words_left.next() {
            let mut value = || words_left.next().expect("an option has a value").clone();
            match word.as_str() {
                "-X" => method = Some(value()),
                "-d" => body = Some(value()),
                "-H" => {
                    let header = value();
                    media_type =
                        header.strip_prefix("Content-Type: ").map(str::to_owned).or(media_type);
                }
                "--cacert" | "--cert" | "--key" | "-b" => drop(value()),
                "-N" | "-i" => {}
                option if option.starts_with('-') => panic!("{words:?}: {option} is new here"),
                _ => address = Some(word.replace("$API", "http://localhost:8080/api/v1")),
            }
        }
        let address = address.expect("a call has an address");
        let (_, admin) =
            address.split_once("localhost:8080").or_else(|| address.split_once("$SIDEGATE_URL"))?;
        let (path, query) = admin.split_once('?').unwrap_or((admin, ""));
        let names = query.split('&').filter(|pair| !pair.is_empty());
        let usual = if body.is_some() { "POST" } else { "GET" };
        Some(Self {
            shown: words.join(" "),
            method: method.unwrap_or_else(|| usual.to_owned()),
            path: path.to_owned(),
            parameters: names.map(|pair| pair.split('=').next().unwrap().to_owned()).collect(),
            media_type,
            body,
        })
    }

    /// The path of the document that it goes to, and what the document says of it there.
    fn operation<'a>(&self, document: &'a Value) -> (&'a str, &'a Value) {
        let segments: Vec<_> = self.path.split('/').collect();
        let fits = |known: &str| {
            let known: Vec<_> = known.split('/').collect();
            let fits = |(known, given): (&&str, &&str)| known.starts_with('{') || known == given;
            known.len() == segments.len() && known.iter().zip(&segments).all(fits)
        };
        let mut paths = document["paths"].as_object().unwrap().iter();
        let found = paths.find(|(known, _)| fits(known));
        let (path, operations) = found.unwrap_or_else(|| panic!("no such path: {}", self.shown));
        let operation = &operations[self.method.to_lowercase()];
        assert!(operation.is_object(), "no such method: {}", self.shown);
        (path, operation)
    }

    /// Holds what it sends against the document.
    fn check(&self, operation: &Value, document: &Value) {
        let known: BTreeSet<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        for name in &self.parameters {
            assert!(known.contains(name.as_str()), "no parameter {name}: {}", self.shown);
        }
        let content = &operation["requestBody"]["content"];
        assert_eq!(self.body.is_some(), content.is_object(), "a body or none: {}", self.shown);
        let Some(body) = &self.body else { return };
        let schema = &content[self.media_type.as_deref().unwrap_or_default()]["schema"];
        assert!(schema.is_object(), "{:?} is not taken: {}", self.media_type, self.shown);
        let body: Value =
            serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {}", self.shown));
        let schema = json!({"allOf": [schema], "components": document["components"]});
        let options = jsonschema::options().with_draft(Draft::Draft202012);
        let problems: Vec<_> =
            options.build(&schema).unwrap().iter_errors(&body).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{problems:?}: {}", self.shown);
    }
}

/// The words of a command as a shell reads them; none while it goes on in the next line. Variables stay
/// as they are written.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(end), character) if character == end => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '\\') => match characters.next()? {
                '\n' => {}
                masked => word.get_or_insert_default().push(masked),
            },
            (None, '#') if word.is_none() => break,
            (None, blank) if blank.is_whitespace() => words.extend(word.take()),
            (_, character) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The commands of a page that begin with `curl`, as words.
fn curl_commands(page: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let mut command = line.trim_start().to_owned();
        if !command.starts_with("curl ") {
            continue;
        }
        let words = loop {
            match words(&command) {
                Some(words) => break words,
                None => command.extend(["\n", lines.next().expect("a command ends")]),
            }
        };
        commands.push(words);
    }
    commands
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages that users read.
fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let others = ["README.md", "CONTRIBUTING.md", "examples/README.md", "sdks/go/README.md"];
    let is_page = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    docs.filter(is_page).chain(others.map(|path| root().join(path))).collect()
}

#[test]
fn every_call_of_the_admin_api_in_the_documentation_is_one_of_its_document() {
    let document = document();
    let mut calls = 0;
    for page in pages() {
        for call in curl_commands(&read(&page)).iter().filter_map(|words| Call::of(words)) {
            let (_, operation) = call.operation(&document);
            call.check(operation, &document);
            calls += 1;
        }
    }
    assert!(calls >= 27, "only {calls} calls were found");
}

#[test]
fn every_operation_has_a_heading_with_an_example_on_the_page_of_the_admin_api_and_no_other_has() {
    let document = document();
    let page = read(&root().join("docs/admin-api.md"));
    let mut shown = BTreeSet::new();
    for part in page.split("\n### ").skip(1) {
        let (heading, text) = part.split_once('\n').unwrap();
        for call in curl_commands(text).iter().filter_map(|words| Call::of(words)) {
            let (path, _) = call.operation(&document);
            assert_eq!(heading, format!("{} {path}", call.method), "{}", call.shown);
        }
        shown.insert(heading.to_owned());
        assert!(!curl_commands(text).is_empty(), "{heading} has no example");
    }
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().into_iter().flat_map(Map::keys);
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    // These are the gateway's own, and described with it.
    let probes = ["GET /health", "GET /ready", "GET /metrics"];
    let expected: BTreeSet<_> = all.filter(|name| !probes.contains(&name.as_str())).collect();
    assert_eq!(shown, expected);
}

#[test]
fn commands_are_read_as_a_shell_reads_them() {
    let page =
        "text\n```\ncurl -X PUT \"$API/a?b=c&d\" \\\n  -d '{\"x\":\n 1}' # why\ncurlew\n```\n";
    let commands = curl_commands(page);
    assert_eq!(commands, [["curl", "-X", "PUT", "$API/a?b=c&d", "-d", "{\"x\":\n 1}"]]);
    let call = Call::of(&commands[0]).unwrap();
    assert_eq!((call.method.as_str(), call.path.as_str()), ("PUT", "/api/v1/a"));
    assert_eq!(call.parameters, ["b", "d"]);
}
