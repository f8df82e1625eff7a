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
INSERT INTO "_sqlx_migrations" VALUES(1,'0.1.0: apps, tokens and plugins','2026-11-29 17:28:44',1,X'194592BE2F8ADA64F49032547B76465110744F8187DD589DECCED6F4919BFE865D2D18E6852FA26F7CE5CC27F83C4FEB',1117438);
INSERT INTO "_sqlx_migrations" VALUES(2,'0.1.0: service scopes','2026-11-29 17:28:44',1,X'F323340F4D4874B61FBF4D9F7FEC1E980C27D31285F58899FB710EBAE745B1A8BC2ADB9B81AED6FDA1036454EFA11766',891572);
INSERT INTO "_sqlx_migrations" VALUES(3,'0.1.0: what plugins keep','2026-11-29 17:28:44',1,X'098D7E742885F863186F24A2C13CBD1CC9530E8D2F594BCF42C70903B0CEE2D79E0CD785CD1CD18EB556120A3F67F701',631138);
INSERT INTO "_sqlx_migrations" VALUES(4,'0.2.0: who may call plugins, and tokens over time','2026-11-29 17:28:44',1,X'178A81C2F823167EF1D8078C50A360B25BAD57DB877733E0073183509C90974B26466AE3BA4C5FC378247DD27566BA9D',1518372);
INSERT INTO "_sqlx_migrations" VALUES(5,'0.3.0: sealed secrets','2026-11-29 17:28:44',1,X'E0E235480205819F842178D1E11A4E78A4A9946E8710C44D2EF7B69E9641A7066E70F816C1F20CB0F2E41A788A0F0A22',911140);
INSERT INTO "_sqlx_migrations" VALUES(6,'0.3.0: admin tokens and the audit log','2026-11-29 17:28:44',1,X'E846EC6069A9D65FF2BC56AABF3E6DBE06DA5E852AA3E7B9D77DFD7ACD0992FB96A5A6F352F80DD6453014EF06AEFF94',727863);
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
CREATE TABLE apps (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL UNIQUE,
    description    TEXT    NOT NULL,
    owner_email    TEXT    NOT NULL,
    is_active      BOOLEAN NOT NULL,
    monthly_budget REAL    NOT NULL,
    rate_limit     INTEGER NOT NULL,
    metadata       TEXT    NOT NULL CHECK (json_type(metadata) = 'object'),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL
);
INSERT INTO "apps" VALUES(1,'billing','who pays','ops@example.com',1,12.5,600,'{"mcp_access":"allowed","tiers":["a",{"b":null}]}',1795973325006,1795973325006);
INSERT INTO "apps" VALUES(2,'idle','','idle@example.com',0,0.0,0,'{}',1795973325018,1795973325071);
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
INSERT INTO "audit" VALUES(1,1795973324687,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',1,'lab',NULL,'ee405f96b30d8ef88bce1a6605005d603b2d635541988fa47b8b33b4aa3dee7b','[]',1,1,NULL);
INSERT INTO "audit" VALUES(2,1795973324825,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',2,'open',NULL,'cdca332c2fe69cfc7b9a8c3f19ac09ab7c28d425c25f89e839d1258bd031e460','[]',2,1,NULL);
INSERT INTO "audit" VALUES(3,1795973324963,'root',NULL,'root','127.0.0.1','create_plugin','done','plugin',3,'off',NULL,'e7cba9bab1e828266b7379771af8b8a5c2d050239e6799af88585cd4e1afbd13','[]',3,1,NULL);
INSERT INTO "audit" VALUES(4,1795973324986,'root',NULL,'root','127.0.0.1','change_plugin','done','plugin',3,'off','e7cba9bab1e828266b7379771af8b8a5c2d050239e6799af88585cd4e1afbd13','58927085183a3d196e3a7802ff29545a60e96b90240fb0062dc7f94a1552e2cf','["is_active"]',4,1,NULL);
INSERT INTO "audit" VALUES(5,1795973325006,'root',NULL,'root','127.0.0.1','create_app','done','app',1,'billing',NULL,'846dc1ccd12813108f84632735cdb666b5773c085934fbe8f9e0fd849278ca4f','[]',5,1,NULL);
INSERT INTO "audit" VALUES(6,1795973325018,'root',NULL,'root','127.0.0.1','create_app','done','app',2,'idle',NULL,'f09f57021a3628dc9e9bbb95800e93ae2b22fd4705ef7d2afbe32d0898a91314','[]',6,1,NULL);
INSERT INTO "audit" VALUES(7,1795973325032,'root',NULL,'root','127.0.0.1','create_token','done','token',1,'ci',NULL,'e00a1bf2de11dd44e2fab6d6ad99fbe79fa0b11e6b59711aa57f8b5a0a9b536d','[]',7,1,NULL);
INSERT INTO "audit" VALUES(8,1795973325045,'root',NULL,'root','127.0.0.1','create_token','done','token',2,'old',NULL,'391291c74fa536f222b3b1805b6aad0887bd655c3dd27f50216741f82cb33645','[]',8,1,NULL);
INSERT INTO "audit" VALUES(9,1795973325057,'root',NULL,'root','127.0.0.1','create_token','done','token',3,'',NULL,'cdf050ba1214e84e30895f54cb33bdf835fc6269abbccfae544c622485b05bac','[]',9,1,NULL);
INSERT INTO "audit" VALUES(10,1795973325071,'root',NULL,'root','127.0.0.1','change_app','done','app',2,'idle','f09f57021a3628dc9e9bbb95800e93ae2b22fd4705ef7d2afbe32d0898a91314','d64166174e8ac14eeedc74717eb3dc77fa5f63ac5e16725d1061d1693c092a3c','["is_active"]',10,1,NULL);
CREATE TABLE data_keys (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace  TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
);
INSERT INTO "data_keys" VALUES(1,'',X'01658D3D6C54A28ECF76D2DCBDDB2E44F30D49301784C8F5B5A7EB2D474D6C47CCDDA0BC1A3D28EA738733C8B7F0DFD711FF9039EA3F9EB12A1E6DBF83B9C26655BDB36FE3',1795973324367,NULL);
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
INSERT INTO "plugin_kv" VALUES(1,1,'plain',21,NULL,1795973325103,X'6B657074206279206120706C7567696E');
INSERT INTO "plugin_kv" VALUES(2,1,'bytes',8,NULL,1795973325116,X'FFFE01');
INSERT INTO "plugin_kv" VALUES(3,1,'for-long',32,4102444800000,1795973325128,X'6578706972657320696E2074686520796561722032313030');
CREATE TABLE plugins (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT    NOT NULL UNIQUE,
    description TEXT    NOT NULL,
    command     TEXT    NOT NULL,
    slug        TEXT    UNIQUE,
    config      TEXT    NOT NULL CHECK (json_type(config) = 'object'),
    options     TEXT    NOT NULL CHECK (json_type(options) = 'object'),
    hook_type   TEXT    NOT NULL,
    hook_types  TEXT    NOT NULL CHECK (json_type(hook_types) = 'array'),
    is_active   BOOLEAN NOT NULL,
    reloads     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
, service_scopes TEXT NOT NULL DEFAULT '[]'
    CHECK (json_type(service_scopes) = 'array'), public_endpoints TEXT
    CHECK (json_type(public_endpoints) = 'array'), secret_settings TEXT NOT NULL DEFAULT '[]'
    CHECK (json_type(secret_settings) = 'array'));
INSERT INTO "plugins" VALUES(1,'lab','Kept: ä, "quotes" and a line','file://@PROGRAMS@/sidegate-plugin-lab','lab','{"api_key":"$sealed:AQ_LLhea3wMfqzeG_1gstsZRDaTraDZyr9UwLCsoCDAHiLqekof3bzUpXt5JyLJm0GU","limits":{"n":[1,2.5,null]},"require_auth":"true","slug":"lab"}','{"pass_token":"true","stream_timeout":"1h"}','custom_endpoint','["custom_endpoint"]',1,0,1795973324687,1795973324687,'["kv.readwrite"]','[]','[]');
INSERT INTO "plugins" VALUES(2,'open','','file://@PROGRAMS@/sidegate-plugin-lab','open-2','{"slug":"open-2"}','{}','custom_endpoint','["custom_endpoint"]',1,0,1795973324825,1795973324825,'[]','[]','[]');
INSERT INTO "plugins" VALUES(3,'off','','file:///nonexistent/program','off','{"slug":"off"}','{}','custom_endpoint','["custom_endpoint"]',0,0,1795973324963,1795973324986,'[]','[]','[]');
CREATE TABLE revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    value    INTEGER NOT NULL
);
INSERT INTO "revision" VALUES(1,10);
CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id     INTEGER NOT NULL REFERENCES apps (id),
    name       TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL CHECK (json_type(scopes) = 'array'),
    expires_at INTEGER,
    created_at INTEGER NOT NULL
, last_used_at INTEGER, replaced_by INTEGER, updated_at INTEGER NOT NULL DEFAULT 0);
INSERT INTO "tokens" VALUES(1,1,'ci',X'1DE2D160EB5AA7F6DBADDB23DEF986EBB74795A443B0495F420497CA026016BC','sgt_FZH2','["read","write"]',NULL,1795973325032,1795973325101,NULL,1795973325032);
INSERT INTO "tokens" VALUES(2,1,'old',X'687999BC5E47AAF7C3E53255B765B28E3050A30062776090E1769228CBE0081A','sgt_5Aw_','[]',1795973326045,1795973325045,NULL,NULL,1795973325045);
INSERT INTO "tokens" VALUES(3,2,'',X'D1EBE40AA3A2F8C0E8D643A292F39F5D8EEE12EE43284B22034FD8D2331585C8','sgt_n_9y','[]',NULL,1795973325057,NULL,NULL,1795973325057);
CREATE INDEX tokens_by_app ON tokens (app_id, id);
CREATE INDEX plugin_kv_sizes ON plugin_kv (plugin_id, expires_at, bytes);
CREATE INDEX plugin_kv_expiry ON plugin_kv (expires_at) WHERE expires_at IS NOT NULL;
CREATE UNIQUE INDEX data_keys_in_use ON data_keys (namespace) WHERE retired_at IS NULL;
CREATE INDEX audit_by_time ON audit (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('data_keys',1);
INSERT INTO "sqlite_sequence" VALUES('plugins',3);
INSERT INTO "sqlite_sequence" VALUES('audit',10);
INSERT INTO "sqlite_sequence" VALUES('apps',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',3);
COMMIT;
