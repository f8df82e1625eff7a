//! From texts to the things that they say there shall be, with everything that is wrong told at once: file, line,
//! where in the document, what, and what was probably meant.

use super::fields::{API_VERSION, Field, Form, KIND, Kind, near};
use super::node::{Content, Node};
use super::secrets::{is_reference, reference};
use super::sources::Source;
use super::yaml;
use serde_json::{Map, Value};
use sidegate_model::duration::{format_duration, parse_duration};
use sidegate_model::namespace::Namespace;
use std::collections::BTreeMap;
use std::fmt;

/// What a thing is called: no two have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    /// Empty for the global one.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        let name = crate::output::printable(name);
        match namespace.is_empty() {
            true => write!(f, "{} {name}", kind.noun()),
            false => write!(f, "{} {name} in namespace {namespace}", kind.noun()),
        }
    }
}

/// What files say of a thing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    /// Fields that are named.
    pub(crate) fields: Map<String, Value>,
    /// The file and the line where it stands.
    pub(crate) place: String,
}

/// What all files of a set say together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Document {
    /// In whose name.
    pub(crate) owner: Option<String>,
    /// Each thing once.
    pub(crate) things: BTreeMap<Key, Declared>,
}

/// Reads a set of files.
///
/// # Errors
/// All that is wrong, a line for each.
pub(crate) fn read(sources: &[Source]) -> Result<Document, Vec<String>> {
    let mut reader = Reader::default();
    for source in sources {
        match yaml::read(&source.text) {
            Ok(documents) => {
                for node in documents {
                    Place { reader: &mut reader, file: &source.name }.document(&node);
                }
            }
            Err(wrong) => reader.problems.extend(
                wrong.iter().map(|wrong| format!("{}:{}: {}", source.name, wrong.line, wrong.what)),
            ),
        }
    }
    if reader.problems.is_empty() { Ok(reader.document) } else { Err(reader.problems) }
}

#[derive(Default)]
struct Reader {
    document: Document,
    problems: Vec<String>,
}

/// Where the reader is.
struct Place<'a> {
    reader: &'a mut Reader,
    file: &'a str,
}

const HEADER: [&str; 4] = ["apiVersion", "kind", "owner", "namespace"];

