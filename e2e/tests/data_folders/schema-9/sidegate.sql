PRAGMA application_id = 1397178708;
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'0.1.0: apps, tokens and plugins','2026-11-29 20:54:20',1,X'194592BE2F8ADA64F49032547B76465110744F8187DD589DECCED6F4919BFE865D2D18E6852FA26F7CE5CC27F83C4FEB',2204163);
INSERT INTO "_sqlx_migrations" VALUES(2,'0.1.0: service scopes','2026-11-29 20:54:20',1,X'F323340F4D4874B61FBF4D9F7FEC1E980C27D31285F58899FB710EBAE745B1A8BC2ADB9B81AED6FDA1036454EFA11766',1889634);
INSERT INTO "_sqlx_migrations" VALUES(3,'0.1.0: what plugins keep','2026-11-29 20:54:20',1,X'098D7E742885F863186F24A2C13CBD1CC9530E8D2F594BCF42C70903B0CEE2D79E0CD785CD1CD18EB556120A3F67F701',5150327);
INSERT INTO "_sqlx_migrations" VALUES(4,'0.2.0: who may call plugins, and tokens over time','2026-11-29 20:54:20',1,X'178A81C2F823167EF1D8078C50A360B25BAD57DB877733E0073183509C90974B26466AE3BA4C5FC378247DD27566BA9D',1749841);
INSERT INTO "_sqlx_migrations" VALUES(5,'0.3.0: sealed secrets','2026-11-29 20:54:20',1,X'E0E235480205819F842178D1E11A4E78A4A9946E8710C44D2EF7B69E9641A7066E70F816C1F20CB0F2E41A788A0F0A22',7269091);
INSERT INTO "_sqlx_migrations" VALUES(6,'0.3.0: admin tokens and the audit log','2026-11-29 20:54:20',1,X'E846EC6069A9D65FF2BC56AABF3E6DBE06DA5E852AA3E7B9D77DFD7ACD0992FB96A5A6F352F80DD6453014EF06AEFF94',11086428);
INSERT INTO "_sqlx_migrations" VALUES(7,'0.4.0: namespaces and history','2026-11-29 20:54:20',1,X'5E869CFDEE6A32E221EDC6905197A100957730F1C2AB31607003809C46A8DCB8E932E02939738C0C04957B5CB21FF907',15923209);
INSERT INTO "_sqlx_migrations" VALUES(8,'0.4.0: fleets','2026-11-29 20:54:20',1,X'8FEB56E875E344C6E104F2D15F54BC1ECB8BF03B79145F66D486FB5016E0988D25BBF232EDC6F39435E55B52E56A35C2',4709671);
INSERT INTO "_sqlx_migrations" VALUES(9,'0.4.0: what files named that were applied','2026-11-29 20:54:20',1,X'559D24622ED5F4D1ABD582F7764401F95798CA8A0C7EF0706CF0D4E9947347075FD23C1A9B5453BC426CF3DDA064E2F7',509135);
CREATE TABLE admin_tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    expires_at   INTEGER,
    last_used_at INTEGER,
    created_at   INTEGER NOT NULL
);
CREATE TABLE applied_files (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT    NOT NULL UNIQUE,
    content    TEXT    NOT NULL CHECK (json_type(content) = 'array'),
    updated_at INTEGER NOT NULL
);
CREATE TABLE apps (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace      TEXT    NOT NULL DEFAULT '',
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    owner_email    TEXT    NOT NULL,
    is_active      BOOLEAN NOT NULL,
    monthly_budget REAL    NOT NULL,
    rate_limit     INTEGER NOT NULL,
    metadata       TEXT    NOT NULL CHECK (json_type(metadata) = 'object'),
    max_staleness  INTEGER,
    managed_by     TEXT    NOT NULL DEFAULT '',
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    UNIQUE (namespace, name)
);
INSERT INTO "apps" VALUES(1,'','billing','who pays','ops@example.com',1,12.5,600,'{"mcp_access":"allowed","tiers":["a",{"b":null}]}',NULL,'',1795985662165,1795985662165);
INSERT INTO "apps" VALUES(2,'','idle','','idle@example.com',0,0.0,0,'{}',NULL,'',1795985662213,1795985662356);
CREATE TABLE audit (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    at            INTEGER NOT NULL,
    actor_kind    TEXT    NOT NULL,
    actor_id      INTEGER,
    actor_name    TEXT    NOT NULL,
    peer          TEXT,
    operation     TEXT    NOT NULL,
    outcome       TEXT    NOT NULL CHECK (outcome IN ('done', 'refused')),
    thing_kind    TEXT    NOT NULL,
    thing_id      INTEGER,
    thing_name    TEXT    NOT NULL,
    digest_before TEXT,
    digest_after  TEXT,
    fields        TEXT    NOT NULL CHECK (json_type(fields) = 'array'),
    revision      INTEGER,
    times         INTEGER NOT NULL,
    detail        TEXT
);
INSERT INTO "audit" VALUES(1,1795985661511,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',1,'lab',NULL,'56487432029b83d002876eb1de3485396f8da06576681e43281580e25e71dc7f','[]',1,1,NULL);
INSERT INTO "audit" VALUES(2,1795985661721,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',2,'open',NULL,'b2538e0542b281876e7254f7e6647a8fc82cefbc108e8ac2956ed086d36f5c29','[]',2,1,NULL);
INSERT INTO "audit" VALUES(3,1795985661955,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',3,'off',NULL,'fe8326b0e3b251cc2ad2c83632edf3402515c580797a265417128a9056242bc8','[]',3,1,NULL);
INSERT INTO "audit" VALUES(4,1795985662071,'root',NULL,'root','127.0.0.1','change_plugin','done','plugin',3,'off','fe8326b0e3b251cc2ad2c83632edf3402515c580797a265417128a9056242bc8','08f17670faabac98ea80cf81cea0a99bb472ead2f0604af086c80339984d2bd0','["is_active"]',4,1,NULL);
INSERT INTO "audit" VALUES(5,1795985662165,'root',NULL,'root','127.0.0.1','create_app','done','app',1,'billing',NULL,'ea6d8ea2469c01a2baef766e692a84090b6fdcf0998351269bc890721b0991eb','[]',5,1,NULL);
INSERT INTO "audit" VALUES(6,1795985662213,'root',NULL,'root','127.0.0.1','create_app','done','app',2,'idle',NULL,'a4d686b10ab542c7e5685541ca958644ed82ec6d06fc5f1c9b3833aeb95146ee','[]',6,1,NULL);
INSERT INTO "audit" VALUES(7,1795985662249,'root',NULL,'root','127.0.0.1','create_token','done','token',1,'ci',NULL,'06d33bdf94925358bf5d15d040490257cd8e3ff4f80e181fd01c2c4bc1537030','[]',7,1,NULL);
INSERT INTO "audit" VALUES(8,1795985662288,'root',NULL,'root','127.0.0.1','create_token','done','token',2,'old',NULL,'23f44144a87e86872615249e449493bfc9161355608f20bb7f9f0cea374e74e4','[]',8,1,NULL);
INSERT INTO "audit" VALUES(9,1795985662322,'root',NULL,'root','127.0.0.1','create_token','done','token',3,'',NULL,'9aac809d68519f9fdb8794931109577e026868a86c01e56d0c3ef76910bd4469','[]',9,1,NULL);
INSERT INTO "audit" VALUES(10,1795985662356,'root',NULL,'root','127.0.0.1','change_app','done','app',2,'idle','a4d686b10ab542c7e5685541ca958644ed82ec6d06fc5f1c9b3833aeb95146ee','df7d0cb8961003cd3f161bf16d0358cc5cb24a69f1485002e2823b2bc42772a6','["is_active"]',10,1,NULL);
CREATE TABLE data_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
INSERT INTO "data_keys" VALUES(1,'',X'01CCCA0C38F1A108D15218BFD1A5E6C71E3F2CB7702CFC830EBBBFAE1C0A19E858A465D7E747FD2EC64F102A853618E7C9980353E07AF37728DAC7E162BBB6D40A2A91E2B4',1795985660532,NULL);
CREATE TABLE edge_reports (
    edge    TEXT    NOT NULL PRIMARY KEY,
    replica TEXT    NOT NULL,
    is_here BOOLEAN NOT NULL,
    number  INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    report  BLOB    NOT NULL
);
CREATE TABLE edges (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    name                  TEXT    NOT NULL UNIQUE,
    namespace             TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    join_token_id         TEXT    UNIQUE,
    join_token_hash       BLOB    CHECK (length(join_token_hash) = 32),
    join_token_expires_at INTEGER,
    joined_key            BLOB    CHECK (length(joined_key) = 32),
    joined_at             INTEGER,
    certificates_after    INTEGER NOT NULL,
    revoked_at            INTEGER,
    last_seen_at          INTEGER,
    last_version          TEXT    NOT NULL
);
CREATE TABLE fleet_state (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    lineage  INTEGER NOT NULL,
    changes  INTEGER NOT NULL,
    reports  INTEGER NOT NULL
);
INSERT INTO "fleet_state" VALUES(1,1,0,0);
CREATE TABLE namespaces (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    created_at  INTEGER NOT NULL
);
CREATE TABLE plugin_kv (
    id         INTEGER PRIMARY KEY,
    plugin_id  INTEGER NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    expires_at INTEGER,
    updated_at INTEGER NOT NULL,
    value      BLOB    NOT NULL,
    UNIQUE (plugin_id, key)
);
INSERT INTO "plugin_kv" VALUES(1,1,'plain',21,NULL,1795985662390,X'6B657074206279206120706C7567696E');
INSERT INTO "plugin_kv" VALUES(2,1,'bytes',8,NULL,1795985662416,X'FFFE01');
INSERT INTO "plugin_kv" VALUES(3,1,'for-long',32,4102444800000,1795985662442,X'6578706972657320696E2074686520796561722032313030');
CREATE TABLE plugins (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace        TEXT    NOT NULL DEFAULT '',
    name             TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    command          TEXT    NOT NULL,
    slug             TEXT,
    config           TEXT    NOT NULL CHECK (json_type(config) = 'object'),
    options          TEXT    NOT NULL CHECK (json_type(options) = 'object'),
    hook_type        TEXT    NOT NULL,
    hook_types       TEXT    NOT NULL CHECK (json_type(hook_types) = 'array'),
    is_active        BOOLEAN NOT NULL,
    reloads          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    service_scopes   TEXT    NOT NULL DEFAULT '[]' CHECK (json_type(service_scopes) = 'array'),
    public_endpoints TEXT    CHECK (json_type(public_endpoints) = 'array'),
    secret_settings  TEXT    NOT NULL DEFAULT '[]' CHECK (json_type(secret_settings) = 'array'),
    managed_by       TEXT    NOT NULL DEFAULT '',
    UNIQUE (namespace, name),
    UNIQUE (namespace, slug)
);
INSERT INTO "plugins" VALUES(1,'','lab','Kept: ä, "quotes" and a line','file://@PROGRAMS@/sidegate-plugin-lab','lab','{"api_key":"$sealed:AXdErekq7w1u0Ay7OuWSNfHS9bzQUVQlohZGI2FKCNXWlHwy2hbjZVNZs1tLyB3KcZk","limits":{"n":[1,2.5,null]},"require_auth":"true","slug":"lab"}','{"pass_token":"true","stream_timeout":"1h"}','custom_endpoint','["custom_endpoint"]',1,0,1795985661511,1795985661511,'["kv.readwrite"]','[]','[]','');
INSERT INTO "plugins" VALUES(2,'','open','','file://@PROGRAMS@/sidegate-plugin-lab','open-2','{"slug":"open-2"}','{}','custom_endpoint','["custom_endpoint"]',1,0,1795985661721,1795985661721,'[]','[]','[]','');
INSERT INTO "plugins" VALUES(3,'','off','','file:///nonexistent/program','off','{"slug":"off"}','{}','custom_endpoint','["custom_endpoint"]',0,0,1795985661955,1795985662071,'[]','[]','[]','');
CREATE TABLE published_blobs (
    digest     BLOB    NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    bytes      BLOB    NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE published_manifests (
    namespace  TEXT    NOT NULL,
    lineage    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    manifest   BLOB    NOT NULL,
    signature  BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (namespace, lineage, revision)
);
CREATE TABLE replicas (
    name    TEXT    NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
);
CREATE TABLE revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    value    INTEGER NOT NULL
);
INSERT INTO "revision" VALUES(1,10);
CREATE TABLE revisions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    revision   INTEGER NOT NULL,
    namespace  TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    actor_kind TEXT    NOT NULL,
    actor_id   INTEGER,
    actor_name TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    UNIQUE (revision, namespace)
);
INSERT INTO "revisions" VALUES(1,0,'',1795985660532,'system',NULL,'system','begin_history');
INSERT INTO "revisions" VALUES(2,1,'',1795985661511,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(3,2,'',1795985661721,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(4,3,'',1795985661955,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(5,4,'',1795985662071,'root',NULL,'root','change_plugin');
INSERT INTO "revisions" VALUES(6,5,'',1795985662165,'root',NULL,'root','create_app');
INSERT INTO "revisions" VALUES(7,6,'',1795985662213,'root',NULL,'root','create_app');
INSERT INTO "revisions" VALUES(8,7,'',1795985662249,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(9,8,'',1795985662288,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(10,9,'',1795985662322,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(11,10,'',1795985662356,'root',NULL,'root','change_app');
CREATE TABLE sealed_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose    TEXT    NOT NULL CHECK (purpose IN ('signer', 'authority')),
    public     BLOB    NOT NULL,
    sealed     BLOB    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('next', 'current', 'previous')),
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id       INTEGER NOT NULL REFERENCES apps (id),
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    expires_at   INTEGER,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    replaced_by  INTEGER,
    updated_at   INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "tokens" VALUES(1,1,'ci',X'59C57174975160F25E70E06A2ED3D17AA7A3A2A48FDB4F450704BD23A8035E06','sgt_gkVv','["read","write"]',NULL,1795985662249,1795985662385,NULL,1795985662249);
INSERT INTO "tokens" VALUES(2,1,'old',X'4ADEC9C4CB65026C91472BF9C1D7624927DCA6D77B96083DCCC1834A0277313A','sgt_2kEF','[]',1795985663287,1795985662288,NULL,NULL,1795985662288);
INSERT INTO "tokens" VALUES(3,2,'',X'5265750236735AB15976E7FE5F6552183769DD32D40CA6C7F5451C4E67D588A4','sgt_6afE','[]',NULL,1795985662322,NULL,NULL,1795985662322);
CREATE TABLE versions (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind      TEXT    NOT NULL,
    thing_id  INTEGER NOT NULL,
    revision  INTEGER NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    hint      TEXT,
    change    TEXT    NOT NULL CHECK (change IN ('created', 'changed', 'deleted', 'found')),
    content   TEXT    CHECK (json_type(content) = 'object'),
    UNIQUE (kind, thing_id, revision)
);
INSERT INTO "versions" VALUES(1,'plugin',1,1,'','lab',NULL,'created','{"id":1,"namespace":"","name":"lab","description":"Kept: ä, \"quotes\" and a line","command":"file://@PROGRAMS@/sidegate-plugin-lab","slug":"lab","config":"{\"api_key\":\"$sealed:AXdErekq7w1u0Ay7OuWSNfHS9bzQUVQlohZGI2FKCNXWlHwy2hbjZVNZs1tLyB3KcZk\",\"limits\":{\"n\":[1,2.5,null]},\"require_auth\":\"true\",\"slug\":\"lab\"}","options":"{\"pass_token\":\"true\",\"stream_timeout\":\"1h\"}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[\"kv.readwrite\"]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1795985661511,"updated_at":1795985661511}');
INSERT INTO "versions" VALUES(2,'plugin',2,2,'','open',NULL,'created','{"id":2,"namespace":"","name":"open","description":"","command":"file://@PROGRAMS@/sidegate-plugin-lab","slug":"open-2","config":"{\"slug\":\"open-2\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1795985661721,"updated_at":1795985661721}');
INSERT INTO "versions" VALUES(3,'plugin',3,3,'','off',NULL,'created','{"id":3,"namespace":"","name":"off","description":"","command":"file:///nonexistent/program","slug":"off","config":"{\"slug\":\"off\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1795985661955,"updated_at":1795985661955}');
INSERT INTO "versions" VALUES(4,'plugin',3,4,'','off',NULL,'changed','{"id":3,"namespace":"","name":"off","description":"","command":"file:///nonexistent/program","slug":"off","config":"{\"slug\":\"off\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":false,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1795985661955,"updated_at":1795985662071}');
INSERT INTO "versions" VALUES(5,'app',1,5,'','billing',NULL,'created','{"id":1,"namespace":"","name":"billing","description":"who pays","owner_email":"ops@example.com","is_active":true,"monthly_budget":"12.5","rate_limit":600,"metadata":"{\"mcp_access\":\"allowed\",\"tiers\":[\"a\",{\"b\":null}]}","max_staleness":null,"managed_by":"","created_at":1795985662165,"updated_at":1795985662165}');
INSERT INTO "versions" VALUES(6,'app',2,6,'','idle',NULL,'created','{"id":2,"namespace":"","name":"idle","description":"","owner_email":"idle@example.com","is_active":true,"monthly_budget":"0","rate_limit":0,"metadata":"{}","max_staleness":null,"managed_by":"","created_at":1795985662213,"updated_at":1795985662213}');
INSERT INTO "versions" VALUES(7,'token',1,7,'','ci','sgt_gkVv','created',NULL);
INSERT INTO "versions" VALUES(8,'token',2,8,'','old','sgt_2kEF','created',NULL);
INSERT INTO "versions" VALUES(9,'token',3,9,'','','sgt_6afE','created',NULL);
INSERT INTO "versions" VALUES(10,'app',2,10,'','idle',NULL,'changed','{"id":2,"namespace":"","name":"idle","description":"","owner_email":"idle@example.com","is_active":false,"monthly_budget":"0","rate_limit":0,"metadata":"{}","max_staleness":null,"managed_by":"","created_at":1795985662213,"updated_at":1795985662356}');
CREATE UNIQUE INDEX data_keys_in_use ON data_keys (namespace) WHERE retired_at IS NULL;
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX tokens_by_app ON tokens (app_id, id);
CREATE INDEX plugin_kv_sizes ON plugin_kv (plugin_id, expires_at, bytes);
CREATE INDEX plugin_kv_expiry ON plugin_kv (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX apps_by_name ON apps (name);
CREATE INDEX plugins_by_name ON plugins (name);
CREATE INDEX revisions_by_namespace ON revisions (namespace, revision);
CREATE INDEX versions_by_revision ON versions (revision);
CREATE UNIQUE INDEX sealed_keys_in_use ON sealed_keys (purpose) WHERE state = 'current';
CREATE INDEX edge_reports_by_number ON edge_reports (number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('data_keys',1);
INSERT INTO "sqlite_sequence" VALUES('revisions',11);
INSERT INTO "sqlite_sequence" VALUES('plugins',3);
INSERT INTO "sqlite_sequence" VALUES('versions',10);
INSERT INTO "sqlite_sequence" VALUES('audit',10);
INSERT INTO "sqlite_sequence" VALUES('apps',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',3);
COMMIT;
