#!/usr/bin/env bash
# Starts a standalone gateway with the example plugins and prints calls to try. Runs until Ctrl-C.
# What it registers is kept in DATA_DIR (./data), so a second run only starts what is there.
set -euo pipefail
cd "$(dirname "$0")/.."

programs=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
sidegate=$programs/sidegate
export DATA_DIR=${DATA_DIR:-$PWD/data}
mkdir -p -m 700 "$DATA_DIR"
ready_file=$DATA_DIR/ready.json
token_file=$DATA_DIR/demo.token
secret=demo-secret
body='{"id":"evt-1"}'

# A process group of its own: Ctrl-C then reaches this script alone, which passes it on once.
set -m
"$sidegate" serve --ready-file "$ready_file" </dev/null &
server=$!
set +m
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM
trap 'kill -TERM "$server" 2>/dev/null || true' EXIT

# The file belongs to the gateway that holds DATA_DIR, which replaces it once it is ready and removes
# it at its end. It can be another gateway than the one just started, so the process id decides.
is_ready() { grep -qs "\"pid\":$server[,}]" "$ready_file"; }
for _ in $(seq 300); do
  is_ready && break
  if ! kill -0 "$server" 2>/dev/null; then
    wait "$server" || exit $?
    exit 1
  fi
  sleep 0.1
done
is_ready || { echo "the gateway is not ready after 30 seconds" >&2; exit 1; }

address() { sed -n "s/.*\"$1\":\"[^\"]*:\([0-9]*\)\".*/localhost:\1/p" "$ready_file"; }
gateway=http://$(address gateway_addr)
SIDEGATE_URL=http://$(address admin_addr)
export SIDEGATE_URL

# register NAME ARGUMENT…: registers an example plugin and waits until it serves. One that is there
# already gets the program, slug, settings and options that the calls below need and keeps all
# others; where nothing differs the update changes nothing.
register() {
  local name=$1 said
  local -a wanted=(--slug "$name" --command "file://$programs/sidegate-plugin-$name" "${@:2}")
  if "$sidegate" plugin show "$name" --quiet >/dev/null 2>&1; then
    # What it says matters only when it fails.
    said=$("$sidegate" plugin update "$name" "${wanted[@]}" --no-wait --quiet 2>&1) ||
      { echo "$said" >&2; return 1; }
    "$sidegate" plugin enable "$name" >/dev/null
  else
    "$sidegate" plugin add --name "$name" "${wanted[@]}" >/dev/null
  fi
}
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
cat <<EOF

Administer it in another terminal, in this folder:

  export DATA_DIR=$DATA_DIR SIDEGATE_URL=$SIDEGATE_URL
  $sidegate plugin list

Ctrl-C stops it.

EOF

# A signal interrupts the waiting; the gateway then finishes what is under way.
status=0
while kill -0 "$server" 2>/dev/null; do
  status=0
  wait "$server" || status=$?
done
trap - EXIT
exit "$status"
