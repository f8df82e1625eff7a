-- Whose JWT access tokens are taken beside the gateway's own. All that a person chose is in content; name, namespace and
-- managed_by are in columns too, by which they are found.
CREATE TABLE issuers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL DEFAULT '',
    name       TEXT    NOT NULL,
    content    TEXT    NOT NULL CHECK (json_type(content) = 'object'),
    managed_by TEXT    NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (namespace, name)
);
