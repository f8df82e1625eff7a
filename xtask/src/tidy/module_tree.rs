//! The modules of one crate, from its root file down, and what a path means inside them.

use std::collections::BTreeMap;

use syn::{Item, ItemMod, Meta};

use super::module_paths::{ImportKind, Paths, is_for_tests_only};
use super::repository::Repository;

/// How many re-exports a name may pass through before the search for it is given up.
const DEPTH_LIMIT: usize = 16;

/// Position of a module in its tree; the root is 0.
pub(super) type ModuleId = usize;

/// One module.
#[derive(Debug)]
pub(super) struct Module {
    /// Name of the module; `crate` at the root.
    pub(super) name: String,
    /// The file that holds it.
    pub(super) file: String,
    /// The module around it; the root has none.
    pub(super) parent: Option<ModuleId>,
    /// Compiled for tests only, itself or with a module around it.
    pub(super) for_tests: bool,
    pub(super) paths: Paths,
    children: BTreeMap<String, ModuleId>,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Module(ModuleId),
    ItemOf(ModuleId),
}

/// All modules of a crate.
#[derive(Debug, Default)]
pub(super) struct ModuleTree {
    pub(super) modules: Vec<Module>,
}

/// Where a module is being read.
#[derive(Clone)]
struct Place {
    file: String,
    /// Where the files of its child modules are.
    folder: String,
    parent: Option<ModuleId>,
    for_tests: bool,
}

impl ModuleTree {
    /// Reads the modules below a root file such as `src/lib.rs`.
    pub(super) fn read(repository: &Repository, root_file: &str) -> Self {
        let mut tree = Self::default();
        let place = Place {
            file: root_file.to_owned(),
            folder: folder_of(root_file).to_owned(),
            parent: None,
            for_tests: false,
        };
        tree.read_file(repository, "crate", &place);
        tree
    }

    fn read_file(&mut self, repository: &Repository, name: &str, place: &Place) {
        let Some(source) = repository.source(&place.file) else {
            return;
        };
        if let Ok(syntax) = &source.syntax {
            self.read_items(repository, name, &syntax.items, place);
        }
    }

    fn read_items(&mut self, repository: &Repository, name: &str, items: &[Item], place: &Place) {
        let id = self.modules.len();
        if let Some(parent) = place.parent {
            self.modules[parent].children.insert(name.to_owned(), id);
        }
        self.modules.push(Module {
            name: name.to_owned(),
            file: place.file.clone(),
            parent: place.parent,
            for_tests: place.for_tests,
            paths: Paths::of(items),
            children: BTreeMap::new(),
        });
        for item in items {
            if let Item::Mod(item) = item {
                self.read_child(repository, item, &Place { parent: Some(id), ..place.clone() });
            }
        }
    }

    fn read_child(&mut self, repository: &Repository, item: &ItemMod, place: &Place) {
        let name = item.ident.to_string();
        let for_tests = place.for_tests || is_for_tests_only(&item.attrs);
        let below = join(&place.folder, &name);
        if let Some((_, items)) = &item.content {
            let inline = Place { folder: below, for_tests, ..place.clone() };
            return self.read_items(repository, &name, items, &inline);
        }
        let candidates = match path_attribute(item) {
            Some(path) => {
                let file = join(folder_of(&place.file), &path);
                vec![(file.clone(), folder_of(&file).to_owned())]
            }
            None => {
                vec![(format!("{below}.rs"), below.clone()), (format!("{below}/mod.rs"), below)]
            }
        };
        let found = candidates.into_iter().find(|(file, _)| repository.source(file).is_some());
        if let Some((file, folder)) = found {
            let child = Place { file, folder, parent: place.parent, for_tests };
            self.read_file(repository, &name, &child);
        }
    }

    /// The module that a path leads into, as seen from `module`; nothing for other crates and for
    /// local names. Re-exports are followed to where the item is declared.
    pub(super) fn resolve(&self, module: ModuleId, path: &[String]) -> Option<ModuleId> {
        match self.walk(module, path, DEPTH_LIMIT)? {
            Target::Module(id) | Target::ItemOf(id) => Some(id),
        }
    }

    fn walk(&self, module: ModuleId, path: &[String], depth: usize) -> Option<Target> {
        let depth = depth.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let mut target = match first.as_str() {
            "crate" => Target::Module(0),
            "self" => Target::Module(module),
            "super" => Target::Module(self.modules[module].parent?),
            // A single name is an item or a local variable, even if a module is called so too.
            name if rest.is_empty() => self.imported(module, name, depth)?,
            name => self.lookup(module, name, depth)?,
        };
        for name in rest {
            let Target::Module(id) = target else { break };
            target = match name.as_str() {
                "super" => Target::Module(self.modules[id].parent?),
                name => self.lookup(id, name, depth).unwrap_or(Target::ItemOf(id)),
            };
        }
        Some(target)
    }

