#!/usr/bin/env bash
# Starts a standalone gateway with the example plugins and prints calls to try. Runs until Ctrl-C.
# What it registers is kept in DATA_DIR (./data), so a second run only starts what is there.
set -euo pipefail
cd "$(dirname "$0")/.."

DATA_DIR=${DATA_DIR:-$PWD/data}
. scripts/standalone.sh
token_file=$DATA_DIR/demo.token
secret=demo-secret
body='{"id":"evt-1"}'

start_gateway
register echo --option optional_auth=true
register webhook --set webhook_secret="$secret"
register ticker

"$sidegate" app show demo >/dev/null 2>&1 ||
  "$sidegate" app create --name demo --owner-email demo@example.com >/dev/null
# A token is shown only once, so it is kept beside the database, for the owner only.
hint=$(head -c 8 "$token_file" 2>/dev/null || true)
if [ -z "$hint" ] || ! "$sidegate" token list --app demo --output json | grep -qF "\"hint\": \"$hint"; then
  (umask 077 && "$sidegate" token create --app demo --name demo --scopes demo --quiet >"$token_file")
fi
token=$(cat "$token_file")

# The signature the webhook example asks for; whatever can compute it on this machine.
sign() {
  if command -v openssl >/dev/null; then
    printf '%s' "$body" | openssl dgst -sha256 -hmac "$secret" | sed 's/.*= *//'
  elif command -v python3 >/dev/null; then
    python3 -c 'import hashlib, hmac, sys
print(hmac.new(sys.argv[1].encode(), sys.argv[2].encode(), hashlib.sha256).hexdigest())' "$secret" "$body"
  fi
}
signature=$(sign || true)

cat <<EOF

Try it:

  curl $gateway/plugins/echo/hello
  curl -H 'Authorization: Bearer $token' $gateway/plugins/echo/hello
  curl -N '$gateway/plugins/ticker/events?n=3'
EOF
if [ -n "$signature" ]; then
  cat <<EOF
  curl -d '$body' -H 'X-Webhook-Signature: $signature' $gateway/plugins/webhook/payment
EOF
else
  cat <<EOF
  curl -d '$body' -H 'X-Webhook-Signature: <hex>' $gateway/plugins/webhook/payment
    where <hex> is the HMAC-SHA256 of the body with the key $secret
    (neither openssl nor python3 is here to compute it)
EOF
fi
tell_operators
wait_for_the_end
