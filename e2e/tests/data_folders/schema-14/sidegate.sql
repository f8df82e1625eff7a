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
INSERT INTO "_sqlx_migrations" VALUES(1,'0.1.0: apps, tokens and plugins','2026-11-30 11:23:02',1,X'194592BE2F8ADA64F49032547B76465110744F8187DD589DECCED6F4919BFE865D2D18E6852FA26F7CE5CC27F83C4FEB',1134137);
INSERT INTO "_sqlx_migrations" VALUES(2,'0.1.0: service scopes','2026-11-30 11:23:02',1,X'F323340F4D4874B61FBF4D9F7FEC1E980C27D31285F58899FB710EBAE745B1A8BC2ADB9B81AED6FDA1036454EFA11766',731380);
INSERT INTO "_sqlx_migrations" VALUES(3,'0.1.0: what plugins keep','2026-11-30 11:23:02',1,X'098D7E742885F863186F24A2C13CBD1CC9530E8D2F594BCF42C70903B0CEE2D79E0CD785CD1CD18EB556120A3F67F701',1871737);
INSERT INTO "_sqlx_migrations" VALUES(4,'0.2.0: who may call plugins, and tokens over time','2026-11-30 11:23:02',1,X'178A81C2F823167EF1D8078C50A360B25BAD57DB877733E0073183509C90974B26466AE3BA4C5FC378247DD27566BA9D',1277463);
INSERT INTO "_sqlx_migrations" VALUES(5,'0.3.0: sealed secrets','2026-11-30 11:23:02',1,X'E0E235480205819F842178D1E11A4E78A4A9946E8710C44D2EF7B69E9641A7066E70F816C1F20CB0F2E41A788A0F0A22',631803);
INSERT INTO "_sqlx_migrations" VALUES(6,'0.3.0: admin tokens and the audit log','2026-11-30 11:23:02',1,X'E846EC6069A9D65FF2BC56AABF3E6DBE06DA5E852AA3E7B9D77DFD7ACD0992FB96A5A6F352F80DD6453014EF06AEFF94',494396);
INSERT INTO "_sqlx_migrations" VALUES(7,'0.4.0: namespaces and history','2026-11-30 11:23:02',1,X'5E869CFDEE6A32E221EDC6905197A100957730F1C2AB31607003809C46A8DCB8E932E02939738C0C04957B5CB21FF907',3127013);
INSERT INTO "_sqlx_migrations" VALUES(8,'0.4.0: fleets','2026-11-30 11:23:02',1,X'8FEB56E875E344C6E104F2D15F54BC1ECB8BF03B79145F66D486FB5016E0988D25BBF232EDC6F39435E55B52E56A35C2',1138125);
INSERT INTO "_sqlx_migrations" VALUES(9,'0.4.0: what files named that were applied','2026-11-30 11:23:02',1,X'559D24622ED5F4D1ABD582F7764401F95798CA8A0C7EF0706CF0D4E9947347075FD23C1A9B5453BC426CF3DDA064E2F7',236279);
INSERT INTO "_sqlx_migrations" VALUES(10,'0.5.0: questions to edges that are connected elsewhere','2026-11-30 11:23:02',1,X'C71B092EF39F0FC4E8F3E6F97DDD07D8AFEC5406FD234FAED3DD923A55C0ADB46A594C5C32340FDCFC327B2A620DA326',851316);
INSERT INTO "_sqlx_migrations" VALUES(11,'0.5.0: users and sessions of the console','2026-11-30 11:23:02',1,X'1D32CA61DEA7BD40E6FC69594B9E53945FFB1784A2511BB92F9395656289B3EB59EDC6EDF19D91F4E534774226B41A92',875844);
INSERT INTO "_sqlx_migrations" VALUES(12,'0.5.0: keys of sessions of the console','2026-11-30 11:23:02',1,X'E270E9A4255875383A58069A7A9A73E6622A014521F746549CCBB8EB936E7C5B0F9F7AC34A4C26F0BBB754FEEDFE310A',1458208);
INSERT INTO "_sqlx_migrations" VALUES(13,'0.5.0: settings that are left to admins','2026-11-30 11:23:02',1,X'368C6475A268FFEA8EA91358910FCBB76AAD6B063FA8D5CCF2E1A8903658A2B0B789DBC713BD3135851AD301AFCFFFEE',273341);
INSERT INTO "_sqlx_migrations" VALUES(14,'0.5.0: issuers of JWTs','2026-11-30 11:23:02',1,X'6EFFF9052605EAA0D5F6C7D22DB812ECBBD2F2C20ECFB4FF3FEC067217B070E4BFA04542CF7D53FE969B7B3B8E336683',229878);
CREATE TABLE admin_settings (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    plugin_id INTEGER NOT NULL UNIQUE,
    settings  TEXT    NOT NULL CHECK (json_type(settings) = 'array')
);
INSERT INTO "admin_settings" VALUES(1,1,'[]');
INSERT INTO "admin_settings" VALUES(2,2,'[]');
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
INSERT INTO "apps" VALUES(1,'','billing','who pays','ops@example.com',1,12.5,600,'{"mcp_access":"allowed","tiers":["a",{"b":null}]}',NULL,'',1796037783616,1796037783616);
INSERT INTO "apps" VALUES(2,'','idle','','idle@example.com',0,0.0,0,'{}',NULL,'',1796037783633,1796037783704);
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
INSERT INTO "audit" VALUES(1,1796037783258,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',1,'lab',NULL,'f80df03dff345a7c17777206d78fccd962451177c365db360122a3f84ed2555c','[]',1,1,NULL);
INSERT INTO "audit" VALUES(2,1796037783411,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',2,'open',NULL,'a5b2b2b3de7c3f0de9ecdaebff51d76008c43a908f90d320a8b36517dc0a1840','[]',2,1,NULL);
INSERT INTO "audit" VALUES(3,1796037783554,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',3,'off',NULL,'82953b7a8285948e732f1846b78f71d0193859730c29636c31e8c43904bb9021','[]',3,1,NULL);
INSERT INTO "audit" VALUES(4,1796037783587,'root',NULL,'root','127.0.0.1','change_plugin','done','plugin',3,'off','82953b7a8285948e732f1846b78f71d0193859730c29636c31e8c43904bb9021','4c7340c998429361d87341aafd49167e0cdf0373dbb78dfcad84ee4347e5aae0','["is_active"]',4,1,NULL);
INSERT INTO "audit" VALUES(5,1796037783616,'root',NULL,'root','127.0.0.1','create_app','done','app',1,'billing',NULL,'10610a6d6b5701be3bee53b83af0fd2b7ebf32624fb2f66d87f4deb36841c8ad','[]',5,1,NULL);
INSERT INTO "audit" VALUES(6,1796037783633,'root',NULL,'root','127.0.0.1','create_app','done','app',2,'idle',NULL,'2423de033196c06d68428f845122df07f99a807e3c6829be35c98d311d278ef8','[]',6,1,NULL);
INSERT INTO "audit" VALUES(7,1796037783651,'root',NULL,'root','127.0.0.1','create_token','done','token',1,'ci',NULL,'13da07e6dd2798d4ea3fa32af7906c84d72bd6cb05697186438675c5aed27def','[]',7,1,NULL);
INSERT INTO "audit" VALUES(8,1796037783670,'root',NULL,'root','127.0.0.1','create_token','done','token',2,'old',NULL,'5be2bfbe19b02a772f91d0a26589ebeff88cac1b0dcac6ee671dc7a1cbc076c6','[]',8,1,NULL);
INSERT INTO "audit" VALUES(9,1796037783687,'root',NULL,'root','127.0.0.1','create_token','done','token',3,'',NULL,'ff6c13de9fd2b9cb02c4fa9f9bb81fc0a0cd45f087af6c35b15a89797dfc2438','[]',9,1,NULL);
INSERT INTO "audit" VALUES(10,1796037783704,'root',NULL,'root','127.0.0.1','change_app','done','app',2,'idle','2423de033196c06d68428f845122df07f99a807e3c6829be35c98d311d278ef8','a3c989c388a6f9cf05ce2029a74a9f168a796d4a97ae0dcd34bbee24c2d47da4','["is_active"]',10,1,NULL);
INSERT INTO "audit" VALUES(11,1796037783750,'root',NULL,'root','127.0.0.1','create_user','done','user',1,'jane',NULL,'536bb02b22b4838e3c64d2478b21afcbeb90fa44a602d4223feb9f0d3eb81592','[]',NULL,1,'with the role operator');
INSERT INTO "audit" VALUES(12,1796037783769,'root',NULL,'root','127.0.0.1','create_issuer','done','issuer',1,'corp',NULL,'c7228c256844cf63a1ae57384794b25fe5a2fc15e712fb5e3644139f5ccf83a1','[]',11,1,NULL);
CREATE TABLE console_links (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    hash           BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    user_id        INTEGER REFERENCES users (id) ON DELETE CASCADE,
    admin_token_id INTEGER REFERENCES admin_tokens (id) ON DELETE CASCADE,
    root_hash      BLOB    CHECK (length(root_hash) = 32),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
, session_ends_at INTEGER);
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
, key_hash BLOB NOT NULL DEFAULT x'' CHECK (length(key_hash) = 32));
CREATE TABLE data_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
INSERT INTO "data_keys" VALUES(1,'',X'01BB81F3B368849F59A01CF6BEF987C3A97B74CE6C51FF25E1D133505F8271C264BCBBD0612618BC6326F11F7F7E86CD7CFAF9E1AF29EA0BD93C3CAFFA48378464EF3803AE',1796037782967,NULL);
INSERT INTO "data_keys" VALUES(2,'_digests',X'01BB81F3B368849F597F4E9A8844F5F57674509AB9C4D195C7D41F8A5B6AE17EE369A13CBEA78E27D6DD046803EA7B8F203715F3387B3402118C363AF24132FA1873F596D8',1796037782967,NULL);
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
CREATE TABLE issuers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL DEFAULT '',
    name       TEXT    NOT NULL,
    content    TEXT    NOT NULL CHECK (json_type(content) = 'object'),
    managed_by TEXT    NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (namespace, name)
);
INSERT INTO "issuers" VALUES(1,'','corp','{"namespace":"","name":"corp","url":"https://id.example.com","jwks_uri":null,"audiences":["https://gw.example.com"],"algorithms":["ES256","RS256","EdDSA"],"client_claims":["client_id","azp"],"token_types":["at+jwt"],"scopes":[],"clients":{"web":"billing"},"is_active":true,"allow_private":false,"leeway":30000,"keys_max_age":3600000,"managed_by":""}','',1796037783769,1796037783769);
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
INSERT INTO "plugin_kv" VALUES(1,1,'plain',21,NULL,1796037783787,X'6B657074206279206120706C7567696E');
INSERT INTO "plugin_kv" VALUES(2,1,'bytes',8,NULL,1796037783801,X'FFFE01');
INSERT INTO "plugin_kv" VALUES(3,1,'for-long',32,4102444800000,1796037783813,X'6578706972657320696E2074686520796561722032313030');
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
INSERT INTO "plugins" VALUES(1,'','lab','Kept: ä, "quotes" and a line','file://@PROGRAMS@/sidegate-plugin-lab','lab','{"api_key":"$sealed:AY2cDZJB2SexT0HgIUdPcs6_sVEzhvLoM3HuTG1dlfP9bMPi04OxZ-_Us-JkzvrG80c","limits":{"n":[1,2.5,null]},"require_auth":"true","slug":"lab"}','{"pass_token":"true","stream_timeout":"1h"}','custom_endpoint','["custom_endpoint"]',1,0,1796037783258,1796037783258,'["kv.readwrite"]','[]','[]','');
INSERT INTO "plugins" VALUES(2,'','open','','file://@PROGRAMS@/sidegate-plugin-lab','open-2','{"slug":"open-2"}','{}','custom_endpoint','["custom_endpoint"]',1,0,1796037783411,1796037783411,'[]','[]','[]','');
INSERT INTO "plugins" VALUES(3,'','off','','file:///nonexistent/program','off','{"slug":"off"}','{}','custom_endpoint','["custom_endpoint"]',0,0,1796037783554,1796037783587,'[]','[]','[]','');
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
INSERT INTO "revision" VALUES(1,11);
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
INSERT INTO "revisions" VALUES(1,0,'',1796037782967,'system',NULL,'system','begin_history');
INSERT INTO "revisions" VALUES(2,1,'',1796037783258,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(3,2,'',1796037783411,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(4,3,'',1796037783554,'root',NULL,'root','create_plugin');
INSERT INTO "revisions" VALUES(5,4,'',1796037783587,'root',NULL,'root','change_plugin');
INSERT INTO "revisions" VALUES(6,5,'',1796037783616,'root',NULL,'root','create_app');
INSERT INTO "revisions" VALUES(7,6,'',1796037783633,'root',NULL,'root','create_app');
INSERT INTO "revisions" VALUES(8,7,'',1796037783651,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(9,8,'',1796037783670,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(10,9,'',1796037783687,'root',NULL,'root','create_token');
INSERT INTO "revisions" VALUES(11,10,'',1796037783704,'root',NULL,'root','change_app');
INSERT INTO "revisions" VALUES(12,11,'',1796037783769,'root',NULL,'root','create_issuer');
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
INSERT INTO "tokens" VALUES(1,1,'ci',X'22B0EC13A1729F0284B2182B0B3F5CA2AB5D42601606766D7FF5B433764D0577','sgt_ETvN','["read","write"]',NULL,1796037783651,1796037783784,NULL,1796037783651);
INSERT INTO "tokens" VALUES(2,1,'old',X'68C02576882597A30440D30AD5E41F148CA05C9F4340F971B565B4B3EEDCB96C','sgt_LQ-s','[]',1796037784669,1796037783670,NULL,NULL,1796037783670);
INSERT INTO "tokens" VALUES(3,2,'',X'67DBAA920C2BC9C4F24037466E5EFCFDC2484A9274EB1E17C82D5B73D0BCAFE9','sgt_k6ES','[]',NULL,1796037783687,NULL,NULL,1796037783687);
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
INSERT INTO "users" VALUES(1,'jane','operator',1,'$argon2id$v=19$m=19456,t=2,p=1$BUdwqemPAEmvA5Z685HKww$xCI0o9Qcm2we5uWX/nQODao0p2AjiTMU9tGI4hWlUhc',1796037783750,NULL,1796037783750,1796037783750);
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
INSERT INTO "versions" VALUES(1,'plugin',1,1,'','lab',NULL,'created','{"id":1,"namespace":"","name":"lab","description":"Kept: ä, \"quotes\" and a line","command":"file://@PROGRAMS@/sidegate-plugin-lab","slug":"lab","config":"{\"api_key\":\"$sealed:AY2cDZJB2SexT0HgIUdPcs6_sVEzhvLoM3HuTG1dlfP9bMPi04OxZ-_Us-JkzvrG80c\",\"limits\":{\"n\":[1,2.5,null]},\"require_auth\":\"true\",\"slug\":\"lab\"}","options":"{\"pass_token\":\"true\",\"stream_timeout\":\"1h\"}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[\"kv.readwrite\"]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796037783258,"updated_at":1796037783258}');
INSERT INTO "versions" VALUES(2,'plugin',2,2,'','open',NULL,'created','{"id":2,"namespace":"","name":"open","description":"","command":"file://@PROGRAMS@/sidegate-plugin-lab","slug":"open-2","config":"{\"slug\":\"open-2\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796037783411,"updated_at":1796037783411}');
INSERT INTO "versions" VALUES(3,'plugin',3,3,'','off',NULL,'created','{"id":3,"namespace":"","name":"off","description":"","command":"file:///nonexistent/program","slug":"off","config":"{\"slug\":\"off\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":true,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796037783554,"updated_at":1796037783554}');
INSERT INTO "versions" VALUES(4,'plugin',3,4,'','off',NULL,'changed','{"id":3,"namespace":"","name":"off","description":"","command":"file:///nonexistent/program","slug":"off","config":"{\"slug\":\"off\"}","options":"{}","hook_type":"custom_endpoint","hook_types":"[\"custom_endpoint\"]","service_scopes":"[]","is_active":false,"reloads":0,"public_endpoints":"[]","secret_settings":"[]","managed_by":"","created_at":1796037783554,"updated_at":1796037783587}');
INSERT INTO "versions" VALUES(5,'app',1,5,'','billing',NULL,'created','{"id":1,"namespace":"","name":"billing","description":"who pays","owner_email":"ops@example.com","is_active":true,"monthly_budget":"12.5","rate_limit":600,"metadata":"{\"mcp_access\":\"allowed\",\"tiers\":[\"a\",{\"b\":null}]}","max_staleness":null,"managed_by":"","created_at":1796037783616,"updated_at":1796037783616}');
INSERT INTO "versions" VALUES(6,'app',2,6,'','idle',NULL,'created','{"id":2,"namespace":"","name":"idle","description":"","owner_email":"idle@example.com","is_active":true,"monthly_budget":"0","rate_limit":0,"metadata":"{}","max_staleness":null,"managed_by":"","created_at":1796037783633,"updated_at":1796037783633}');
INSERT INTO "versions" VALUES(7,'token',1,7,'','ci','sgt_ETvN','created',NULL);
INSERT INTO "versions" VALUES(8,'token',2,8,'','old','sgt_LQ-s','created',NULL);
INSERT INTO "versions" VALUES(9,'token',3,9,'','','sgt_k6ES','created',NULL);
INSERT INTO "versions" VALUES(10,'app',2,10,'','idle',NULL,'changed','{"id":2,"namespace":"","name":"idle","description":"","owner_email":"idle@example.com","is_active":false,"monthly_budget":"0","rate_limit":0,"metadata":"{}","max_staleness":null,"managed_by":"","created_at":1796037783633,"updated_at":1796037783704}');
INSERT INTO "versions" VALUES(11,'issuer',1,11,'','corp',NULL,'created','{"id":1,"namespace":"","name":"corp","url":"https://id.example.com","jwks_uri":null,"audiences":["https://gw.example.com"],"algorithms":["ES256","RS256","EdDSA"],"client_claims":["client_id","azp"],"token_types":["at+jwt"],"scopes":[],"clients":{"web":"billing"},"is_active":true,"allow_private":false,"leeway":30000,"keys_max_age":3600000,"managed_by":"","created_at":1796037783769,"updated_at":1796037783769}');
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
INSERT INTO "sqlite_sequence" VALUES('revisions',12);
INSERT INTO "sqlite_sequence" VALUES('plugins',3);
INSERT INTO "sqlite_sequence" VALUES('versions',11);
INSERT INTO "sqlite_sequence" VALUES('audit',12);
INSERT INTO "sqlite_sequence" VALUES('admin_settings',2);
INSERT INTO "sqlite_sequence" VALUES('apps',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',3);
INSERT INTO "sqlite_sequence" VALUES('users',1);
INSERT INTO "sqlite_sequence" VALUES('issuers',1);
COMMIT;
