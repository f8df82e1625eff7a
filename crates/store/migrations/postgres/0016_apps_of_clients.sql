-- For which client of which issuer an app was made on first sight: without it an app is a person's, whatever it is called.
ALTER TABLE apps ADD COLUMN made_for_issuer BIGINT;
ALTER TABLE apps ADD COLUMN made_for_client TEXT;
CREATE UNIQUE INDEX apps_by_client ON apps (made_for_issuer, made_for_client);

-- Until now an app was a client's by its name alone. It stays that where the audit log or the history tells that it was made
-- on first sight; where neither reaches back so far it is a person's.
UPDATE apps
SET made_for_issuer = issuers.id, made_for_client = substr(apps.name, length(issuers.name) + 2)
FROM issuers
WHERE issuers.namespace = apps.namespace
  AND issuers.name NOT LIKE '%/%'
  AND substr(apps.name, 1, length(issuers.name) + 1) = issuers.name || '/'
  AND apps.id IN (
      SELECT thing_id FROM audit
      WHERE operation = 'create_app_on_first_sight' AND outcome = 'done' AND thing_kind = 'app'
      UNION
      SELECT versions.thing_id FROM versions
      JOIN revisions ON revisions.revision = versions.revision AND revisions.namespace = versions.namespace
      WHERE revisions.operation = 'create_app_on_first_sight' AND versions.kind = 'app'
  );

-- One that was deleted comes back as what it was.
UPDATE versions
SET content = jsonb_set(versions.content::jsonb, '{made_for}',
    jsonb_build_object('issuer', issuers.id, 'client', substr(versions.name, length(issuers.name) + 2)))::text
FROM issuers
WHERE versions.kind = 'app' AND versions.content IS NOT NULL
  AND issuers.namespace = versions.namespace
  AND issuers.name NOT LIKE '%/%'
  AND substr(versions.name, 1, length(issuers.name) + 1) = issuers.name || '/'
  AND versions.thing_id IN (
      SELECT thing_id FROM audit
      WHERE operation = 'create_app_on_first_sight' AND outcome = 'done' AND thing_kind = 'app'
      UNION
      SELECT made.thing_id FROM versions AS made
      JOIN revisions ON revisions.revision = made.revision AND revisions.namespace = made.namespace
      WHERE revisions.operation = 'create_app_on_first_sight' AND made.kind = 'app'
  );
