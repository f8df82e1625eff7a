//! The table of settings: the one place that says which there are, how each is written, what it
//! is when nobody says anything, and what it means. `docs/config.md` is printed from it.

use super::{Kind, Setting};

const fn row(
    variable: &'static str,
    kind: Kind,
    default: &'static str,
    doc: &'static str,
) -> Setting {
    Setting { variable, kind, default, doc }
}

/// Every setting, in the order of the manual.
pub(crate) const SETTINGS: &[Setting] = &[
    row(
        "SIDEGATE_ROLE",
        Kind::Word(&["standalone", "edge", "control"]),
        "standalone",
        "What this process is. `standalone` is everything in one process; `edge` serves clients by what a control \
         plane published, `control` is that control plane: see [control-plane.md](control-plane.md).",
    ),
    row(
        "PORT",
        Kind::Port,
        "8081",
        "Port on which clients reach the plugins. 0 lets the system choose a free one.",
    ),
    row(
        "HOST",
        Kind::Host,
        "0.0.0.0",
        "Address on which clients reach the plugins. `::` listens on IPv6 (on Linux on IPv4 too).",
    ),
    row(
        "ADMIN_PORT",
        Kind::Port,
        "8080",
        "Port of the admin API, which the command line talks to. 0 lets the system choose.",
    ),
    row(
        "ADMIN_HOST",
        Kind::Host,
        "127.0.0.1",
        "Address of the admin API. It can start programs: leave it on the machine itself, or let it \
         speak TLS with the two settings below.",
    ),
    row(
        "ADMIN_TLS_CERT_PATH",
        Kind::Path,
        "",
        "PEM file with the certificate chain of the admin API, which then speaks TLS on all of its \
         port. Needs the path below.",
    ),
    row("ADMIN_TLS_KEY_PATH", Kind::Path, "", "PEM file with the private key of that certificate."),
    row(
        "PUBLIC_PROBES",
        Kind::Switch,
        "true",
        "Answer `/ready` and `/metrics` on the port for clients too. The admin port answers them in \
         any case, without a token; `/health` is on both ports in any case.",
    ),
    row(
        "SIDEGATE_PUBLIC_ENDPOINTS",
        Kind::Word(&["allow", "approve"]),
        "allow",
        "What becomes of endpoints for which a plugin demands no token. `allow` serves them; \
         `approve` answers them with 401 and the code `not_approved` until an operator approves them: \
         see [operations.md](operations.md#public-endpoints).",
    ),
    row(
        "DATA_DIR",
        Kind::Path,
        "./data",
        "Folder for everything the gateway keeps: the database, unless `DATABASE_DSN` names another place, \
         and the file `admin.token`. It is created for the owner only, and one gateway at a time can use it.",
    ),
    row(
        "DATABASE_DSN",
        Kind::Text,
        "",
        "Where the database is: `sqlite:///absolute/path.db`, `sqlite://relative/path.db`, \
         `file:path.db` as in older environment files, or \
         `postgres://user:password@host:5432/database?sslmode=verify-full`: see \
         [operations.md](operations.md#postgresql). Empty means `sidegate.db` in `DATA_DIR`. As a flag \
         every process of the machine can read it: give a password in the environment or the file.",
    ),
    row(
        "SIDEGATE_SECRETS_KEY_FILE",
        Kind::Path,
        "",
        "File with the key that encrypts secrets in the database: 32 bytes in Base64, one key a line. The first \
         line encrypts, the others can still be read. Empty means `secrets.key` in `DATA_DIR`, which the gateway \
         writes at its first start, readable by the owner only. With a database on a server it must be set. Keep a copy where no copy of the database is: \
         without the key the secrets of plugins are lost. See [operations.md](operations.md#secrets).",
    ),
    row(
        "LOG_LEVEL",
        Kind::Levels,
        "info",
        "The least important messages that are still written to stderr. Single targets can have \
         levels of their own, separated by commas: `info,access=off` logs no requests, \
         `warn,plugin=debug` more of what plugins print. Targets are `access`, `plugin`, `panic`, \
         `sidegate` and the names of libraries, as the log shows them, or the beginning of one up \
         to a `::`. Changeable while it runs: see [operations.md](operations.md#logs).",
    ),
    row(
        "LOG_FORMAT",
        Kind::Word(&["text", "json"]),
        "text",
        "Form of the log: lines for people, or one JSON object a line for machines.",
    ),
    row(
        "ACCESS_LOG_FILE",
        Kind::Path,
        "",
        "File to which the lines of requests (target `access`) are added, opened again at SIGHUP \
         as `logrotate` needs it. Empty writes them to stderr with everything else; \
         `LOG_LEVEL=info,access=off` writes none.",
    ),
    row(
        "TLS_ENABLED",
        Kind::Switch,
        "false",
        "Serve clients over TLS, with HTTP/2 and HTTP/1.1 by negotiation. Needs both paths below.",
    ),
    row(
        "TLS_CERT_PATH",
        Kind::Path,
        "",
        "PEM file with the certificate chain, the gateway's own certificate first.",
    ),
    row("TLS_KEY_PATH", Kind::Path, "", "PEM file with the private key of the certificate."),
    row(
        "SIDEGATE_TLS_CLIENT_CA_PATH",
        Kind::Path,
        "",
        "PEM file with the authorities that vouch for certificates of clients, who are asked for one and need not have any \
         (see [jwt.md](jwt.md#client-certificates)). Empty asks nobody. Needs `TLS_ENABLED`.",
    ),
    row(
        "PLUGIN_ENDPOINT_MAX_BODY_SIZE",
        Kind::Number(1),
        "1048576",
        "Largest request body in bytes. A body of exactly this size passes, one byte more is \
         answered with 413 before the plugin hears of it. Plugins written in Go take messages of \
         about 4 MiB unless they were built to take more.",
    ),
    row(
        "PLUGIN_ENDPOINT_TIMEOUT",
        Kind::Duration,
        "60s",
        "How long a plugin may take for one complete answer. Then the client gets 504.",
    ),
    row(
        "PLUGIN_ENDPOINT_STREAM_TIMEOUT",
        Kind::Duration,
        "5m",
        "How long one streamed answer may last in total. A stream that has begun then ends: events \
         between two of them, everything else with an error; one that has sent nothing yet is \
         answered with 504. The option `stream_timeout` of a plugin goes before.",
    ),
    row(
        "PLUGIN_ENDPOINT_STREAM_IDLE_TIMEOUT",
        Kind::DurationOrZero,
        "0",
        "How long a stream may stay silent before it is broken off, or answered with 504 where it has sent nothing yet. 0 switches this off.",
    ),
    row(
        "PLUGIN_DIRS",
        Kind::Text,
        "",
        "Folders, separated by commas, that hold the programs which may be run as plugins; links \
         are followed before comparing. Empty permits every folder.",
    ),
    row(
        "PLUGIN_COMMAND_ALLOWLIST",
        Kind::Text,
        "",
        "Commands, separated by commas, that may be run as plugins, written as they are registered; \
         an entry that ends in `*` permits all that begin alike. Empty permits every command.",
    ),
    row(
        "TRUSTED_PROXIES",
        Kind::Networks,
        "",
        "Addresses and networks whose word about clients is believed, for example \
         `10.0.0.0/8,192.168.1.7`: the client's address, and whether it came over TLS. Empty \
         believes nobody: the client is who opened the connection.",
    ),
    row(
        "TRUSTED_PROXY_HEADER",
        Kind::Word(&["x-forwarded-for", "forwarded"]),
        "x-forwarded-for",
        "Where trusted proxies write for whom they ask: `x-forwarded-for` (with \
         `X-Forwarded-Proto` and `X-Forwarded-Host`; `X-Real-IP` counts where the list is missing) \
         or `forwarded` (RFC 7239). The other one is not believed, because a client can write it.",
    ),
    row(
        "SIDEGATE_PUBLIC_URL",
        Kind::Text,
        "",
        "Where clients reach the gateway, for example `https://gateway.example.com`; several are \
         separated by commas, the preferred one first. Documents and challenges for OAuth clients \
         name the one whose host the client asked for, and else the first. Empty: the host that \
         each client names, which whoever writes that can choose.",
    ),
    row(
        "EDGE_ID",
        Kind::Text,
        "standalone",
        "Name of this gateway, handed to plugins as `edge_id` with every request.",
    ),
    row(
        "EDGE_NAMESPACE",
        Kind::Text,
        "",
        "Namespace of this gateway, handed to plugins as `edge_namespace` with every request.",
    ),
    row(
        "SHUTDOWN_TIMEOUT",
        Kind::DurationOrZero,
        "30s",
        "How long requests in flight may take to finish once the gateway is asked to stop. What \
         still runs then is broken off. 0 waits for nobody.",
    ),
    row(
        "GATEWAY_SHARDS",
        Kind::Number(0),
        "0",
        "Threads that serve requests, each with connections of its own. 0 means one a core.",
    ),
    row(
        "READ_HEADER_TIMEOUT",
        Kind::Duration,
        "10s",
        "How long a client may take to send the head of a request.",
    ),
    row(
        "BODY_IDLE_TIMEOUT",
        Kind::Duration,
        "30s",
        "How long a client may pause while it sends a body. A whole body has five minutes.",
    ),
    row(
        "BODY_MIN_RATE",
        Kind::Number(0),
        "240",
        "How many bytes of a body a client must send in a second, on average, once five seconds \
         have passed. A slower one is answered with 408. 0 switches this off.",
    ),
    row(
        "IDLE_TIMEOUT",
        Kind::Duration,
        "120s",
        "How long a connection without a request is kept open.",
    ),
    row(
        "MAX_HEADER_BYTES",
        Kind::Number(8192),
        "65536",
        "Largest head of a request in bytes: request line and headers together.",
    ),
    row("MAX_HEADERS", Kind::Number(1), "100", "Most headers that one request may have."),
    row(
        "MAX_CONNECTIONS",
        Kind::Number(1),
        "10000",
        "Most connections of clients at one time. Further ones wait until one ends.",
    ),
    row(
        "SIDEGATE_ADMIN_TOKEN",
        Kind::Secret,
        "",
        "The bearer token of the admin called `root`, who may do everything. Empty means the file \
         `admin.token` in `DATA_DIR`, which the gateway writes at its first start, readable by the owner \
         only. Commands use it too, or that of an admin token that was made for whoever uses them: see \
         [operations.md](operations.md#roles-and-audit).",
    ),
    row(
        "SIDEGATE_TOKEN_EXPIRY",
        Kind::DurationOrZero,
        "0",
        "How long a new token of an app is valid when nothing is said of its end, for example `90d`. \
         0 means until it is revoked. Whoever makes a token can say otherwise, `never` included; tokens \
         that are there already stay as they are.",
    ),
    row(
        "SIDEGATE_SYNC_HOST",
        Kind::Text,
        "0.0.0.0",
        "Address on which a control plane listens for edges.",
    ),
    row(
        "SIDEGATE_SYNC_PORT",
        Kind::Port,
        "8443",
        "Port on which a control plane listens for edges, for those that join too. Edges check who it is by its own \
         authority, so what is in front of it passes TCP through.",
    ),
    row(
        "SIDEGATE_SYNC_URL",
        Kind::Text,
        "",
        "Where edges find the control plane, as `sidegate edge create` prints it: `https://host:8443`. Several, separated by \
         commas, are tried in turn. Without it the name of the machine is used.",
    ),
    row(
        "SIDEGATE_JOIN_TOKEN_EXPIRY",
        Kind::Duration,
        "1h",
        "How long a join token of an edge works when nothing else is said.",
    ),
    row(
        "SIDEGATE_TOKEN_USE_INTERVAL",
        Kind::Duration,
        "1m",
        "How often it is written to the database when tokens were last used. It is written at an \
         orderly stop too; a crash loses what was not.",
    ),
    row(
        "SIDEGATE_AUDIT_RETENTION",
        Kind::DurationOrZero,
        "90d",
        "How long entries of the audit log are kept. Older ones are removed a few at a time. 0 keeps \
         them for ever.",
    ),
    row(
        "SIDEGATE_CONSOLE_IDLE_TIMEOUT",
        Kind::Duration,
        "30m",
        "After how long a session of the console ends that nobody uses.",
    ),
    row(
        "SIDEGATE_CONSOLE_SESSION_LIFETIME",
        Kind::Duration,
        "12h",
        "After how long a session of the console ends in any case.",
    ),
    row(
        "SIDEGATE_CONSOLE_READ_ONLY",
        Kind::Switch,
        "false",
        "Let sessions of the console only read, whatever their role is. Admin tokens are as strong as ever.",
    ),
    row(
        "SIDEGATE_CONSOLE_ORIGIN",
        Kind::Text,
        "",
        "Where browsers find the console, such as `https://gateway.example.com`. Needed when a proxy in front of the admin port \
         speaks TLS (see [console.md](console.md#behind-a-proxy)), and to sign in by way of a provider, which sends people back there.",
    ),
    row(
        "SIDEGATE_CONSOLE_OIDC_FILE",
        Kind::Path,
        "",
        "TOML file with the OpenID Connect providers by way of which people sign in to the console, who of them may, and as \
         what: see [console.md](console.md#signing-in-by-way-of-a-provider). It needs `SIDEGATE_CONSOLE_ORIGIN`, \
         to which people are sent back. Read at the start.",
    ),
    row(
        "SIDEGATE_CONSOLE_PASSWORD_SIGN_IN",
        Kind::Switch,
        "true",
        "Take names and passwords at the console. `false` leaves providers, admin tokens and one-time links, and ends the sessions that \
         passwords began.",
    ),
    row(
        "SIDEGATE_PLUGIN_PAGE_IDLE_TIMEOUT",
        Kind::Duration,
        "60s",
        "After how long the process that runs for the [page of a plugin](plugin-pages.md) ends when nothing is asked of it.",
    ),
    row(
        "SIDEGATE_CONTROL_URL",
        Kind::Text,
        "",
        "Where an edge finds its control plane: `https://host:8443`, as `sidegate edge create` prints it. Several, \
         separated by commas, are tried in turn.",
    ),
    row(
        "SIDEGATE_CONTROL_PROXY",
        Kind::Secret,
        "",
        "HTTP proxy through which an edge reaches its control plane, by CONNECT: `http://user:password@host:port`.",
    ),
    row(
        "SIDEGATE_JOIN_TOKEN",
        Kind::OneTimeSecret,
        "",
        "The join token with which an edge gets its identity, once, as `sidegate edge create` prints it. An edge that \
         has one already ignores it.",
    ),
    row(
        "SIDEGATE_OFFLINE_AUTH",
        Kind::Word(&["extend", "deny"]),
        "extend",
        "What an edge does with tokens while it has no contact to its control plane. `extend` goes on with what it \
         knows of them, for as long as the setting below says; `deny` answers requests with tokens with 503 as soon \
         as contact is lost for 30 seconds. What needs no token is served in any case.",
    ),
    row(
        "SIDEGATE_MAX_STALENESS",
        Kind::Duration,
        "7d",
        "How old what an edge knows may be for tokens to be decided by it. After this long without contact they are \
         answered with 503. An app's own `max_staleness` goes before where it is shorter.",
    ),
    row(
        "SIDEGATE_BOOTSTRAP_SNAPSHOT",
        Kind::Path,
        "",
        "A bootstrap file, by which an edge that has no snapshot yet serves until it reaches its control plane. An \
         edge that never joined needs the two settings below with it.",
    ),
    row(
        "SIDEGATE_BOOTSTRAP_SIGNER",
        Kind::Text,
        "",
        "The public key by whose signature a bootstrap file is known, for an edge that never joined.",
    ),
    row(
        "SIDEGATE_BOOTSTRAP_KEY_FILE",
        Kind::Path,
        "",
        "File with the keys of the secrets in a bootstrap file, for an edge that never joined: lines \
         `namespace key`, as they are printed with the file. Nobody but its owner may read it.",
    ),
    row(
        "SIDEGATE_HISTORY_RETENTION",
        Kind::DurationOrZero,
        "90d",
        "How long revisions are kept, to be compared and gone back to. Older ones are removed a few at \
         a time, but for the newest hundred of each namespace. 0 keeps them for ever.",
    ),
    row(
        "SIDEGATE_URL",
        Kind::Text,
        "http://localhost:8080",
        "Where the command line finds the admin API. It is of no interest to `sidegate serve`. The \
         command line connects directly, whatever proxy the environment names.",
    ),
    row(
        "SIDEGATE_CA",
        Kind::Path,
        "",
        "PEM file with certificates that the command line trusts beside those of the system, when \
         `SIDEGATE_URL` begins with `https://`: as authorities, and each by itself where the server \
         shows exactly that one (for the names in it, as long as it is valid). It is of no interest \
         to `sidegate serve`.",
    ),
];
