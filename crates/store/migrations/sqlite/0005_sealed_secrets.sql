-- The keys that seal what is secret, each sealed itself by a key that is not in the database. One of each namespace
-- is in use; what others sealed can still be read.
CREATE TABLE data_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
CREATE UNIQUE INDEX data_keys_in_use ON data_keys (namespace) WHERE retired_at IS NULL;

-- Settings that were once called secrets, as JSON pointers.
ALTER TABLE plugins ADD COLUMN secret_settings TEXT NOT NULL DEFAULT '[]'
    CHECK (json_type(secret_settings) = 'array');
