//! What a server says of its tools and prompts, as texts that are equal only where they say the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::fields::Fields;
use crate::policy::Kind;

/// Each list whose items are pinned: the method that asks for it, the member that holds it, and what it has.
pub(crate) const LISTS: [(&str, &str, Kind); 2] =
    [("tools/list", "tools", Kind::Tool), ("prompts/list", "prompts", Kind::Prompt)];

/// The member of an introduction that is for models.
pub(crate) const INSTRUCTIONS: &str = "instructions";

/// All that a server offers, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definitions {
    /// What it says to the model of all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    tools: BTreeMap<String, String>,
    prompts: BTreeMap<String, String>,
}

/// One name of which two sets say something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    kind: &'static str,
    name: String,
    before: Option<String>,
    after: Option<String>,
}

impl Definitions {
    /// Takes an item of a list in. One that cannot be read is left out, and never passes.
    pub(crate) fn add(&mut self, kind: Kind, item: &RawValue) {
        let (Some(name), Some(text)) = (name(item), canonical(item)) else { return };
        let Some(all) = self.all_mut(kind) else { return };
        // Of two with one name nobody knows which one is called.
        all.entry(name).and_modify(String::clear).or_insert(text);
    }

    /// Takes in what is said when a session begins.
    pub(crate) fn instruct(&mut self, introduction: &Fields) {
        self.instructions = introduction.raw(INSTRUCTIONS).and_then(canonical);
    }

    /// Whether this is what is said when a session begins.
    pub(crate) fn instructs(&self, instructions: &RawValue) -> bool {
        self.instructions.is_some() && self.instructions == canonical(instructions)
    }

    /// What is said of a name; `None` where nothing is, or nothing certain.
    pub(crate) fn of(&self, kind: Kind, name: &str) -> Option<&str> {
        let text = self.all(kind)?.get(name)?;
        (!text.is_empty()).then_some(text.as_str())
    }

    pub(crate) fn names(&self, kind: Kind, name: &str) -> bool {
        self.all(kind).is_some_and(|all| all.contains_key(name))
    }

    /// Whether this item of a list is in it as it is.
    pub(crate) fn has(&self, kind: Kind, item: &RawValue) -> bool {
        let known = name(item).and_then(|name| self.of(kind, &name).map(str::to_owned));
        known.is_some() && known == canonical(item)
    }

    /// What stands for all of it.
    pub(crate) fn digest(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(&text);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// What is different in another set.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Difference> {
        let kinds =
            [("tool", &self.tools, &other.tools), ("prompt", &self.prompts, &other.prompts)];
        let mut all = Vec::new();
        if self.instructions != other.instructions {
            let (kind, name) = (INSTRUCTIONS, String::new());
            let (before, after) = (self.instructions.clone(), other.instructions.clone());
            all.push(Difference { kind, name, before, after });
        }
        for (kind, before, after) in kinds {
            let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
            let differs = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
            all.extend(differs.map(|name| {
                let said = |set: &BTreeMap<String, String>| set.get(name).cloned();
                let (before, after) = (said(before), said(after));
                Difference { kind, name: name.clone(), before, after }
            }));
        }
        all
    }

    /// How many tools and prompts there are.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.tools.len(), self.prompts.len())
    }

    fn all(&self, kind: Kind) -> Option<&BTreeMap<String, String>> {
        match kind {
            Kind::Tool => Some(&self.tools),
            Kind::Prompt => Some(&self.prompts),
            Kind::Resource => None,
        }
    }

    fn all_mut(&mut self, kind: Kind) -> Option<&mut BTreeMap<String, String>> {
        match kind {
            Kind::Tool => Some(&mut self.tools),
            Kind::Prompt => Some(&mut self.prompts),
            Kind::Resource => None,
        }
    }
}

fn name(item: &RawValue) -> Option<String> {
    Fields::of(item)?.text("name")
}

