-- Users of the console may be people of an OpenID Connect provider: who it is there is by what they are found again.
ALTER TABLE users ADD COLUMN identity_issuer TEXT;
ALTER TABLE users ADD COLUMN identity_subject TEXT;
CREATE UNIQUE INDEX users_by_identity ON users (identity_issuer, identity_subject);

-- Their sessions begin in a way of their own. What a column may hold cannot be changed, so the table is made anew; numbers
-- go on where they were.
CREATE TABLE console_sessions_new (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hash           BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    via            TEXT    NOT NULL CHECK (via IN ('password', 'admin_token', 'link', 'oidc')),
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    admin_token_id INTEGER REFERENCES admin_tokens (id) ON DELETE CASCADE,
    root_hash      BLOB    CHECK (length(root_hash) = 32),
    peer           TEXT,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    key_hash       BLOB    NOT NULL DEFAULT x'' CHECK (length(key_hash) = 32)
);
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'console_sessions_new', seq FROM sqlite_sequence WHERE name = 'console_sessions';
INSERT INTO console_sessions_new
    (id, hash, via, user_id, admin_token_id, root_hash, peer, created_at, last_used_at, expires_at, key_hash)
    SELECT id, hash, via, user_id, admin_token_id, root_hash, peer, created_at, last_used_at, expires_at, key_hash
    FROM console_sessions;
DROP TABLE console_sessions;
ALTER TABLE console_sessions_new RENAME TO console_sessions;
CREATE INDEX console_sessions_by_user ON console_sessions (user_id);
CREATE INDEX console_sessions_by_admin_token ON console_sessions (admin_token_id);
