//! The rules of the house that the compiler does not know, as one command.
//!
//! Each rule is a file with one function from a [`Repository`] to its [`Finding`]s. A rule never
//! prints and never looks at the exceptions; that is done here, once for all.

mod crate_graph;
mod crate_table;
mod exceptions;
mod file_length;
mod finding;
mod folders;
mod forbidden_words;
mod forgotten_files;
mod functions;
mod generated;
mod invariants;
mod module_cycles;
mod module_docs;
mod module_paths;
mod module_tree;
mod named_paths;
mod page;
mod repository;
mod runtime_free;
mod skipped_tests;
mod sleeping_tests;
mod syntax;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use exceptions::Exceptions;
use finding::Finding;
use repository::Repository;

type Rule = fn(&Repository) -> Vec<Finding>;

const RULES: &[Rule] = &[
    syntax::check,
    module_docs::check,
    file_length::check,
    functions::check,
    module_cycles::check,
    forbidden_words::check,
    sleeping_tests::check,
    skipped_tests::check,
    forgotten_files::check,
    crate_graph::check,
    folders::check,
    named_paths::check,
    invariants::check,
];

/// Prints every finding and fails when there is one.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    let repository = Repository::read(root)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&repository)).collect();
    findings.extend(generated::check(root)?);
    findings.extend(runtime_free::check(root)?);
    let mut findings = Exceptions::read(root)?.apply(findings);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tidy: {} to tidy up", findings.len());
    Ok(ExitCode::FAILURE)
}
