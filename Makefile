# The verbs of this project. `make run` and `make test` need Rust and a C compiler, nothing else; with Node 20 or newer
# `make run` has the console, too.
SHELL := /bin/bash
.PHONY: run run-plugins run-mcp console build test ui ui-test oidc-test mcp-test bench lint fmt tidy deny audit ci

run: run-$(or $(DEMO),plugins) ## a gateway on ports 8081 (clients) and 8080 (admin, with the console), with the example plugins; DEMO=mcp: with an MCP server and sign-in

run-plugins: console
	cargo build -p sidegate -p sidegate-plugin-echo -p sidegate-plugin-webhook -p sidegate-plugin-ticker
	./scripts/run-standalone.sh

run-mcp: console
	cargo build -p sidegate -p sidegate-plugin-oidc -p sidegate-plugin-mcp -p sidegate-example-mcp-server
	./scripts/run-mcp-demo.sh

console: ## what browsers load, where Node is there to build it
	./scripts/build-console.sh

ui: ## the same, and a failure where it cannot be built; the gateway that is built next carries it
	./scripts/build-console.sh required

# With the tests: they turn on features of dependencies, which would have to be compiled once more.
build: ## the gateway, its plugins, and all tests
	cargo build --workspace --all-targets

test: build ## everything, with real gateways and plugins; one failure does not hide others
	cargo test --workspace --no-fail-fast

ui-test: ## the console in a real browser, with the gateway that was built last; pictures go to ui/test-results
	npm test --prefix ui

oidc-test: ## the OpenID Connect provider before its judges, with the gateway and the plugin that were built last
	./plugins/oidc/judges/install.sh
	npm test --prefix plugins/oidc/judges

mcp-test: ## the MCP plugin before its judges, with the gateway and the plugins that were built last
	./plugins/mcp/judges/install.sh
	npm test --prefix plugins/mcp/judges

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
