-- Named keys to the admin API. AUTOINCREMENT: the audit log tells them by number when they are gone.
CREATE TABLE admin_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    expires_at   INTEGER,
    last_used_at INTEGER,
    created_at   INTEGER NOT NULL
);

-- Who changed what, written in the transaction of the change, and which attempts were refused. What is empty or
-- NULL is not known or does not apply. Digests are SHA-256, in hexadecimal, of things without their secrets.
CREATE TABLE audit (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    actor_kind    TEXT    NOT NULL,
    actor_id      INTEGER,
    actor_name    TEXT    NOT NULL,
    peer          TEXT,
    operation     TEXT    NOT NULL,
    outcome       TEXT    NOT NULL CHECK (outcome IN ('done', 'refused')),
    thing_kind    TEXT    NOT NULL,
    thing_id      INTEGER,
    thing_name    TEXT    NOT NULL,
    digest_before TEXT,
    digest_after  TEXT,
    fields        TEXT    NOT NULL CHECK (json_type(fields) = 'array'),
    revision      INTEGER,
    times         INTEGER NOT NULL,
    detail        TEXT
);
CREATE INDEX audit_by_time ON audit (at);
