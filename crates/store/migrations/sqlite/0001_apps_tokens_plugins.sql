CREATE TABLE revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    value    INTEGER NOT NULL
);
INSERT INTO revision (only_row, value) VALUES (1, 0);

-- AUTOINCREMENT: a number that was seen by a plugin or a person is never given to something else.
CREATE TABLE apps (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL UNIQUE,
    description    TEXT    NOT NULL,
    owner_email    TEXT    NOT NULL,
    is_active      BOOLEAN NOT NULL,
    monthly_budget REAL    NOT NULL,
    rate_limit     INTEGER NOT NULL,
    metadata       TEXT    NOT NULL CHECK (json_type(metadata) = 'object'),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
);

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id     INTEGER NOT NULL REFERENCES apps (id),
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    expires_at INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX tokens_by_app ON tokens (app_id, id);

-- slug repeats config.slug, so that the database itself keeps it unique.
CREATE TABLE plugins (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    command     TEXT    NOT NULL,
    slug        TEXT    UNIQUE,
    config      TEXT    NOT NULL CHECK (json_type(config) = 'object'),
    options     TEXT    NOT NULL CHECK (json_type(options) = 'object'),
    hook_type   TEXT    NOT NULL,
    hook_types  TEXT    NOT NULL CHECK (json_type(hook_types) = 'array'),
    is_active   BOOLEAN NOT NULL,
    reloads     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
);