    fn lookup(&self, module: ModuleId, name: &str, depth: usize) -> Option<Target> {
        let child = self.modules[module].children.get(name).copied().map(Target::Module);
        child.or_else(|| self.imported(module, name, depth))
    }

    /// What a `use` item of the module means by `name`.
    fn imported(&self, module: ModuleId, name: &str, depth: usize) -> Option<Target> {
        let imports = &self.modules[module].paths.imports;
        let bound = imports
            .iter()
            .find(|import| matches!(&import.kind, ImportKind::Name(bound) if bound == name));
        if let Some(import) = bound {
            // `use name;` of another crate would lead back here.
            return (import.path != [name]).then(|| self.walk(module, &import.path, depth))?;
        }
        let depth = depth.checked_sub(1)?;
        let globs = imports.iter().filter(|import| import.kind == ImportKind::Glob);
        globs.into_iter().find_map(|import| match self.walk_glob(module, &import.path, depth)? {
            Target::Module(id) if id != module => self.lookup(id, name, depth),
            _ => None,
        })
    }

    fn walk_glob(&self, module: ModuleId, path: &[String], depth: usize) -> Option<Target> {
        match path {
            [name] if self.modules[module].children.contains_key(name) => {
                self.lookup(module, name, depth)
            }
            path => self.walk(module, path, depth),
        }
    }

    /// The modules from the root down to this one, both included.
    pub(super) fn ancestry(&self, module: ModuleId) -> Vec<ModuleId> {
        let mut line = vec![module];
        while let Some(parent) = line.last().and_then(|id| self.modules[*id].parent) {
            line.push(parent);
        }
        line.reverse();
        line
    }
}

fn path_attribute(item: &ItemMod) -> Option<String> {
    item.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Joins two paths, resolving `..` as far as the first one reaches.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> ModuleTree {
        ModuleTree::read(&Repository::of(files), "src/lib.rs")
    }

    fn resolved(tree: &ModuleTree, from: &str, path: &str) -> Option<String> {
        let module = tree.modules.iter().position(|module| module.name == from).unwrap();
        let path: Vec<String> = path.split("::").map(str::to_owned).collect();
        tree.resolve(module, &path).map(|id| tree.modules[id].name.clone())
    }

    #[test]
    fn modules_are_found_in_files_folders_and_inline() {
        let tree = tree(&[
            ("src/lib.rs", "mod a; mod b; mod c { mod d; } #[path = \"odd/../f.rs\"] mod e;"),
            ("src/a.rs", "mod x;"),
            ("src/a/x.rs", ""),
            ("src/b/mod.rs", "mod y;"),
            ("src/b/y.rs", ""),
            ("src/c/d.rs", ""),
            ("src/f.rs", ""),
        ]);
        let found: Vec<&str> = tree.modules.iter().map(|module| module.file.as_str()).collect();
        let expected = [
            "src/lib.rs",
            "src/a.rs",
            "src/a/x.rs",
            "src/b/mod.rs",
            "src/b/y.rs",
            "src/lib.rs",
            "src/c/d.rs",
            "src/f.rs",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_lead_to_the_module_that_declares_the_item() {
        let tree = tree(&[
            ("src/lib.rs", "mod a; mod b; pub use b::inner::Thing; use std::fmt;"),
            ("src/a.rs", "use super::*; use crate::b;"),
            ("src/b.rs", "mod inner;"),
            ("src/b/inner.rs", ""),
        ]);
        let name = |name: &str| Some(name.to_owned());
        assert_eq!(resolved(&tree, "a", "crate::b::inner::Thing"), name("inner"));
        assert_eq!(resolved(&tree, "a", "crate::Thing::new"), name("inner"));
        assert_eq!(resolved(&tree, "a", "Thing"), name("inner"));
        assert_eq!(resolved(&tree, "a", "super::b::f"), name("b"));
        assert_eq!(resolved(&tree, "inner", "super::super::a"), name("a"));
        assert_eq!(resolved(&tree, "a", "b::f"), name("b"));
        assert_eq!(resolved(&tree, "a", "crate::Root"), name("crate"));
        assert_eq!(resolved(&tree, "a", "fmt::Display"), None);
        assert_eq!(resolved(&tree, "b", "std::fmt"), None);
    }

    #[test]
    fn names_that_lead_in_circles_are_given_up() {
        let tree = tree(&[("src/lib.rs", "use a::a; use b; use c::*; use d as e; use e as d;")]);
        for path in ["a::x", "b::x", "c", "d", "e::x"] {
            assert_eq!(resolved(&tree, "crate", path), None, "{path}");
        }
    }

    #[test]
    fn modules_for_tests_are_marked() {
        let tree = tree(&[("src/lib.rs", "#[cfg(test)] mod tests { mod more {} } mod a {}")]);
        let marks: Vec<bool> = tree.modules.iter().map(|module| module.for_tests).collect();
        assert_eq!(marks, [false, true, true, false]);
    }
}
