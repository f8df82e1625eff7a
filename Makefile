# The verbs of this project. `make run` and `make test` need Rust and a C compiler, nothing else.
SHELL := /bin/bash
.PHONY: run test bench lint fmt tidy ci

run: ## a gateway with the example plugins, on ports 8081 (clients) and 8080 (admin)
	cargo build -p sidegate -p sidegate-plugin-echo -p sidegate-plugin-webhook -p sidegate-plugin-ticker
	./scripts/run-standalone.sh

test: ## everything, with real gateways and plugins; they have to be built first
	cargo build --workspace --bins
	cargo test --workspace

bench: ## what a request costs, beside nginx and others; BENCH=--quick for a look, less than 3 minutes
	cargo run --release -p sidegate-bench -- run $(BENCH)

lint: ## the lints of the workspace, warnings are errors
	cargo clippy --workspace --all-targets -- -D warnings

fmt:
	cargo fmt --all

tidy: ## the rules of the house that the compiler does not know
	cargo run -q -p xtask -- tidy

ci: ## what the project's own CI runs
	./.ci/run
