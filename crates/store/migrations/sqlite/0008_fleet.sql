-- Gateways that get what this control plane publishes. AUTOINCREMENT: the audit log tells them by number when they
-- are gone. A join token is kept as its hash; the key that redeemed it as a SHA-256 of the public part. Certificates
-- from before certificates_after no longer count.
CREATE TABLE edges (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    name                  TEXT    NOT NULL UNIQUE,
    namespace             TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    join_token_id         TEXT    UNIQUE,
    join_token_hash       BLOB    CHECK (length(join_token_hash) = 32),
    join_token_expires_at INTEGER,
    joined_key            BLOB    CHECK (length(joined_key) = 32),
    joined_at             INTEGER,
    certificates_after    INTEGER NOT NULL,
    revoked_at            INTEGER,
    last_seen_at          INTEGER,
    last_version          TEXT    NOT NULL
);

-- The keys by which edges know their control plane, each sealed by a key that no edge ever gets.
CREATE TABLE sealed_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose    TEXT    NOT NULL CHECK (purpose IN ('signer', 'authority')),
    public     BLOB    NOT NULL,
    sealed     BLOB    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('next', 'current', 'previous')),
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
CREATE UNIQUE INDEX sealed_keys_in_use ON sealed_keys (purpose) WHERE state = 'current';

-- The lineage is raised when a database was restored: edges follow a higher one whatever the revision. Changes of
-- edges, keys and lineage are counted, and reports, so that whoever follows them reads only what is new.
CREATE TABLE fleet_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    lineage  INTEGER NOT NULL,
    changes  INTEGER NOT NULL,
    reports  INTEGER NOT NULL
);
INSERT INTO fleet_state (only_row, lineage, changes, reports) VALUES (1, 1, 0, 0);

-- What was published, byte by byte, so that all processes of a control plane publish the same.
CREATE TABLE published_manifests (
    namespace  TEXT    NOT NULL,
    lineage    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    manifest   BLOB    NOT NULL,
    signature  BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, lineage, revision)
);
-- created_at: when it was last stored, also where it was there already.
CREATE TABLE published_blobs (
    digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    bytes      BLOB    NOT NULL,
    created_at INTEGER NOT NULL
);

-- The processes of this control plane, and when each was last known to be there.
CREATE TABLE replicas (
    name    TEXT    NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
);

-- What each edge said last, whichever process it is connected to; no edge that was deleted is in here.
CREATE TABLE edge_reports (
    edge    TEXT    NOT NULL PRIMARY KEY,
    replica TEXT    NOT NULL,
    is_here BOOLEAN NOT NULL,
    number  INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    report  BLOB    NOT NULL
);
CREATE INDEX edge_reports_by_number ON edge_reports (number);
