-- The public endpoints an operator approved, as a sorted list of "GET /path". NULL is not decided yet: what a
-- plugin that was here before this step serves without a token is recorded when it first runs.
ALTER TABLE plugins ADD COLUMN public_endpoints TEXT
    CHECK (json_typeof(public_endpoints::json) = 'array');

-- When a token was last used, the one that was made in its place, and when it last changed.
ALTER TABLE tokens ADD COLUMN last_used_at BIGINT;
ALTER TABLE tokens ADD COLUMN replaced_by BIGINT;
ALTER TABLE tokens ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
