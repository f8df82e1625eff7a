-- What an edge knows of plugins: their numbers, and since when one is not among those it serves.
CREATE TABLE plugins (
    id      INTEGER PRIMARY KEY,
    gone_at INTEGER
);
-- What plugins keep, as in the database of an installation.
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
-- Answers how much a plugin holds without a look at its entries.
CREATE INDEX plugin_kv_sizes ON plugin_kv (plugin_id, expires_at, bytes);
CREATE INDEX plugin_kv_expiry ON plugin_kv (expires_at) WHERE expires_at IS NOT NULL;
