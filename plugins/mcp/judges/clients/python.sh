#!/usr/bin/env bash
# Runs a Python program with the line of PyPI's mcp that the first argument names (1 or 2), of the version and hashes that its
# requirements name. It is fetched once, into the target folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

line=$1
shift
requirements=$here/mcp-$line-requirements.txt
tools=${CARGO_TARGET_DIR:-$here/../../../../target}/mcp-judge-$line
if ! cmp -s "$requirements" "$tools/requirements.txt"; then
  rm -rf "$tools"
  echo "python.sh: getting $(grep -o '^mcp==[0-9.]*' "$requirements")" >&2
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --retries 5 --disable-pip-version-check --no-deps --only-binary :all: \
    --target "$tools/packages" --requirement "$requirements" >&2
  cp "$requirements" "$tools/requirements.txt"
fi
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tools/packages exec python3 "$@"
