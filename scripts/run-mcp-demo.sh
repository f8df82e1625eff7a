#!/usr/bin/env bash
# Starts a standalone gateway with an MCP server, at which people sign in by way of the OpenID Connect provider, and prints
# how a real client connects. Runs until Ctrl-C. All of it is kept in a folder of its own, so that no other start has it.
set -euo pipefail
cd "$(dirname "$0")/.."

DATA_DIR=${DATA_DIR:-$PWD/data}-mcp
. scripts/standalone.sh
secrets_file=$DATA_DIR/demo.secrets
# Tokens are for an address, so it is told and not guessed.
public=${SIDEGATE_PUBLIC_URL:-http://localhost:${PORT:-8081}}
export SIDEGATE_PUBLIC_URL=$public

random() { head -c "$1" /dev/urandom | od -An -vtx1 | tr -d ' \n'; }

# User and password, made at the first start and kept for the owner only. Another hash would end what clients were given.
if ! [ -s "$secrets_file" ]; then
  password=$(random 8)
  hash=$(printf %s "$password" | "$programs/sidegate-plugin-oidc" hash-password)
  (umask 077 && echo "user-$(random 2) $password $hash" >"$secrets_file")
fi
read -r user password hash <"$secrets_file"

# What is served: who may sign in, what tokens are for, and which tool needs more than others.
oidc='{
  "issuer": "'$public'",
  "users": [{"name": "'$user'", "password_hash": "'$hash'"}],
  "registration": true,
  "access_token_lifetime": 3600,
  "scopes": [{"name": "notes.read", "description": "Read notes"}, {"name": "notes.write", "description": "Write notes"}],
  "resources": ["'$public'/plugins/mcp/*"]
}'
mcp='{
  "servers": [{
    "name": "notes",
    "command": "'$programs'/sidegate-example-mcp-server",
    "idle": 120,
    "scopes": [{"tool": "add_*", "scope": "notes.write"}]
  }]
}'

start_gateway
grants=kv.readwrite
register oidc --config <(echo "$oidc")
audience=$public/plugins/{slug}/*
"$sidegate" issuer update demo --audience "$audience" >/dev/null 2>&1 ||
  "$sidegate" issuer add plugin:oidc --name demo --audience "$audience" \
    --create-apps 100 --create-apps-owner demo@example.com >/dev/null
register mcp --config <(echo "$mcp") --option env.MCP_COMMANDS="$programs/sidegate-example-mcp-server" \
  --option issuers=demo --option oauth.authorization_servers=plugin:oidc --option scopes_required=notes.read \
  --option query_token=false --option allowed_origins=same

cat <<END

An MCP server is at $public/plugins/mcp/mcp. Connect a client that signs in, such as:

  claude mcp add --transport http notes $public/plugins/mcp/mcp     # then /mcp in Claude Code
  npx @modelcontextprotocol/inspector                               # transport Streamable HTTP, connection by proxy

A browser opens. Sign in and allow to read notes:

  user      $user
  password  $password

  list_notes answers at once.
  add_note needs the scope notes.write, which you did not allow yet: the client gets 403 with
    WWW-Authenticate: Bearer error="insufficient_scope", scope="notes.read notes.write", …
  and asks you for it by the browser, or says that the scope is missing.
END
tell_operators
wait_for_the_end
