ALTER TABLE plugins ADD COLUMN service_scopes TEXT NOT NULL DEFAULT '[]'
    CHECK (json_type(service_scopes) = 'array');
