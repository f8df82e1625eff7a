-- Which edges get what: everything belongs to a namespace for life, the global one is ''. Names and slugs are unique
-- within one; that they are so in all that one edge can see, '' and one other, is checked where they are written.
CREATE TABLE namespaces (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
);

-- SQLite drops no UNIQUE of a table, so the tables are made anew. What refers to them goes first: dropping a table
-- deletes its rows, and what plugins keep would go with them.
CREATE TABLE kept_numbers AS SELECT name, seq FROM sqlite_sequence WHERE name IN ('apps', 'tokens', 'plugins');
CREATE TABLE kept_plugin_kv AS SELECT * FROM plugin_kv;
CREATE TABLE kept_plugins AS SELECT * FROM plugins;
CREATE TABLE kept_tokens AS SELECT * FROM tokens;
CREATE TABLE kept_apps AS SELECT * FROM apps;
DROP TABLE plugin_kv;
DROP TABLE plugins;
DROP TABLE tokens;
DROP TABLE apps;

-- max_staleness is in milliseconds; managed_by is empty where nobody in particular looks after the thing.
CREATE TABLE apps (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace      TEXT    NOT NULL DEFAULT '',
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    owner_email    TEXT    NOT NULL,
    is_active      BOOLEAN NOT NULL,
    monthly_budget REAL    NOT NULL,
    rate_limit     INTEGER NOT NULL,
    metadata       TEXT    NOT NULL CHECK (json_type(metadata) = 'object'),
    max_staleness  INTEGER,
    managed_by     TEXT    NOT NULL DEFAULT '',
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (namespace, name)
);
INSERT INTO apps (id, name, description, owner_email, is_active, monthly_budget, rate_limit, metadata, created_at,
        updated_at)
    SELECT id, name, description, owner_email, is_active, monthly_budget, rate_limit, metadata, created_at, updated_at
    FROM kept_apps;

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id       INTEGER NOT NULL REFERENCES apps (id),
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    expires_at   INTEGER,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    replaced_by  INTEGER,
    updated_at   INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tokens_by_app ON tokens (app_id, id);
INSERT INTO tokens (id, app_id, name, hash, hint, scopes, expires_at, created_at, last_used_at, replaced_by, updated_at)
    SELECT id, app_id, name, hash, hint, scopes, expires_at, created_at, last_used_at, replaced_by, updated_at
    FROM kept_tokens;

CREATE TABLE plugins (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace        TEXT    NOT NULL DEFAULT '',
    name             TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    command          TEXT    NOT NULL,
    slug             TEXT,
    config           TEXT    NOT NULL CHECK (json_type(config) = 'object'),
    options          TEXT    NOT NULL CHECK (json_type(options) = 'object'),
    hook_type        TEXT    NOT NULL,
    hook_types       TEXT    NOT NULL CHECK (json_type(hook_types) = 'array'),
    is_active        BOOLEAN NOT NULL,
    reloads          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    service_scopes   TEXT    NOT NULL DEFAULT '[]' CHECK (json_type(service_scopes) = 'array'),
    public_endpoints TEXT    CHECK (json_type(public_endpoints) = 'array'),
    secret_settings  TEXT    NOT NULL DEFAULT '[]' CHECK (json_type(secret_settings) = 'array'),
    managed_by       TEXT    NOT NULL DEFAULT '',
    UNIQUE (namespace, name),
    UNIQUE (namespace, slug)
);
INSERT INTO plugins (id, name, description, command, slug, config, options, hook_type, hook_types, is_active, reloads,
        created_at, updated_at, service_scopes, public_endpoints, secret_settings)
    SELECT id, name, description, command, slug, config, options, hook_type, hook_types, is_active, reloads,
        created_at, updated_at, service_scopes, public_endpoints, secret_settings
    FROM kept_plugins;

CREATE TABLE plugin_kv (
    id         INTEGER PRIMARY KEY,
    plugin_id  INTEGER NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    expires_at INTEGER,
    updated_at INTEGER NOT NULL,
    value      BLOB    NOT NULL,
    UNIQUE (plugin_id, key)
);
INSERT INTO plugin_kv (id, plugin_id, key, bytes, expires_at, updated_at, value)
    SELECT id, plugin_id, key, bytes, expires_at, updated_at, value FROM kept_plugin_kv;
CREATE INDEX plugin_kv_sizes ON plugin_kv (plugin_id, expires_at, bytes);
CREATE INDEX plugin_kv_expiry ON plugin_kv (expires_at) WHERE expires_at IS NOT NULL;

-- No number is ever given again.
DELETE FROM sqlite_sequence WHERE name IN ('apps', 'tokens', 'plugins');
INSERT INTO sqlite_sequence (name, seq) SELECT name, seq FROM kept_numbers;
DROP TABLE kept_numbers;
DROP TABLE kept_plugin_kv;
DROP TABLE kept_plugins;
DROP TABLE kept_tokens;
DROP TABLE kept_apps;

CREATE INDEX apps_by_name ON apps (name);
CREATE INDEX plugins_by_name ON plugins (name);

-- Which revisions there were and who made them, one row for each namespace that a revision changed.
CREATE TABLE revisions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    revision   INTEGER NOT NULL,
    namespace  TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor_id   INTEGER,
    actor_name TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    UNIQUE (revision, namespace)
);
CREATE INDEX revisions_by_namespace ON revisions (namespace, revision);

-- What a revision changed. The content of an app or a plugin is its row as JSON, secrets sealed as they are there;
-- NULL where it is gone since, and of everything else. Of a token there is its hint.
CREATE TABLE versions (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT    NOT NULL,
    thing_id  INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    hint      TEXT,
    change    TEXT    NOT NULL CHECK (change IN ('created', 'changed', 'deleted', 'found')),
    content   TEXT    CHECK (json_type(content) = 'object'),
    UNIQUE (kind, thing_id, revision)
);
CREATE INDEX versions_by_revision ON versions (revision);
