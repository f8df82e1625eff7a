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
INSERT INTO "_sqlx_migrations" VALUES(1,'0.1.0: apps, tokens and plugins','2026-11-29 12:02:07',1,X'194592BE2F8ADA64F49032547B76465110744F8187DD589DECCED6F4919BFE865D2D18E6852FA26F7CE5CC27F83C4FEB',1328874);
INSERT INTO "_sqlx_migrations" VALUES(2,'0.1.0: service scopes','2026-11-29 12:02:07',1,X'F323340F4D4874B61FBF4D9F7FEC1E980C27D31285F58899FB710EBAE745B1A8BC2ADB9B81AED6FDA1036454EFA11766',664922);
INSERT INTO "_sqlx_migrations" VALUES(3,'0.1.0: what plugins keep','2026-11-29 12:02:07',1,X'098D7E742885F863186F24A2C13CBD1CC9530E8D2F594BCF42C70903B0CEE2D79E0CD785CD1CD18EB556120A3F67F701',2879080);
INSERT INTO "_sqlx_migrations" VALUES(4,'0.2.0: who may call plugins, and tokens over time','2026-11-29 12:02:07',1,X'178A81C2F823167EF1D8078C50A360B25BAD57DB877733E0073183509C90974B26466AE3BA4C5FC378247DD27566BA9D',1630957);
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
INSERT INTO "apps" VALUES(1,'billing','who pays','ops@example.com',1,12.5,600,'{"mcp_access":"allowed","tiers":["a",{"b":null}]}',1795953728323,1795953728323);
INSERT INTO "apps" VALUES(2,'idle','','idle@example.com',0,0.0,0,'{}',1795953728352,1795953728463);
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
INSERT INTO "plugin_kv" VALUES(1,1,'plain',21,NULL,1795953728499,X'6B657074206279206120706C7567696E');
INSERT INTO "plugin_kv" VALUES(2,1,'bytes',8,NULL,1795953728535,X'FFFE01');
INSERT INTO "plugin_kv" VALUES(3,1,'for-long',32,4102444800000,1795953728592,X'6578706972657320696E2074686520796561722032313030');
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
    CHECK (json_type(public_endpoints) = 'array'));
INSERT INTO "plugins" VALUES(1,'lab','Kept: ä, "quotes" and a line','file://@PROGRAMS@/sidegate-plugin-lab','lab','{"api_key":"kept-secret","limits":{"n":[1,2.5,null]},"require_auth":"true","slug":"lab"}','{"pass_token":"true","stream_timeout":"1h"}','custom_endpoint','["custom_endpoint"]',1,0,1795953727905,1795953727905,'["kv.readwrite"]','[]');
INSERT INTO "plugins" VALUES(2,'open','','file://@PROGRAMS@/sidegate-plugin-lab','open-2','{"slug":"open-2"}','{}','custom_endpoint','["custom_endpoint"]',1,0,1795953728068,1795953728068,'[]','[]');
INSERT INTO "plugins" VALUES(3,'off','','file:///nonexistent/program','off','{"slug":"off"}','{}','custom_endpoint','["custom_endpoint"]',0,0,1795953728222,1795953728261,'[]','[]');
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
INSERT INTO "tokens" VALUES(1,1,'ci',X'0A703694ED6BD5E4CE2350D533F8B58862016008DEAD505810E86E9058010DC1','sgt_janx','["read","write"]',NULL,1795953728378,NULL,NULL,0);
INSERT INTO "tokens" VALUES(2,1,'old',X'98102D26E33AD3C87B1CF52CEF0BC0CDFCA6E83E6FEBDEE75E6C502BEC1DBE28','sgt_OS5j','[]',1795953729413,1795953728413,NULL,NULL,0);
INSERT INTO "tokens" VALUES(3,2,'',X'1D29D60160A371B10AD6AB4D4E2546DFEDA4D7708E3940225490E33975CC3927','sgt_gk6s','[]',NULL,1795953728437,NULL,NULL,0);
CREATE INDEX tokens_by_app ON tokens (app_id, id);
CREATE INDEX plugin_kv_sizes ON plugin_kv (plugin_id, expires_at, bytes);
CREATE INDEX plugin_kv_expiry ON plugin_kv (expires_at) WHERE expires_at IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('plugins',3);
INSERT INTO "sqlite_sequence" VALUES('apps',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',3);
COMMIT;
