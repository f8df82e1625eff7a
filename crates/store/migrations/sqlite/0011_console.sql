-- People who sign in to the console. AUTOINCREMENT: the audit log tells them by number when they are gone. What is kept of
-- a password says how it was made of it.
CREATE TABLE users (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT    NOT NULL UNIQUE,
    role                TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    is_enabled          BOOLEAN NOT NULL,
    password            TEXT,
    password_changed_at INTEGER,
    last_signed_in_at   INTEGER,
    created_at          INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL
);

-- Browsers that are signed in. Each is of a user, of an admin token, or of the root token with this fingerprint, and goes
-- with it.
CREATE TABLE console_sessions (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hash           BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    via            TEXT    NOT NULL CHECK (via IN ('password', 'admin_token', 'link')),
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    admin_token_id INTEGER REFERENCES admin_tokens (id) ON DELETE CASCADE,
    root_hash      BLOB    CHECK (length(root_hash) = 32),
    peer           TEXT,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
);
CREATE INDEX console_sessions_by_user ON console_sessions (user_id);
CREATE INDEX console_sessions_by_admin_token ON console_sessions (admin_token_id);

-- Links that let one browser in, as whoever made them.
CREATE TABLE console_links (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hash           BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    admin_token_id INTEGER REFERENCES admin_tokens (id) ON DELETE CASCADE,
    root_hash      BLOB    CHECK (length(root_hash) = 32),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
);
CREATE INDEX console_links_by_user ON console_links (user_id);
CREATE INDEX console_links_by_admin_token ON console_links (admin_token_id);
