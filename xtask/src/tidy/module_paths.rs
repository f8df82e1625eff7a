//! The paths that a piece of Rust source mentions: its imports and everything it names.
//!
//! Paths are lists of names as written, beginning with `crate`, `self`, `super` or any other name;
//! what they mean is for [`module_tree`](super::module_tree) to find out. Paths inside macros are
//! found too. Code that exists only in tests is left out.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, UseTree};

/// One leaf of a `use` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Import {
    pub(super) path: Vec<String>,
    pub(super) kind: ImportKind,
    pub(super) line: usize,
}

/// What a leaf of a `use` item brings into scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ImportKind {
    /// A name.
    Name(String),
    /// Everything below the path.
    Glob,
    /// Nothing that has a name (`as _`).
    Unnamed,
}

/// A path that is not part of a `use` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// All paths of one module, without those of its child modules.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub(super) imports: Vec<Import>,
    pub(super) mentions: Vec<Mention>,
}

impl Paths {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut paths = Self::default();
        for item in items {
            paths.visit_item(item);
        }
        paths
    }

    fn scan_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut joined = false;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if !joined {
                        self.mention(&mut path, line);
                        line = name.span().start().line;
                    }
                    path.push(name.to_string());
                    joined = false;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons =
                        if colons == 1 { 2 } else { usize::from(mark.spacing() == Spacing::Joint) };
                    joined = colons == 2 && !path.is_empty();
                    continue;
                }
                TokenTree::Group(group) => {
                    self.mention(&mut path, line);
                    joined = false;
                    self.scan_tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.mention(&mut path, line);
                    joined = false;
                }
            }
            colons = 0;
        }
        self.mention(&mut path, line);
    }

    /// Takes note of a path and empties it. One name alone says nothing inside a macro.
    fn mention(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.mentions.push(Mention { path, line });
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        let child = matches!(item, Item::Mod(_));
        if !child && !is_for_tests_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let for_tests =
            matches!(item, ImplItem::Fn(function) if is_for_tests_only(&function.attrs));
        if !for_tests {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.imports.extend(imports(item));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none()
            && let Some(first) = path.segments.first()
        {
            let line = first.ident.span().start().line;
            let path = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.mentions.push(Mention { path, line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.scan_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }
}

/// The leaves of a `use` item; none for one that names other crates with `::`.
pub(super) fn imports(item: &syn::ItemUse) -> Vec<Import> {
    let mut leaves = Vec::new();
    if item.leading_colon.is_none() {
        flatten(&item.tree, &mut Vec::new(), &mut leaves);
    }
    leaves
}

fn flatten(tree: &UseTree, prefix: &mut Vec<String>, leaves: &mut Vec<Import>) {
    let mut leaf = |prefix: &[String], ident: &syn::Ident, kind: Option<ImportKind>| {
        let mut path = prefix.to_vec();
        if ident != "self" || prefix.is_empty() {
            path.push(ident.to_string());
        }
        let own_name = path.last().cloned().unwrap_or_default();
        let kind = kind.unwrap_or(ImportKind::Name(own_name));
        leaves.push(Import { path, kind, line: ident.span().start().line });
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, leaves);
            prefix.pop();
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, prefix, leaves);
            }
        }
        UseTree::Name(name) => leaf(prefix, &name.ident, None),
        UseTree::Rename(rename) if rename.rename == "_" => {
            leaf(prefix, &rename.ident, Some(ImportKind::Unnamed));
        }
        UseTree::Rename(rename) => {
            let name = rename.rename.to_string();
            leaf(prefix, &rename.ident, Some(ImportKind::Name(name)));
        }
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            leaves.push(Import { path: prefix.clone(), kind: ImportKind::Glob, line });
        }
    }
}

/// Whether the attributes say `#[cfg(test)]` or `#[cfg(all(test, …))]`.
pub(super) fn is_for_tests_only(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return false;
        };
        let condition: String = list.tokens.to_string().split_whitespace().collect();
        let parts = condition
            .strip_prefix("all(")
            .map_or(condition.as_str(), |all| all.strip_suffix(')').unwrap_or(all));
        parts.split(',').any(|part| part == "test") && !parts.contains("any(")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Paths {
        Paths::of(&syn::parse_file(text).unwrap().items)
    }

    fn mentions(text: &str) -> Vec<String> {
        paths(text).mentions.iter().map(|mention| mention.path.join("::")).collect()
    }

    #[test]
    fn imports_are_flattened() {
        let paths = paths("use a::{self, b as c, d::*, e as _};\nuse ::other::f;");
        let found: Vec<(String, ImportKind)> =
            paths.imports.into_iter().map(|import| (import.path.join("::"), import.kind)).collect();
        let name = |name: &str| ImportKind::Name(name.to_owned());
        let expected = [
            ("a", name("a")),
            ("a::b", name("c")),
            ("a::d", ImportKind::Glob),
            ("a::e", ImportKind::Unnamed),
        ];
        assert_eq!(found, expected.map(|(path, kind)| (path.to_owned(), kind)));
    }

    #[test]
    fn paths_are_found_in_code_types_and_macros() {
        let text = "fn a(b: super::B) { crate::c::d(); e!(1, f: crate::g::H, [i::j]); }";
        let found = mentions(text);
        for path in ["super::B", "crate::c::d", "e", "crate::g::H", "i::j"] {
            assert!(found.contains(&path.to_owned()), "{path} in {found:?}");
        }
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn code_for_tests_is_left_out() {
        let text = "#[cfg(test)] fn a() { crate::b::c(); }\n#[cfg(all(test, unix))] use d::e;";
        assert!(mentions(text).is_empty());
        assert!(paths(text).imports.is_empty());
    }

    #[test]
    fn code_that_also_exists_outside_of_tests_stays() {
        let text = "#[cfg(not(test))] use a::b;\n#[cfg(any(test, unix))] use c::d;";
        assert_eq!(paths(text).imports.len(), 2);
    }
}
