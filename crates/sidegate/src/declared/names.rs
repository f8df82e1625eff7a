//! Which fields a file names, down to single members of objects: what it says of them is not in here, so nothing
//! secret is either.

use super::secrets::is_reference;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The way to a field, or to a member of one.
pub(crate) type Path = Vec<String>;

/// Paths of what a file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names(BTreeSet<Path>);

impl Names {
    /// Those of the fields of a thing.
    pub(crate) fn of(fields: &Map<String, Value>) -> Self {
        let mut names = BTreeSet::new();
        for (name, value) in fields {
            collect(value, vec![name.clone()], &mut names);
        }
        Self(names)
    }

    /// Reads JSON pointers; what is none names nothing.
    pub(crate) fn read<T: AsRef<str>>(pointers: impl IntoIterator<Item = T>) -> Self {
        let path = |pointer: T| {
            let steps = pointer.as_ref().strip_prefix('/')?.split('/');
            Some(steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
        };
        Self(pointers.into_iter().filter_map(path).collect())
    }

    /// As JSON pointers.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let step = |step: &String| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
        self.0.iter().map(|path| path.iter().map(step).collect()).collect()
    }

    /// Those below a field.
    pub(crate) fn below<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a Path> {
        self.0.iter().filter(move |path| path.first().is_some_and(|first| first == field))
    }

    /// These too.
    pub(crate) fn and(&self, others: &Self) -> Self {
        Self(self.0.union(&others.0).cloned().collect())
    }
}

fn collect(value: &Value, path: Path, names: &mut BTreeSet<Path>) {
    match inner(value) {
        Some(members) => {
            for (name, member) in members {
                let mut path = path.clone();
                path.push(name.clone());
                collect(member, path, names);
            }
        }
        None => _ = names.insert(path),
    }
}

/// The members of a value that is no value by itself: of an object that is neither empty nor a reference.
pub(crate) fn inner(value: &Value) -> Option<&Map<String, Value>> {
    let members = value.as_object().filter(|members| !members.is_empty())?;
    (!is_reference(value)).then_some(members)
}

/// What is at a path below a value.
pub(crate) fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, step| value.as_object()?.get(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_go_down_to_members_and_come_back_as_they_were() {
        let fields = json!({
            "name/~": 1, "l": [{"a": 1}], "config": {"a": {"b": null, "e": {}}, "k": {"$env": "X"}},
        });
        let names = Names::of(fields.as_object().unwrap());
        let pointers = names.pointers();
        let expected = ["/config/a/b", "/config/a/e", "/config/k", "/l", "/name~1~0"];
        assert_eq!(pointers, expected);
        assert_eq!(Names::read(&pointers), names);
        assert_eq!(names.below("config").count(), 3);
    }
}
