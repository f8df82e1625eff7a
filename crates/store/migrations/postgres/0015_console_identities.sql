-- Users of the console may be people of an OpenID Connect provider: who it is there is by what they are found again.
ALTER TABLE users ADD COLUMN identity_issuer TEXT;
ALTER TABLE users ADD COLUMN identity_subject TEXT;
CREATE UNIQUE INDEX users_by_identity ON users (identity_issuer, identity_subject);

-- Their sessions begin in a way of their own.
ALTER TABLE console_sessions DROP CONSTRAINT console_sessions_via_check;
ALTER TABLE console_sessions ADD CONSTRAINT console_sessions_via_check
    CHECK (via IN ('password', 'admin_token', 'link', 'oidc'));
