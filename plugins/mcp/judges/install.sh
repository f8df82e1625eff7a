#!/bin/sh
# Gets the judges where they are missing, or where the list of them is newer than what was got.
# The list holds vite, which comes with the inspector, at 8.3.8: 8.4.0 names an optional package that no registry has, and
# `npm ci` fails at that.
set -eu
cd "$(dirname "$0")"
got=node_modules/.package-lock.json
if [ ! -f "$got" ] || [ package-lock.json -nt "$got" ]; then
	npm ci --no-audit --no-fund --fetch-retries=5
	# `npm ci` leaves the time of the file as it likes.
	touch "$got"
fi
for line in 1 2; do
	./clients/python.sh "$line" -c 'import mcp'
done
