#!/usr/bin/env bash
# Writes a data folder, as the built gateway fills it, as text below e2e/tests/data_folders/: what the story
# `data_folders` opens with every later gateway. Run it once for each step of the schema, after `make build`.
# Needs python3 and curl.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
work=$(mktemp -d)
# The database remembers where programs are; wherever the story runs they are elsewhere.
ln -s "$programs" "$work/programs"
export DATA_DIR=$work/data HOST=127.0.0.1 PORT=0 ADMIN_PORT=0
"$programs/sidegate" serve --ready-file "$work/ready.json" </dev/null 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server || true; rm -rf "$work"' EXIT

said() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/ready.json" "$1"; }
for _ in $(seq 100); do [ -e "$work/ready.json" ] && break; sleep 0.1; done
gateway=http://$(said gateway_addr)
SIDEGATE_URL=http://$(said admin_addr)
export SIDEGATE_URL

sidegate() { "$programs/sidegate" "$@" >/dev/null; }
token() { "$programs/sidegate" token create --quiet "$@"; }

sidegate plugin add --name lab --slug lab --command "file://$work/programs/sidegate-plugin-lab" \
  --description 'Kept: ä, "quotes" and a line' --set api_key=kept-secret --set-json 'limits={"n":[1,2.5,null]}' \
  --set require_auth=true --option pass_token=true --option stream_timeout=1h --grant kv.readwrite
sidegate plugin add --name open --command "file://$work/programs/sidegate-plugin-lab" --set slug=open-2
sidegate plugin add --name off --slug off --command file:///nonexistent/program --no-wait
sidegate plugin disable off
sidegate app create --name billing --owner-email ops@example.com --description 'who pays' \
  --metadata mcp_access=allowed --metadata-json 'tiers=["a",{"b":null}]' --rate-limit 600 --monthly-budget 12.5
sidegate app create --name idle --owner-email idle@example.com
{
  echo "billing=$(token --app billing --name ci --scopes read,write)"
  echo "expired=$(token --app billing --name old --expires 1s)"
  echo "idle=$(token --app idle)"
} >"$work/tokens"
sidegate app update idle --active false
sidegate user create jane --role operator
sidegate issuer add https://id.example.com --name corp --audience https://gw.example.com --client web=billing
# shellcheck disable=SC1091
. "$work/tokens"
# shellcheck disable=SC2154
keep() { curl -sf -X PUT -H "Authorization: Bearer $billing" --data-binary "$2" "$gateway/plugins/lab/kv/$1" >/dev/null; }
keep plain 'kept by a plugin'
keep bytes $'\xff\xfe\x01'
keep 'for-long?ttl_ms=30000' 'expires in the year 2100'
keep 'gone?ttl_ms=1' 'expires at once'

kill $server
wait $server
python3 - "$work" e2e/tests/data_folders <<'PYTHON'
import pathlib, sqlite3, sys

work, below = map(pathlib.Path, sys.argv[1:])
database = sqlite3.connect(work / "data" / "sidegate.db")
# No plugin may ask for so long, but time goes on here as well.
database.execute("UPDATE plugin_kv SET expires_at = 4102444800000 WHERE key = 'for-long'")
number, = database.execute("SELECT max(version) FROM _sqlx_migrations").fetchone()
application, = database.execute("PRAGMA application_id").fetchone()
text = "\n".join(database.iterdump()).replace(str(work / "programs"), "@PROGRAMS@")
folder = below / f"schema-{number}"
folder.mkdir(parents=True)
(folder / "sidegate.sql").write_text(f"PRAGMA application_id = {application};\n{text}\n")
for name in ["admin.token", "secrets.key"]:
    (folder / name).write_text((work / "data" / name).read_text())
(folder / "tokens").write_text((work / "tokens").read_text())
print(folder)
PYTHON
