-- Whoever has the cookie of a session has no key of it: browsers send cookies of a host to each of its ports, and the key
-- only where a page of the console says so. Sessions without one are over.
DELETE FROM console_sessions;
ALTER TABLE console_sessions ADD COLUMN key_hash BYTEA NOT NULL DEFAULT '' CHECK (length(key_hash) = 32);

-- When a session that begins with a link ends at the latest, where a session made the link.
ALTER TABLE console_links ADD COLUMN session_ends_at BIGINT;
