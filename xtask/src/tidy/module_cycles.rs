//! The modules of a crate do not use each other in circles.
//!
//! The rule holds at every level: two modules below the same parent, each with all that is inside
//! it, must not need each other, directly or through others. A module may use what is above and
//! below it freely, and code for tests does not count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::finding::Finding;
use super::forgotten_files::source_roots;
use super::module_tree::{ModuleId, ModuleTree};
use super::repository::Repository;

/// From one module to its siblings, with the place of the first use of each.
type Edges = BTreeMap<ModuleId, BTreeMap<ModuleId, Place>>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: String,
    line: usize,
}

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let roots = repository.packages.iter().flat_map(|package| source_roots(repository, package));
    let mut findings: Vec<Finding> =
        roots.flat_map(|root| cycles(&ModuleTree::read(repository, &root))).collect();
    // A file may belong to two targets of a package.
    findings.sort();
    findings.dedup();
    findings
}

fn cycles(tree: &ModuleTree) -> Vec<Finding> {
    let edges = edges(tree);
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for start in edges.keys() {
        if seen.contains(start) {
            continue;
        }
        if let Some(cycle) = shortest_cycle(&edges, *start) {
            seen.extend(cycle.iter().copied());
            findings.push(report(tree, &edges, &cycle));
        }
    }
    findings
}

fn edges(tree: &ModuleTree) -> Edges {
    let mut edges = Edges::new();
    for (id, module) in tree.modules.iter().enumerate().filter(|(_, module)| !module.for_tests) {
        let imports = module.paths.imports.iter().map(|import| (&import.path, import.line));
        let mentions = module.paths.mentions.iter().map(|mention| (&mention.path, mention.line));
        for (path, line) in imports.chain(mentions) {
            let Some(target) = tree.resolve(id, path) else {
                continue;
            };
            if let Some((from, to)) = siblings(tree, id, target) {
                let place = Place { file: module.file.clone(), line };
                let first = edges.entry(from).or_default().entry(to).or_insert(place.clone());
                *first = first.clone().min(place);
            }
        }
    }
    edges
}

/// The two modules below the lowest common parent that a use connects; none for a use of what is
/// above, below or for tests.
fn siblings(tree: &ModuleTree, user: ModuleId, used: ModuleId) -> Option<(ModuleId, ModuleId)> {
    if tree.modules[used].for_tests {
        return None;
    }
    let (user, used) = (tree.ancestry(user), tree.ancestry(used));
    user.into_iter().zip(used).find(|(from, to)| from != to)
}

/// The shortest way from a module back to itself.
fn shortest_cycle(edges: &Edges, start: ModuleId) -> Option<Vec<ModuleId>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        for next in edges.get(&last).into_iter().flat_map(BTreeMap::keys) {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

fn report(tree: &ModuleTree, edges: &Edges, cycle: &[ModuleId]) -> Finding {
    let steps = cycle.iter().zip(cycle.iter().cycle().skip(1));
    let places: Vec<(&Place, String)> = steps
        .map(|(from, to)| {
            let place = &edges[from][to];
            let name = &tree.modules[*to].name;
            (place, format!("{}:{} uses `{name}`", place.file, place.line))
        })
        .collect();
    let names: Vec<&str> = cycle.iter().map(|id| tree.modules[*id].name.as_str()).collect();
    let words: Vec<&str> = places.iter().map(|(_, words)| words.as_str()).collect();
    let message = format!("modules need each other: {}", words.join(", "));
    let Place { file, line } = places[0].0;
    Finding::new("module-cycles", file, *line, message).of_item(names.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let manifest = ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");
        let files: Vec<(String, &str)> =
            files.iter().map(|(path, text)| (format!("crates/a/src/{path}"), *text)).collect();
        let mut all = vec![manifest];
        all.extend(files.iter().map(|(path, text)| (path.as_str(), *text)));
        check(&Repository::of(&all)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn two_modules_that_need_each_other_are_found() {
        let found = findings(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "//! A.\nuse crate::b::B;"),
            ("b.rs", "fn b() { super::a::f() }"),
        ]);
        let expected = "crates/a/src/a.rs:2: module-cycles: modules need each other: \
            crates/a/src/a.rs:2 uses `b`, crates/a/src/b.rs:1 uses `a`";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_circle_of_three_is_found_through_folders_and_re_exports() {
        let found = findings(&[
            ("lib.rs", "mod a; mod b; mod c; use c::deep::C;"),
            ("a.rs", "use crate::b::*;"),
            ("b.rs", "fn b() { vec![crate::C]; }"),
            ("c/mod.rs", "mod deep;"),
            ("c/deep.rs", "use crate::a::A;"),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("c/deep.rs:1 uses `a`"), "{found:?}");
    }

    #[test]
    fn circles_below_the_top_are_found() {
        let found = findings(&[
            ("lib.rs", "mod a;"),
            ("a.rs", "mod x { use super::y::Y; } mod y { use super::x::X; }"),
        ]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn parents_children_and_tests_do_not_count() {
        let found = findings(&[
            ("lib.rs", "mod a; mod b; pub struct Root; use a::A;"),
            (
                "a.rs",
                "mod x; use x::X; use crate::Root;\n#[cfg(test)] mod tests { use crate::b::B; }",
            ),
            ("a/x.rs", "use super::A; use crate::Root;"),
            ("b.rs", "use crate::a::A; use crate::a::x::X;"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
