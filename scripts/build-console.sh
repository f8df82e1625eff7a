#!/usr/bin/env bash
# Builds the console, the pages that the gateway has within itself, where Node is there to do it and where its sources are
# newer than what was built. Says in one line why it does not; the gateway works without. With `required` that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
required=${1:-}

without() {
  [ "$required" ] && { echo "the console cannot be built: $1" >&2; exit 1; }
  echo "built without the console: $1"
  exit 0
}

[ -f ui/package.json ] || without "its sources (ui/) are not here"
command -v node >/dev/null && command -v npm >/dev/null ||
  without "install Node 20 or newer with npm to have it"
version=$(node --version)
major=${version#v}
[ "${major%%.*}" -ge 20 ] || without "it needs Node 20 or newer, and this is $version"

# What it is built of; node_modules and what was built are not.
newer() {
  find ui docs/openapi.json \( -path ui/node_modules -o -path ui/dist \) -prune -o -type f -newer ui/dist/index.html -print -quit
}
if [ -f ui/dist/index.html ] && [ -z "$(newer)" ]; then
  exit 0
fi
cd ui
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund
fi
npm run build
