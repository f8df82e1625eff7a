//! No function is longer than 70 lines or takes more than 5 parameters besides `self`.
//!
//! A function's length runs from its `fn` to its closing brace. Bodies inside macros are not seen.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Block, FnArg, Signature};

use super::finding::Finding;
use super::repository::Repository;

const LINE_LIMIT: usize = 70;
const PARAMETER_LIMIT: usize = 5;

pub(super) fn check(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in repository.sources() {
        if let Ok(syntax) = &source.syntax {
            let mut functions = Functions { path: &source.path, findings: &mut findings };
            functions.visit_file(syntax);
        }
    }
    findings
}

struct Functions<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

/// More than is allowed of something.
struct Excess {
    found: usize,
    limit: usize,
    unit: &'static str,
}

impl Functions<'_> {
    fn judge(&mut self, signature: &Signature, body: Option<&Block>) {
        let first = signature.fn_token.span().start().line;
        let last = body.map_or(first, |block| block.span().end().line);
        let lines = last + 1 - first;
        let typed = |input: &&FnArg| matches!(input, FnArg::Typed(_));
        let parameters = signature.inputs.iter().filter(typed).count();
        if lines > LINE_LIMIT {
            let excess = Excess { found: lines, limit: LINE_LIMIT, unit: "lines" };
            self.report("function-length", signature, &excess);
        }
        if parameters > PARAMETER_LIMIT {
            let excess = Excess { found: parameters, limit: PARAMETER_LIMIT, unit: "parameters" };
            self.report("parameters", signature, &excess);
        }
    }

    fn report(&mut self, rule: &'static str, signature: &Signature, excess: &Excess) {
        let Excess { found, limit, unit } = excess;
        let line = signature.fn_token.span().start().line;
        let name = signature.ident.to_string();
        let message = format!("`{name}` has {found} {unit}, {limit} are allowed");
        self.findings.push(Finding::new(rule, self.path, line, message).of_item(name));
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.judge(&function.sig, Some(&function.block));
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.judge(&function.sig, Some(&function.block));
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.judge(&function.sig, function.default.as_ref());
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let repository = Repository::of(&[("a.rs", text)]);
        check(&repository).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn seventy_lines_are_allowed_and_one_more_is_not() {
        let function =
            |lines: usize| format!("#[a]\nfn long() {{\n{}}}\n", "b();\n".repeat(lines - 2));
        assert_eq!(findings(&function(70)), Vec::<String>::new());
        assert_eq!(
            findings(&function(71)),
            ["a.rs:2: function-length: `long` has 71 lines, 70 are allowed"]
        );
    }

    #[test]
    fn self_is_no_parameter() {
        let trait_with =
            |more: &str| format!("trait T {{ fn f(&self, a: A, b: A, c: A, d: A, e: A{more}); }}");
        assert_eq!(findings(&trait_with("")), Vec::<String>::new());
        assert_eq!(
            findings(&trait_with(", f: A")),
            ["a.rs:1: parameters: `f` has 6 parameters, 5 are allowed"]
        );
    }

    #[test]
    fn methods_and_nested_functions_are_seen() {
        let inner = format!("fn inner() {{\n{}}}\n", "b();\n".repeat(70));
        let text = format!("impl A {{ fn outer(&self) {{\n{inner}}} }}");
        assert_eq!(findings(&text).len(), 2);
    }
}
