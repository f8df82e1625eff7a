#!/usr/bin/env bash
# Runs schemathesis, of the version that the requirements beside it name: it asks an API everything that its OpenAPI
# document allows, and much that it does not. It is fetched once, into the target folder, where the stories find it.
# Below `site-packages`, for what is elsewhere its generator takes for a program to be tested, and asks with texts of it.
set -euo pipefail
cd "$(dirname "$0")/.."

requirements=scripts/schemathesis-requirements.txt
tools=${CARGO_TARGET_DIR:-$PWD/target}/schemathesis
program=$tools/run
if ! cmp -s "$requirements" "$tools/requirements.txt" || [ ! -d "$tools/site-packages" ]; then
  rm -rf "$tools"
  echo "schemathesis.sh: getting $(grep ^schemathesis "$requirements")" >&2
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --target "$tools/site-packages" --requirement "$requirements" >&2
  cat >"$program" <<EOF
#!/usr/bin/env bash
PYTHONPATH='$tools/site-packages' exec python3 -c 'from schemathesis.cli import schemathesis; schemathesis(prog_name="schemathesis")' "\$@"
EOF
  chmod +x "$program"
  cp "$requirements" "$tools/requirements.txt"
fi
exec "$program" "$@"