impl Place<'_> {
    fn tell(&mut self, line: usize, path: &str, what: impl fmt::Display) {
        let (file, path) =
            (self.file, if path.is_empty() { String::new() } else { format!("{path}: ") });
        self.reader.problems.push(format!("{file}:{line}: {path}{what}"));
    }

    fn unknown(&mut self, line: usize, path: &str, known: &[&str]) {
        let name = path.rsplit('.').next().unwrap_or(path);
        let hint = match near(name, known.iter().copied()) {
            Some(meant) => format!("unknown; did you mean {meant}?"),
            None => format!("unknown; known are {}", known.join(", ")),
        };
        self.tell(line, path, hint);
    }

    fn document(&mut self, node: &Node) {
        let Content::Members(members) = &node.content else {
            let what = format!("a file is an object that begins with apiVersion: {API_VERSION}");
            return self.tell(node.line, "", what);
        };
        self.header(node, members);
        let known: Vec<_> = HEADER.into_iter().chain(Kind::ALL.map(Kind::plural)).collect();
        let find =
            |wanted: &str| members.iter().find(|(name, _)| name == wanted).map(|(_, node)| node);
        let owner = find("owner").and_then(|node| self.text(node, "owner"));
        if let Some(owner) = owner.filter(|owner| !owner.is_empty()) {
            let before = self.reader.document.owner.get_or_insert_with(|| owner.clone()).clone();
            if before != owner {
                let what = format!(
                    "{owner:?} here and {before:?} in another place: one set has one owner"
                );
                self.tell(node.line, "owner", what);
            }
        }
        let namespace = find("namespace").and_then(|node| self.namespace(node, "namespace"));
        let namespace = namespace.unwrap_or_default();
        for (name, member) in members {
            match Kind::ALL.into_iter().find(|kind| kind.plural() == name) {
                Some(kind) => self.things(kind, member, &namespace),
                None if HEADER.contains(&name.as_str()) => {}
                None => self.unknown(member.line, name, &known),
            }
        }
    }

    fn header(&mut self, node: &Node, members: &[(String, Node)]) {
        for (name, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            match members.iter().find(|(known, _)| known == name) {
                None => {
                    self.tell(
                        node.line,
                        name,
                        format!("this is missing: write {name}: {expected}"),
                    );
                }
                Some((_, said)) if said.content == Content::Text(expected.to_owned()) => {}
                Some((_, said)) => {
                    let what = format!(
                        "{} is not known here: this version reads {expected}",
                        said.value()
                    );
                    self.tell(said.line, name, what);
                }
            }
        }
    }

    fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        if let Content::Text(text) = &node.content {
            return Some(text.clone());
        }
        self.tell(
            node.line,
            path,
            format!("this is {}, not a text: write it in quotes", node.kind()),
        );
        None
    }

    fn namespace(&mut self, node: &Node, path: &str) -> Option<String> {
        let text = self.text(node, path)?;
        match Namespace::parse(&text) {
            Ok(_) => Some(text),
            Err(problem) => {
                self.tell(node.line, path, problem);
                None
            }
        }
    }

    fn things(&mut self, kind: Kind, node: &Node, namespace: &str) {
        match &node.content {
            Content::Null => {}
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.thing(kind, item, index, namespace);
                }
            }
            _ => {
                let what = format!(
                    "this is {}, not a list: write - before each {}",
                    node.kind(),
                    kind.noun()
                );
                self.tell(node.line, kind.plural(), what);
            }
        }
    }

    fn thing(&mut self, kind: Kind, node: &Node, index: usize, namespace: &str) {
        let path = format!("{}[{index}]", kind.plural());
        let Content::Members(members) = &node.content else {
            let what = format!(
                "this is {}, not an object with the name of a {}",
                node.kind(),
                kind.noun()
            );
            return self.tell(node.line, &path, what);
        };
        let mut known = vec!["name"];
        known.extend(kind.is_managed().then_some("namespace"));
        known.extend(kind.fields().iter().map(|field| field.name));
        let (mut fields, mut name, mut own) = (Map::new(), None, namespace.to_owned());
        for (member, value) in members {
            let path = format!("{path}.{member}");
            match (member.as_str(), kind.field(member)) {
                ("name", _) => name = Some(self.text(value, &path).unwrap_or_default()),
                ("namespace", _) if kind.is_managed() => {
                    own = self.namespace(value, &path).unwrap_or_default();
                }
                (_, Some(field)) => {
                    fields.extend(
                        self.field(field, value, &path).map(|value| (member.clone(), value)),
                    );
                }
                (_, None) => self.unknown(value.line, &path, &known),
            }
        }
        for field in kind.fields().iter().filter(|field| field.required) {
            if !members.iter().any(|(name, _)| name == field.name) {
                self.tell(node.line, &path, format!("{} is missing: it must be said", field.name));
            }
        }
        let Some(name) = name else {
            return self.tell(node.line, &path, "name is missing: it must be said");
        };
        let namespace = if kind.is_managed() { own } else { String::new() };
        self.keep(node.line, &path, Key { kind, namespace, name }, fields);
    }

    fn keep(&mut self, line: usize, path: &str, key: Key, fields: Map<String, Value>) {
        if key.name.trim().is_empty() {
            // A name of a wrong form was told already.
            return;
        }
        let place = format!("{}:{line}", self.file);
        if let Some(before) = self.reader.document.things.get(&key) {
            let what = format!("{key} stands at {} too: say it once", before.place);
            return self.tell(line, path, what);
        }
        self.reader.document.things.insert(key, Declared { fields, place });
    }

    fn field(&mut self, field: &Field, node: &Node, path: &str) -> Option<Value> {
        if node.content == Content::Null {
            self.tell(
                node.line,
                path,
                "there is nothing here: write a value, or leave the field out",
            );
            return None;
        }
        let value = node.value();
        let fits = match field.form {
            Form::Text => value.is_string(),
            Form::Duration => value.as_str().is_some_and(|text| duration(text).is_some()),
            Form::Flag => value.is_boolean(),
            Form::Count(most) => value.as_u64().is_some_and(|number| number <= u64::from(most)),
            Form::Amount => value.as_f64().is_some_and(|number| number >= 0.0),
            Form::Texts | Form::Set => {
                value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
            }
            Form::Settings | Form::Options | Form::Data => {
                value.is_object() && !is_reference(&value)
            }
        };
        if !fits {
            self.tell(
                node.line,
                path,
                format!("this is {}; write {}", node.kind(), wanted(field.form)),
            );
            return None;
        }
        match field.form {
            Form::Duration => value.as_str().and_then(duration).map(Value::from),
            Form::Set => Some(sorted(&value)),
            Form::Settings => {
                self.references(node, path);
                if let Some(slug) = value.get("slug") {
                    let what = format!("say it beside config: slug: {slug}");
                    self.tell(node.line, &format!("{path}.slug"), what);
                }
                Some(value)
            }
            Form::Options => Some(self.options(node, path)),
            _ => Some(value),
        }
    }

    /// Options are texts; numbers, true and false are taken for theirs.
    fn options(&mut self, node: &Node, path: &str) -> Value {
        self.references(node, path);
        let Content::Members(members) = &node.content else { return Value::Object(Map::new()) };
        let mut options = Map::new();
        for (name, member) in members {
            let value = match member.value() {
                value if value.is_string() || is_reference(&value) => value,
                value if value.is_boolean() || value.is_i64() || value.is_u64() => {
                    value.to_string().into()
                }
                _ => {
                    let what = format!("this is {}; write a text in quotes", member.kind());
                    self.tell(member.line, &format!("{path}.{name}"), what);
                    continue;
                }
            };
            options.insert(name.clone(), value);
        }
        options.into()
    }

    /// Tells what was meant to be a reference, and is none.
    fn references(&mut self, node: &Node, path: &str) {
        match &node.content {
            Content::Members(members) => {
                if let Err(problem) = reference(&node.value()) {
                    return self.tell(node.line, path, problem);
                }
                for (name, member) in members {
                    self.references(member, &format!("{path}.{name}"));
                }
            }
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.references(item, &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }
}

fn wanted(form: Form) -> String {
    match form {
        Form::Text => "a text, in quotes where it looks like something else".to_owned(),
        Form::Duration => "a duration in quotes, as in \"90s\" or \"1h\"".to_owned(),
        Form::Flag => "true or false".to_owned(),
        Form::Count(most) => format!("a whole number from 0 to {most}"),
        Form::Amount => "a number that is 0 or more".to_owned(),
        Form::Texts | Form::Set => "a list of texts".to_owned(),
        Form::Settings | Form::Options | Form::Data => "an object".to_owned(),
    }
}

/// A duration as the API writes it; the empty text is none.
fn duration(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    parse_duration(text).ok().map(format_duration)
}

/// A set as a list, in order and without doubles.
pub(crate) fn sorted(value: &Value) -> Value {
    let texts = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    let set: std::collections::BTreeSet<_> = texts.collect();
    set.into_iter().map(Value::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), text: text.to_owned() }
    }

    const HEAD: &str = "apiVersion: sidegate/v1\nkind: Configuration\n";

    fn problems(text: &str) -> Vec<String> {
        read(&[source("f", &format!("{HEAD}{text}"))]).unwrap_err()
    }

    #[test]
    fn several_files_and_documents_are_one_set() {
        let one = "namespace: eu\napps:\n- name: a\n  owner_email: o@x\n  rate_limit: 5\n---\n"
            .to_owned()
            + HEAD
            + "owner: team\nplugins:\n- {name: p, namespace: us, command: file:///p, options: {required: true, max_body: 10}}\n";
        let two = json!({
            "apiVersion": "sidegate/v1", "kind": "Configuration", "owner": "team",
            "plugins": [{"name": "p", "command": "file:///p", "service_scopes": ["b", "a", "b"]}],
        });
        let sources = [
            source("one", &format!("{HEAD}{one}")),
            source("two", &two.to_string()),
            source("none", "# nothing\n"),
        ];
        let document = read(&sources).unwrap();
        assert_eq!(document.owner.as_deref(), Some("team"));
        let keys: Vec<_> = document.things.keys().map(ToString::to_string).collect();
        assert_eq!(keys, ["app a in namespace eu", "plugin p", "plugin p in namespace us"]);
        let fields: Vec<_> =
            document.things.values().map(|it| Value::from(it.fields.clone())).collect();
        assert_eq!(fields[1], json!({"command": "file:///p", "service_scopes": ["a", "b"]}));
        assert_eq!(fields[2]["options"], json!({"required": "true", "max_body": "10"}));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_with_file_line_and_path() {
        let told = problems(
            "plugns: []\nplugins:\n- name: p\n  comand: file:///p\n  config:\n    slug: x\n    k: {$env: A, b: 1}\n  \
             is_active: yes\n- command: file:///p\napps:\n- name: 5\n  owner_email: o@x\n  rate_limit: -1\n  description:\n",
        );
        let expected = [
            "f:3: plugns: unknown; did you mean plugins?",
            "f:6: plugins[0].comand: unknown; did you mean command?",
            "f:9: plugins[0].config.k: a reference is one of",
            "f:7: plugins[0].config.slug: say it beside config: slug: \"x\"",
            "f:10: plugins[0].is_active: this is a text; write true or false",
            "f:5: plugins[0]: command is missing",
            "f:11: plugins[1]: name is missing",
            "f:13: apps[0].name: this is a number, not a text",
            "f:15: apps[0].rate_limit: this is a number; write a whole number from 0 to",
            "f:16: apps[0].description: there is nothing here",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told} is not {expected}");
        }
    }

    #[test]
    fn doubles_over_files_and_other_versions_are_errors() {
        let plugin = "plugins:\n- {name: p, command: c}\n";
        let sources =
            [source("a", &format!("{HEAD}{plugin}")), source("b", &format!("{HEAD}{plugin}"))];
        assert_eq!(
            read(&sources).unwrap_err(),
            ["b:4: plugins[0]: plugin p stands at a:4 too: say it once"]
        );
        let other =
            read(&[source("c", "apiVersion: sidegate/v2\nkind: Configuration\n")]).unwrap_err();
        assert!(
            other[0].starts_with("c:1: apiVersion: \"sidegate/v2\" is not known here"),
            "{other:?}"
        );
        let none = read(&[source("d", "plugins: []\n")]).unwrap_err();
        assert!(none[0].contains("apiVersion: this is missing"), "{none:?}");
        let owners = problems(&format!("owner: a\n---\n{HEAD}owner: b\n"));
        assert!(owners[0].contains("one set has one owner"), "{owners:?}");
    }
}
