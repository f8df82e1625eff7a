ALTER TABLE plugins ADD COLUMN service_scopes TEXT NOT NULL DEFAULT '[]'
    CHECK (json_typeof(service_scopes::json) = 'array');