/// The same text for the same value, in whatever order and spelling it came; `None` where a name is there twice, since
/// readers could take different ones.
fn canonical(value: &RawValue) -> Option<String> {
    let text = value.get().trim();
    match text.as_bytes().first()? {
        b'{' => {
            let fields = Fields::of(value)?;
            let members = fields.iter().map(|(name, value)| Some((name, canonical(value)?)));
            let members: BTreeMap<&str, String> = members.collect::<Option<_>>()?;
            let members = members.into_iter().map(|(name, value)| {
                let name = serde_json::to_string(name).ok()?;
                Some(format!("{name}:{value}"))
            });
            let members: Vec<_> = members.collect::<Option<_>>()?;
            Some(format!("{{{}}}", members.join(",")))
        }
        b'[' => {
            let values: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
            let values: Vec<_> =
                values.iter().map(|value| canonical(value)).collect::<Option<_>>()?;
            Some(format!("[{}]", values.join(",")))
        }
        b'"' => {
            let plain: String = serde_json::from_str(text).ok()?;
            serde_json::to_string(&plain).ok()
        }
        _ => Some(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tools: &[&str]) -> Definitions {
        let mut set = Definitions::default();
        for tool in tools {
            set.add(Kind::Tool, &RawValue::from_string((*tool).to_owned()).unwrap());
        }
        set
    }

    #[test]
    fn what_says_the_same_is_the_same_and_whatever_says_something_else_is_not() {
        let tool = r#"{"name":"a","inputSchema":{"type":"object","n":[1,2]},"x":1.0}"#;
        let known = set(&[tool]);
        let same = r#"{"x":1.0, "inputSchema":{"n":[1 ,2],"type":"obj\u0065ct"},"n\u0061me":"a"}"#;
        assert_eq!(set(&[same]), known);
        assert_eq!(set(&[same]).digest(), known.digest());
        for other in [
            r#"{"name":"b","inputSchema":{"type":"object","n":[1,2]},"x":1.0}"#,
            r#"{"name":"a","inputSchema":{"type":"object","n":[2,1]},"x":1.0}"#,
            r#"{"name":"a","inputSchema":{"type":"object","n":[1,2]},"x":1.0,"description":""}"#,
            r#"{"name":"a","inputSchema":{"type":"object","n":[1,2]},"x":2.0}"#,
            r#"{"name":"a","inputSchema":{"type":"object ","n":[1,2]},"x":1.0}"#,
        ] {
            assert_ne!(set(&[other]), known, "{other}");
            assert_ne!(set(&[other]).digest(), known.digest(), "{other}");
        }
    }

    #[test]
    fn instructions_that_are_new_gone_or_different_are_another_set() {
        let instructed = |text: &str| {
            let mut set = set(&[]);
            set.instruct(&serde_json::from_str(text).unwrap());
            set
        };
        let (none, known) = (instructed("{}"), instructed(r#"{"instructions":"a"}"#));
        let other = instructed(r#"{"instructions":"b"}"#);
        for (one, two) in [(&none, &known), (&known, &none), (&known, &other)] {
            assert_ne!(one.digest(), two.digest());
            assert_eq!(one.differences(two)[0].kind, "instructions");
        }
        let said = RawValue::from_string(r#""\u0061""#.to_owned()).unwrap();
        assert!(known.instructs(&said) && !other.instructs(&said) && !none.instructs(&said));
    }

    #[test]
    fn nothing_that_two_readers_could_read_differently_is_ever_known() {
        let twice = r#"{"name":"a","inputSchema":{"description":"x","description":"y"}}"#;
        assert_eq!(set(&[twice]), Definitions::default());
        let two = set(&[r#"{"name":"a","x":1}"#, r#"{"name":"a","x":2}"#]);
        assert_eq!((two.of(Kind::Tool, "a"), two.names(Kind::Tool, "a")), (None, true));
    }

    #[test]
    fn a_name_that_is_another_one_is_one_less_and_one_more() {
        let (old, new) = (set(&[r#"{"name":"a"}"#]), set(&[r#"{"name":"b"}"#]));
        let all = old.differences(&new);
        let told =
            all.iter().map(|one| (one.name.as_str(), one.before.is_some(), one.after.is_some()));
        assert_eq!(told.collect::<Vec<_>>(), [("a", true, false), ("b", false, true)]);
    }
}
