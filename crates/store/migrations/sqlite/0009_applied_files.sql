-- Which fields of which things the files of an owner named when they were applied, and nothing of what they said.
CREATE TABLE applied_files (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT    NOT NULL UNIQUE,
    content    TEXT    NOT NULL CHECK (json_type(content) = 'array'),
    updated_at INTEGER NOT NULL
);
