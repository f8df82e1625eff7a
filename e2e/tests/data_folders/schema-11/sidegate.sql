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
INSERT INTO "_sqlx_migrations" VALUES(1,'0.1.0: apps, tokens and plugins','2026-11-30 02:45:22',1,X'194592BE2F8ADA64F49032547B76465110744F8187DD589DECCED6F4919BFE865D2D18E6852FA26F7CE5CC27F83C4FEB',1514516);
INSERT INTO "_sqlx_migrations" VALUES(2,'0.1.0: service scopes','2026-11-30 02:45:22',1,X'F323340F4D4874B61FBF4D9F7FEC1E980C27D31285F58899FB710EBAE745B1A8BC2ADB9B81AED6FDA1036454EFA11766',1069285);
INSERT INTO "_sqlx_migrations" VALUES(3,'0.1.0: what plugins keep','2026-11-30 02:45:22',1,X'098D7E742885F863186F24A2C13CBD1CC9530E8D2F594BCF42C70903B0CEE2D79E0CD785CD1CD18EB556120A3F67F701',718587);
INSERT INTO "_sqlx_migrations" VALUES(4,'0.2.0: who may call plugins, and tokens over time','2026-11-30 02:45:22',1,X'178A81C2F823167EF1D8078C50A360B25BAD57DB877733E0073183509C90974B26466AE3BA4C5FC378247DD27566BA9D',2020237);
INSERT INTO "_sqlx_migrations" VALUES(5,'0.3.0: sealed secrets','2026-11-30 02:45:22',1,X'E0E235480205819F842178D1E11A4E78A4A9946E8710C44D2EF7B69E9641A7066E70F816C1F20CB0F2E41A788A0F0A22',1268565);
INSERT INTO "_sqlx_migrations" VALUES(6,'0.3.0: admin tokens and the audit log','2026-11-30 02:45:22',1,X'E846EC6069A9D65FF2BC56AABF3E6DBE06DA5E852AA3E7B9D77DFD7ACD0992FB96A5A6F352F80DD6453014EF06AEFF94',827199);
INSERT INTO "_sqlx_migrations" VALUES(7,'0.4.0: namespaces and history','2026-11-30 02:45:22',1,X'5E869CFDEE6A32E221EDC6905197A100957730F1C2AB31607003809C46A8DCB8E932E02939738C0C04957B5CB21FF907',4696331);
INSERT INTO "_sqlx_migrations" VALUES(8,'0.4.0: fleets','2026-11-30 02:45:22',1,X'8FEB56E875E344C6E104F2D15F54BC1ECB8BF03B79145F66D486FB5016E0988D25BBF232EDC6F39435E55B52E56A35C2',1711093);
INSERT INTO "_sqlx_migrations" VALUES(9,'0.4.0: what files named that were applied','2026-11-30 02:45:22',1,X'559D24622ED5F4D1ABD582F7764401F95798CA8A0C7EF0706CF0D4E9947347075FD23C1A9B5453BC426CF3DDA064E2F7',507856);
INSERT INTO "_sqlx_migrations" VALUES(10,'0.5.0: questions to edges that are connected elsewhere','2026-11-30 02:45:22',1,X'C71B092EF39F0FC4E8F3E6F97DDD07D8AFEC5406FD234FAED3DD923A55C0ADB46A594C5C32340FDCFC327B2A620DA326',1340307);
INSERT INTO "_sqlx_migrations" VALUES(11,'0.5.0: users and sessions of the console','2026-11-30 02:45:22',1,X'1D32CA61DEA7BD40E6FC69594B9E53945FFB1784A2511BB92F9395656289B3EB59EDC6EDF19D91F4E534774226B41A92',1394168);
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
INSERT INTO "apps" VALUES(1,'','billing','who pays','ops@example.com',1,12.5,600,'{"mcp_access":"allowed","tiers":["a",{"b":null}]}',NULL,'',1796006722916,1796006722916);
INSERT INTO "apps" VALUES(2,'','idle','','idle@example.com',0,0.0,0,'{}',NULL,'',1796006722934,1796006723090);
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
INSERT INTO "audit" VALUES(1,1796006722538,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',1,'lab',NULL,'23430adb0a69e4124e7a6338d3a729ce342c0e259d9f14927893260cb1a18e30','[]',1,1,NULL);
INSERT INTO "audit" VALUES(2,1796006722696,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',2,'open',NULL,'c5a2233a4cb818647bb490bc4d7d647e117d8d5ac63ae4c61b72aa3a96ffe1ac','[]',2,1,NULL);
INSERT INTO "audit" VALUES(3,1796006722844,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',3,'off',NULL,'382ac0849d332ae6b9bf9fc5ca41b4d7e4d178b666ae7ef2b5a66dd59c184c72','[]',3,1,NULL);
INSERT INTO "audit" VALUES(4,1796006722884,'root',NULL,'root','127.0.0.1','change_plugin','done','plugin',3,'off','382ac0849d332ae6b9bf9fc5ca41b4d7e4d178b666ae7ef2b5a66dd59c184c72','d9c55e6db2c99a4225df62f5039caef9e4b95454fb12717c9bb346268a7da43d','["is_active"]',4,1,NULL);
INSERT INTO "audit" VALUES(5,1796006722916,'root',NULL,'root','127.0.0.1','create_app','done','app',1,'billing',NULL,'2cdfcf0399be9f6d0c9aed102c328b98628b9a7b75fb861966d9d14d3c58e688','[]',5,1,NULL);
INSERT INTO "audit" VALUES(6,1796006722934,'root',NULL,'root','127.0.0.1','create_app','done','app',2,'idle',NULL,'924b094da4d020e75b31160eaf47c8591ac394d55941f9cf19424fa6f0c4ceb2','[]',6,1,NULL);
INSERT INTO "audit" VALUES(7,1796006722961,'root',NULL,'root','127.0.0.1','create_token','done','token',1,'ci',NULL,'0adaf555c5db34347d0d83b1e6712082cf74ec3387e3843075f483bca24e397e','[]',7,1,NULL);
INSERT INTO "audit" VALUES(8,1796006722983,'root',NULL,'root','127.0.0.1','create_token','done','token',2,'old',NULL,'d48c29d22da3490317f2e7bc5cf35ac26113114f8c3d76969f2bf1d7a9efb176','[]',8,1,NULL);
INSERT INTO "audit" VALUES(9,1796006723014,'root',NULL,'root','127.0.0.1','create_token','done','token',3,'',NULL,'55bc5dbcc8cf7d5b0723f52d55d6eb71d850cd5a26cdc8a5c8ef7245b5d51852','[]',9,1,NULL);
INSERT INTO "audit" VALUES(10,1796006723090,'root',NULL,'root','127.0.0.1','change_app','done','app',2,'idle','924b094da4d020e75b31160eaf47c8591ac394d55941f9cf19424fa6f0c4ceb2','50e64ce2b7748aad8cc30cd3fa36091638630827467e1c0a825b9817684742de','["is_active"]',10,1,NULL);
INSERT INTO "audit" VALUES(11,1796006723160,'root',NULL,'root','127.0.0.1','create_user','done','user',1,'jane',NULL,'4cd320e262f21ff8902399138c1cc7404c06d69ea117284b3b0446aee2fdb32d','[]',NULL,1,'with the role operator');
CREATE TABLE console_links (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hash           BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    admin_token_id INTEGER REFERENCES admin_tokens (id) ON DELETE CASCADE,
    root_hash      BLOB    CHECK (length(root_hash) = 32),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
);
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
CREATE TABLE data_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
INSERT INTO "data_keys" VALUES(1,'',X'018470C59ABFD27D97857AEF6240BD61DE2348B38F0AE9474E453833CA6B9811A3550C878C3DB32993318B3DE4CDA0F217A87A6EB1093EA81358403AEE9771EFAF40E1D4BE',1796006722067,NULL);
INSERT INTO "data_keys" VALUES(2,'_digests',X'018470C59ABFD27D97CC317C846F45EB70B3739F7FFC51D8B29D8B083D41ED0C0591BA42F027AA586A8699A9ADAB3FBD4A60459C08A876FDDA0180F4D4F3B5F72E1CE079BF',1796006722067,NULL);
CREATE TABLE edge_questions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    edge       TEXT    NOT NULL,
    question   BLOB    NOT NULL CHECK (length(question) <= 300000),
    answer     BLOB    CHECK (length(answer) <= 1100000),
    expires_at INTEGER NOT NULL
);
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
, questions INTEGER NOT NULL DEFAULT 0);
INSERT INTO "fleet_state" VALUES(1,1,0,0,0);
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
INSERT INTO "plugin_kv" VALUES(1,1,'plain',21,NULL,1796006723183,X'6B657074206279206120706C7567696E');
INSERT INTO "plugin_kv" VALUES(2,1,'bytes',8,NULL,1796006723198,X'FFFE01');
INSERT INTO "plugin_kv" VALUES(3,1,'for-long',32,4102444800000,1796006723212,X'6578706972657320696E2074686520796561722032313030');
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
INSERT INTO "plugins" VALUES(1,'','lab','Kept: ä, "quotes" and a line','file://@PROGRAMS@/sidegate-plugin-lab','lab','{"api_key":"$sealed:AcDYv9AKcphlYZmbcghlPPvusVr5K-e_f_6UCjQ2gk63dE0Pqg24V6xJ-mrbbTKrPUs","limits":{"n":[1,2.5,null]},"require_auth":"true","slug":"lab"}','{"pass_token":"true","stream_timeout":"1h"}','custom_endpoint','["custom_endpoint"]',1,0,1796006722538,1796006722538,'["kv.readwrite"]','[]','[]','');
INSERT INTO "plugins" VALUES(2,'','open','','file://@PROGRAMS@/sidegate-plugin-lab','open-2','{"slug":"open-2"}','{}','custom_endpoint','["custom_endpoint"]',1,0,1796006722696,1796006722696,'[]','[]','[]','');
INSERT INTO "plugins" VALUES(3,'','off','','file:///nonexistent/program','off','{"slug":"off"}','{}','custom_endpoint','["custom_endpoint"]',0,0,1796006722844,1796006722884,'[]','[]','[]','');
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
INSERT INTO "revisions" VALUES(1,0,'',1796006722067,'system',NULL,'system','begin_history');
INSERT INTO "revisions" VALUES(2,1,'',1796006722538,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(3,2,'',1796006722696,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(4,3,'',1796006722844,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(5,4,'',1796006722884,'root',NULL,'root','change_plugin');
INSERT INTO "revisions" VALUES(6,5,'',1796006722916,'root',NULL,'root','create_app');
INSERT INTO "revisions" VALUES(7,6,'',1796006722934,'root',NULL,'root','create_app');
INSERT INTO "revisions" VALUES(8,7,'',1796006722961,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(9,8,'',1796006722983,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(10,9,'',1796006723014,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(11,10,'',1796006723090,'root',NULL,'root','change_app');
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
INSERT INTO "tokens" VALUES(1,1,'ci',X'D9E2C0F1507B094FD5736522D93060A2B43CC699CDF2DDC329D6D0BE1379D68A','sgt_WDEx','["read","write"]',NULL,1796006722961,1796006723179,NULL,1796006722961);
INSERT INTO "tokens" VALUES(2,1,'old',X'8E53A9A4F0CCC129A0B4BFDF7499C5E8CDDE98FA2566E1823BA01466DA552E66','sgt_Ekoy','[]',1796006723983,1796006722983,NULL,NULL,1796006722983);
INSERT INTO "tokens" VALUES(3,2,'',X'AD45744AE99D0F7AAC4E6D709B20679591D12D95FEAE05853D65C9843C7BECDC','sgt_U2pK','[]',NULL,1796006723014,NULL,NULL,1796006723014);
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
INSERT INTO "users" VALUES(1,'jane','operator',1,'$argon2id$v=19$m=19456,t=2,p=1$yHgp5Uy6T13K7XhjOd2MjA$FfOx3DnH8j063OEg/alfqDILnetZxmM46bjdQi6EZGE',1796006723160,NULL,1796006723160,1796006723160);
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
INSERT INTO "versions" VALUES(1,'plugin',1,1,'','lab',NULL,'created','{"id":1,"namespace":"","name":"lab","description":"Kept: ä, \"quotes\" and a line","command":"file://@PROGRAMS@/sidegate-plugin-lab","slug":"lab","config":"{\"api_key\":\"$sealed:AcDYv9AKcphlYZmbcghlPPvusVr5K-e_f_6UCjQ2gk63dE0Pqg24V6xJ-mrbbTKrPUs\",\"limits\":{\"n\":[1,2.5,null]},\"require_auth\":\"true\",\"slug\":\"lab\"}","options":"{\"pass_token\":\"true\",\"stream_timeout\":\"1h\"}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[\"kv.readwrite\"]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796006722538,"updated_at":1796006722538}');
INSERT INTO "versions" VALUES(2,'plugin',2,2,'','open',NULL,'created','{"id":2,"namespace":"","name":"open","description":"","command":"file://@PROGRAMS@/sidegate-plugin-lab","slug":"open-2","config":"{\"slug\":\"open-2\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796006722696,"updated_at":1796006722696}');
INSERT INTO "versions" VALUES(3,'plugin',3,3,'','off',NULL,'created','{"id":3,"namespace":"","name":"off","description":"","command":"file:///nonexistent/program","slug":"off","config":"{\"slug\":\"off\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796006722844,"updated_at":1796006722844}');
INSERT INTO "versions" VALUES(4,'plugin',3,4,'','off',NULL,'changed','{"id":3,"namespace":"","name":"off","description":"","command":"file:///nonexistent/program","slug":"off","config":"{\"slug\":\"off\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":false,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796006722844,"updated_at":1796006722884}');
INSERT INTO "versions" VALUES(5,'app',1,5,'','billing',NULL,'created','{"id":1,"namespace":"","name":"billing","description":"who pays","owner_email":"ops@example.com","is_active":true,"monthly_budget":"12.5","rate_limit":600,"metadata":"{\"mcp_access\":\"allowed\",\"tiers\":[\"a\",{\"b\":null}]}","max_staleness":null,"managed_by":"","created_at":1796006722916,"updated_at":1796006722916}');
INSERT INTO "versions" VALUES(6,'app',2,6,'','idle',NULL,'created','{"id":2,"namespace":"","name":"idle","description":"","owner_email":"idle@example.com","is_active":true,"monthly_budget":"0","rate_limit":0,"metadata":"{}","max_staleness":null,"managed_by":"","created_at":1796006722934,"updated_at":1796006722934}');
INSERT INTO "versions" VALUES(7,'token',1,7,'','ci','sgt_WDEx','created',NULL);
INSERT INTO "versions" VALUES(8,'token',2,8,'','old','sgt_Ekoy','created',NULL);
INSERT INTO "versions" VALUES(9,'token',3,9,'','','sgt_U2pK','created',NULL);
INSERT INTO "versions" VALUES(10,'app',2,10,'','idle',NULL,'changed','{"id":2,"namespace":"","name":"idle","description":"","owner_email":"idle@example.com","is_active":false,"monthly_budget":"0","rate_limit":0,"metadata":"{}","max_staleness":null,"managed_by":"","created_at":1796006722934,"updated_at":1796006723090}');
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
CREATE INDEX console_sessions_by_user ON console_sessions (user_id);
CREATE INDEX console_sessions_by_admin_token ON console_sessions (admin_token_id);
CREATE INDEX console_links_by_user ON console_links (user_id);
CREATE INDEX console_links_by_admin_token ON console_links (admin_token_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('data_keys',2);
INSERT INTO "sqlite_sequence" VALUES('revisions',11);
INSERT INTO "sqlite_sequence" VALUES('plugins',3);
INSERT INTO "sqlite_sequence" VALUES('versions',10);
INSERT INTO "sqlite_sequence" VALUES('audit',11);
INSERT INTO "sqlite_sequence" VALUES('apps',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',3);
INSERT INTO "sqlite_sequence" VALUES('users',1);
COMMIT;
