# The verbs of this project. `make run` and `make test` need Rust and a C compiler, nothing else.
SHELL := /bin/bash
.PHONY: run build test bench lint fmt tidy deny audit ci

run: ## a gateway with the example plugins, on ports 8081 (clients) and 8080 (admin)
	cargo build -p sidegate -p sidegate-plugin-echo -p sidegate-plugin-webhook -p sidegate-plugin-ticker
	./scripts/run-standalone.sh

# With the tests: they turn on features of dependencies, which would have to be compiled once more.
build: ## the gateway, its plugins, and all tests
	cargo build --workspace --all-targets

test: build ## everything, with real gateways and plugins; one failure does not hide others
	cargo test --workspace --no-fail-fast

bench: ## what a request costs, beside nginx and others; BENCH=--quick for a look, less than 3 minutes
	cargo run --release -p sidegate-bench -- run $(BENCH)

lint: ## the lints of the workspace, warnings are errors
	cargo clippy --workspace --all-targets -- -D warnings

fmt:
	cargo fmt --all

tidy: ## the rules of the house that the compiler does not know
	cargo run -q -p xtask -- tidy

deny: ## licences, versions and sources of what we depend on
	./scripts/cargo-deny.sh check --deny unmatched-skip licenses bans sources

audit: ## known vulnerabilities of what we depend on; by hand, it clones a database
	./scripts/cargo-deny.sh check advisories

ci: ## what the project's own CI runs
	./.ci/run
