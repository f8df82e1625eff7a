-- What one process of a control plane asks of an edge that is connected to another one: whoever has the edge answers,
-- and whoever asked reads that. Kept for seconds; both are sealed by a key that is not in the database. One process
-- alone, as with a database of this kind, has nobody to ask.
CREATE TABLE edge_questions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    edge       TEXT    NOT NULL,
    question   BLOB    NOT NULL CHECK (length(question) <= 300000),
    answer     BLOB    CHECK (length(answer) <= 1100000),
    expires_at INTEGER NOT NULL
);

-- Counts questions and answers, so that whoever follows them looks only where there is something new.
ALTER TABLE fleet_state ADD COLUMN questions INTEGER NOT NULL DEFAULT 0;
