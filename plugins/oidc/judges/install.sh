#!/bin/sh
# Gets the judges where they are missing, or where the list of them is newer than what was got.
set -eu
cd "$(dirname "$0")"
got=node_modules/.package-lock.json
if [ ! -f "$got" ] || [ package-lock.json -nt "$got" ]; then
	npm ci --no-audit --no-fund --fetch-retries=5
	# `npm ci` leaves the time of the file as it likes.
	touch "$got"
fi
