#!/usr/bin/env bash
# Runs a Python program with Authlib, of the version that its requirements name. It is fetched once, into the target folder.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=plugins/oidc/judges/authlib-requirements.txt
tools=${CARGO_TARGET_DIR:-$PWD/target}/authlib
if ! cmp -s "$requirements" "$tools/requirements.txt"; then
  rm -rf "$tools"
  echo "authlib.sh: getting $(grep ^Authlib "$requirements")" >&2
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --retries 5 --disable-pip-version-check --no-deps --only-binary :all: \
    --target "$tools/packages" --requirement "$requirements" >&2
  cp "$requirements" "$tools/requirements.txt"
fi
PYTHONPATH=$tools/packages exec python3 "$@"
