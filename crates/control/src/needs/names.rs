//! What things are called in commands that a person may copy.

use sidegate_model::name::callable;
use std::collections::HashSet;

/// The names of things of one kind.
pub(super) struct Names<'a> {
    /// Those that several have, in namespaces of their own or in one.
    repeated: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Of all things of the kind.
    pub(super) fn of(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut seen = HashSet::new();
        Self { repeated: names.into_iter().filter(|name| !seen.insert(*name)).collect() }
    }

    /// The name, or the number where the name says too little or a shell would take it apart.
    pub(super) fn call(&self, id: &str, name: &str) -> String {
        if self.repeated.contains(name) { id.to_owned() } else { callable(id, name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_are_called_is_said_by_number() {
        let names = Names::of(["echo", "other", "echo", "my echo"]);
        assert_eq!(
            ["echo", "other", "my echo", "gone"].map(|name| names.call("3", name)),
            ["3", "other", "3", "gone"]
        );
    }
}
