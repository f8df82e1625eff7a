//! Which commands the operator of this machine lets run, whoever registers them.

use super::fault::Fault;
use sidegate_model::plugin::Command;
use std::fs;
use std::path::PathBuf;

/// The operator's word. Empty lists permit everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permitted {
    /// Folders that hold the programs that may be run; links are followed before comparing.
    pub dirs: Vec<PathBuf>,
    /// Commands that may be run, as they are registered; an entry that ends in `*` permits all that
    /// begin alike.
    pub commands: Vec<String>,
}

impl Permitted {
    /// Checks a command, both as it was written and as it was understood.
    pub(super) fn check(&self, text: &str, command: &Command) -> Result<(), Fault> {
        if !self.commands.is_empty() && !self.lists(text, command) {
            return Err(Fault::NotListed(text.to_owned()));
        }
        let Command::File(program) = command else { return Ok(()) };
        if self.dirs.is_empty() {
            return Ok(());
        }
        let real = fs::canonicalize(program)
            .map_err(|source| Fault::Missing { path: program.clone(), source })?;
        let within = |dir: &PathBuf| fs::canonicalize(dir).is_ok_and(|dir| real.starts_with(dir));
        if self.dirs.iter().any(within) { Ok(()) } else { Err(Fault::OutsideDirs(real)) }
    }

    /// Whether the command is on the list, word for word, or else each of its addresses: a list that
    /// permits one address must not let another one in behind it.
    fn lists(&self, text: &str, command: &Command) -> bool {
        let listed = |text: &str| {
            self.commands.iter().any(|entry| match entry.strip_suffix('*') {
                Some(start) => text.starts_with(start),
                None => text == entry,
            })
        };
        match command {
            Command::File(_) => listed(text),
            Command::Remote(addresses) => {
                self.commands.iter().any(|entry| entry == text)
                    || addresses.iter().all(|address| listed(&format!("grpc://{address}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(permitted: &Permitted, text: &str) -> bool {
        permitted.check(text, &Command::parse(text).unwrap()).is_ok()
    }

    #[test]
    fn empty_lists_permit_everything() {
        assert!(check(&Permitted::default(), "/bin/sh"));
        assert!(check(&Permitted::default(), "grpc://a:1"));
    }

    #[test]
    fn a_list_permits_what_is_on_it_and_nothing_that_only_contains_it() {
        let commands = vec!["file:///opt/a".to_owned(), "grpc://plugins.*".to_owned()];
        let permitted = Permitted { commands, ..Permitted::default() };
        assert!(check(&permitted, "file:///opt/a"));
        assert!(check(&permitted, "grpc://plugins.internal:1"));
        for bad in ["file:///opt/ab", "file:///x/file:///opt/a", "grpc://evil:1"] {
            assert!(!check(&permitted, bad), "{bad}");
        }
    }

    #[test]
    fn a_permitted_address_lets_no_other_one_in_behind_it() {
        let commands = ["grpc://plugins.*", "grpc://a:1", "grpc://b:1,c:1"];
        let commands = commands.map(str::to_owned).into();
        let permitted = Permitted { commands, ..Permitted::default() };
        for good in ["grpc://plugins.x:1,plugins.y:2", "grpc://plugins.x:1,a:1", "grpc://b:1,c:1"] {
            assert!(check(&permitted, good), "{good}");
        }
        for bad in
            ["grpc://plugins.x:1,evil:1", "grpc://a:1,evil:1", "grpc://b:1", "grpc://c:1,b:1"]
        {
            assert!(!check(&permitted, bad), "{bad}");
        }
    }

    #[test]
    fn a_link_into_another_folder_does_not_widen_the_folders() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let real = outside.path().join("program");
        fs::write(&real, "").unwrap();
        fs::write(inside.path().join("own"), "").unwrap();
        let link = inside.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let permitted = Permitted { dirs: vec![inside.path().into()], ..Permitted::default() };
        let own = inside.path().join("own");
        assert!(check(&permitted, own.to_str().unwrap()));
        assert!(!check(&permitted, link.to_str().unwrap()));
        assert!(!check(&permitted, real.to_str().unwrap()));
    }
}
