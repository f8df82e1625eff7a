#!/usr/bin/env bash
# What scripts share that start a standalone gateway in the foreground: they source this file.
# Needs $DATA_DIR; gives $programs, $sidegate, $server, $gateway, $SIDEGATE_URL.

programs=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
sidegate=$programs/sidegate
export DATA_DIR
mkdir -p -m 700 "$DATA_DIR"
ready_file=$DATA_DIR/ready.json

# The file belongs to the gateway that holds DATA_DIR, which replaces it once it is ready and removes
# it at its end. It can be another gateway than the one just started, so the process id decides.
is_ready() { grep -qs "\"pid\":$server[,}]" "$ready_file"; }

address() { sed -n "s/.*\"$1\":\"[^\"]*:\([0-9]*\)\".*/localhost:\1/p" "$ready_file"; }

# Starts the gateway and waits until it listens.
start_gateway() {
  # A process group of its own: Ctrl-C then reaches this script alone, which passes it on once.
  set -m
  "$sidegate" serve --ready-file "$ready_file" </dev/null &
  server=$!
  set +m
  trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM
  trap 'kill -TERM "$server" 2>/dev/null || true' EXIT
  for _ in $(seq 300); do
    is_ready && break
    if ! kill -0 "$server" 2>/dev/null; then
      wait "$server" || exit $?
      exit 1
    fi
    sleep 0.1
  done
  is_ready || { echo "the gateway is not ready after 30 seconds" >&2; exit 1; }
  gateway=http://$(address gateway_addr)
  SIDEGATE_URL=http://$(address admin_addr)
  export SIDEGATE_URL
}

# register NAME ARGUMENT…: registers a plugin of this repository and waits until it serves. One that is there
# already gets the program, slug, settings and options that are named and keeps all others; where nothing
# differs the update changes nothing. What is granted is in $grants, since only the first time grants it.
register() {
  local name=$1 said
  local -a wanted=(--slug "$name" --command "file://$programs/sidegate-plugin-$name" "${@:2}")
  if "$sidegate" plugin show "$name" --quiet >/dev/null 2>&1; then
    # What it says matters only when it fails.
    said=$("$sidegate" plugin update "$name" "${wanted[@]}" --no-wait --quiet 2>&1) ||
      { echo "$said" >&2; return 1; }
    "$sidegate" plugin enable "$name" >/dev/null
  else
    "$sidegate" plugin add --name "$name" "${wanted[@]}" ${grants:+--grant "$grants"} >/dev/null
  fi
}

# Says how to administer it, and gives the console's link.
tell_operators() {
  local console
  # To a terminal only: whoever has the link first is an admin, and files keep what they get.
  if [ -t 1 ]; then
    console=$("$sidegate" console link --quiet 2>/dev/null || true)
    [ -z "$console" ] || cat <<END

The console, with a link that is good once and for 10 minutes (another one: sidegate console link):

  $console
END
  fi
  cat <<END

Administer it in another terminal, in this folder:

  export DATA_DIR=$DATA_DIR SIDEGATE_URL=$SIDEGATE_URL
  $sidegate plugin list

Ctrl-C stops it.

END
}

# A signal interrupts the waiting; the gateway then finishes what is under way.
wait_for_the_end() {
  local status=0
  while kill -0 "$server" 2>/dev/null; do
    status=0
    wait "$server" || status=$?
  done
  trap - EXIT
  exit "$status"
}
