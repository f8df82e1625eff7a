//! No test passes by doing nothing: one that needs what a machine may lack asks the harness's
//! `Need`, which fails where CI requires it.
//!
//! So a test does not return early but from the `else` of a `let … else` that asks a need, what is
//! ignored is started by another test of its file, and CI requires every need there is.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprReturn, Ident, ItemFn, Local};

use super::finding::Finding;
use super::repository::{Repository, Source};

const RULE: &str = "skipped-tests";
/// What the harness calls the thing that is asked.
const NEED: &str = "Need";
/// The one file in Go that may skip.
const GO_NEED: &str = "need_test.go";
/// What CI runs.
const CI: &str = ".ci/run";
/// How the variables begin that make a need a must.
const VARIABLE: &str = concat!("SIDEGATE_", "REQUIRE_");

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings: Vec<Finding> = repository.sources().flat_map(in_rust).collect();
    findings.extend(repository.texts(".go").flat_map(|(path, text)| in_go(path, text)));
    findings.extend(not_required(repository));
    findings
}

fn in_rust(source: &Source) -> Vec<Finding> {
    let mut tests = Tests { text: &source.text, found: Vec::new() };
    if let Ok(syntax) = &source.syntax {
        tests.visit_file(syntax);
    }
    let found = tests.found.into_iter();
    found
        .map(|(line, message)| Finding::new(RULE, &source.path, line, message.to_owned()))
        .collect()
}

struct Tests<'a> {
    text: &'a str,
    found: Vec<(usize, &'static str)>,
}

impl<'ast> Visit<'ast> for Tests<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.attrs.iter().any(is_test) {
            let mut returns = Returns::default();
            returns.visit_block(&function.block);
            let message = "a test that ends early passes by doing nothing; ask a `Need`";
            self.found.extend(returns.lines.into_iter().map(|line| (line, message)));
            let ignored = function.attrs.iter().find(|found| found.path().is_ident("ignore"));
            if let Some(ignored) = ignored.filter(|_| !self.text.contains("\"--ignored\"")) {
                let line = ignored.pound_token.spans[0].start().line;
                self.found.push((line, "no test of this file runs what is ignored"));
            }
        }
        visit::visit_item_fn(self, function);
    }
}

/// `#[test]`, `#[tokio::test]` and their like.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test")
}

/// Where a function ends before its end, without a value.
#[derive(Default)]
struct Returns {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for Returns {
    fn visit_expr_return(&mut self, found: &'ast ExprReturn) {
        if found.expr.as_deref().is_none_or(is_nothing) {
            self.lines.push(found.return_token.span.start().line);
        }
        visit::visit_expr_return(self, found);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        match &local.init {
            Some(init) if init.diverge.is_some() && asks(&init.expr) => self.visit_expr(&init.expr),
            _ => visit::visit_local(self, local),
        }
    }

    /// What is within a test is judged by itself.
    fn visit_item_fn(&mut self, _: &'ast ItemFn) {}
}

/// Whether a need is named in it.
fn asks(expression: &Expr) -> bool {
    struct Names(bool);
    impl Visit<'_> for Names {
        fn visit_ident(&mut self, name: &Ident) {
            self.0 |= name == NEED;
        }
    }
    let mut names = Names(false);
    names.visit_expr(expression);
    names.0
}

/// `()` and `Ok(())`.
fn is_nothing(value: &Expr) -> bool {
    match value {
        Expr::Tuple(tuple) => tuple.elems.is_empty(),
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Path(path) if path.path.is_ident("Ok"))
                && call.args.iter().all(is_nothing)
        }
        _ => false,
    }
}

fn in_go(path: &str, text: &str) -> Vec<Finding> {
    if path.ends_with(GO_NEED) {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    let skips = lines.filter(|(_, line)| {
        [".Skip(", ".Skipf(", ".SkipNow("].iter().any(|call| line.contains(call))
    });
    let message = format!("only {GO_NEED} may skip, which fails where CI requires it");
    skips.map(|(index, _)| Finding::new(RULE, path, index + 1, message.clone())).collect()
}

/// Needs that CI would let pass.
fn not_required(repository: &Repository) -> Vec<Finding> {
    let rust = repository.sources().map(|source| (source.path.as_str(), source.text.as_str()));
    let mut variables = BTreeSet::new();
    for (_, text) in rust.chain(repository.texts(".go")) {
        variables.extend(text.match_indices(VARIABLE).map(|(start, _)| variable(&text[start..])));
    }
    let script = repository.text(CI).unwrap_or_default();
    let set = |variable: &&str| script.contains(&format!("{variable}=1"));
    let open = variables.into_iter().filter(|variable| !set(variable));
    open.map(|open| Finding::new(RULE, CI, 1, format!("{open}=1 is missing"))).collect()
}

fn variable(text: &str) -> &str {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    &text[..text.bytes().take_while(|byte| is_part(*byte)).count()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let findings = check(&Repository::of(&[("a.rs", text)]));
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_test_that_ends_early_is_found() {
        let text = |early: &str| format!("#[tokio::test]\nasync fn a() {{\n{early}\nb();\n}}\n");
        assert_eq!(lines(&text("if root() { return; }")), [3]);
        assert_eq!(lines(&text("story(async { if root() { return Ok(()); } });")), [3]);
        assert_eq!(lines(&text("let Some(a) = mount() else { return };")), [3]);
        assert_eq!(lines(&text("let a = || { return 1; };")), Vec::<usize>::new());
    }

    #[test]
    fn a_need_may_end_a_test_and_others_may_return() {
        let asks = "#[test]\nfn a() {\nlet Some(a) = Need::Go.or_skip(go()) else { return };\n}\n";
        assert_eq!(lines(asks), Vec::<usize>::new());
        assert_eq!(lines("fn a() { return; }\n"), Vec::<usize>::new());
        let inside = "#[test]\nfn a() {\nfn b() { return; }\n}\n";
        assert_eq!(lines(inside), Vec::<usize>::new());
    }

    #[test]
    fn what_is_ignored_needs_a_test_that_runs_it() {
        let ignored = "#[test]\n#[ignore = \"b\"]\nfn a() {}\n";
        assert_eq!(lines(ignored), [2]);
        let run = "#[test]\nfn b() { run(\"--ignored\"); }\n";
        assert_eq!(lines(&format!("{ignored}{run}")), Vec::<usize>::new());
    }

    #[test]
    fn in_go_one_file_may_skip() {
        let text = "func a() {\n\tt.Skipf(b)\n}\n";
        let found = |path: &str| check(&Repository::of(&[(path, text)])).len();
        assert_eq!((found("sdks/go/a_test.go"), found("sdks/go/need_test.go")), (1, 0));
    }

    #[test]
    fn ci_requires_every_need() {
        let source = format!("const A: &str = \"{VARIABLE}A\"; const B: &str = \"{VARIABLE}B_C\";");
        let ci = format!("export {VARIABLE}A=1\n");
        let findings = check(&Repository::of(&[("a.rs", &source), (CI, &ci)]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].message, format!("{VARIABLE}B_C=1 is missing"));
    }
}
