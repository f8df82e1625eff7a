//! Namespaces, and the keys of their data: each has its own, made with it and replaced when somebody must not read
//! any more what comes.

use crate::error::StoreError;
use crate::keys::{self, DataKeys};
use crate::plugins::read as read_plugin;
use crate::precondition::Precondition;
use crate::revision::{Changes, Write, Written};
use crate::secret_settings::seal;
use crate::snapshot::sealed;
use crate::sql::{Row, Tx, params};
use crate::store::Store;
use crate::uniqueness::require_namespace;
use sidegate_model::audit::Change;
use sidegate_model::namespace::{KnownNamespace, MAX_DESCRIPTION_CHARS, Namespace, NamespaceId};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::sealing::Keyring;
use std::collections::{BTreeMap, BTreeSet};

const INSERT: &str =
    "INSERT INTO namespaces (name, description, created_at) VALUES ($1, $2, $3) RETURNING *";

/// What is in a namespace, for people.
const INSIDE: &str = "SELECT 'plugin' AS kind, id, name FROM plugins WHERE namespace = $1 \
     UNION ALL SELECT 'app' AS kind, id, name FROM apps WHERE namespace = $1 \
     UNION ALL SELECT 'issuer' AS kind, id, name FROM issuers WHERE namespace = $1 \
     UNION ALL SELECT 'edge' AS kind, id, name FROM edges WHERE namespace = $1 ORDER BY kind, id LIMIT 4";

impl Store {
    /// Every namespace but the global one, which is always there; in the order of names.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_namespaces(&self) -> Result<Vec<KnownNamespace>, StoreError> {
        let mut tx = self.begin_read().await?;
        let rows = tx.all("SELECT * FROM namespaces ORDER BY name", params![]).await?;
        rows.iter().map(read).collect()
    }

    /// Registers a namespace and makes its key.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when it is there already.
    pub async fn create_namespace(
        &self,
        name: &Namespace,
        description: &str,
    ) -> Result<Written<KnownNamespace>, StoreError> {
        if name.is_global() {
            let problem = "name: give a name; the global namespace is always there";
            return Err(StoreError::invalid("namespace", &[problem]));
        }
        if description.chars().count() > MAX_DESCRIPTION_CHARS || description.contains('\0') {
            let problem = format!(
                "description: give at most {MAX_DESCRIPTION_CHARS} characters without U+0000"
            );
            return Err(StoreError::invalid("namespace", &[problem]));
        }
        let mut write = self.begin_write().await?;
        let sql = "SELECT id FROM namespaces WHERE name = $1";
        if write.tx.first(sql, params![name.as_str()]).await?.is_some() {
            let detail = format!("the namespace {:?} is there already", name.as_str());
            return Err(StoreError::Conflict { what: "namespace", detail });
        }
        let params = params![name.as_str(), description, write.now];
        let row = write.tx.first(INSERT, params).await?;
        let namespace = read(row.as_ref().expect("an insert returns its row"))?;
        keys::make(&mut write.tx, write.now, name, self.keys.outer()).await?;
        let change = Change::created(&namespace);
        write.changed(namespace, change).await
    }

    /// Forgets a namespace that nothing is in. What was in it stays in the history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`], [`StoreError::Conflict`] while something is in it.
    pub async fn delete_namespace(
        &self,
        id: NamespaceId,
        precondition: &Precondition,
    ) -> Result<Written<KnownNamespace>, StoreError> {
        let mut write = self.begin_write().await?;
        let sql = "DELETE FROM namespaces WHERE id = $1 RETURNING *";
        let row = write.tx.first(sql, params![id.0]).await?;
        let namespace = read(&row.ok_or_else(|| StoreError::not_found("namespace", id))?)?;
        precondition.check("namespace", id, &namespace.version())?;
        let inside = write.tx.all(INSIDE, params![namespace.name.as_str()]).await?;
        if !inside.is_empty() {
            let name = namespace.name.as_str();
            let detail = format!("{} in the namespace {name:?}; delete that first", told(&inside)?);
            return Err(StoreError::Conflict { what: "namespace", detail });
        }
        keys::retire(&mut write.tx, write.now, &namespace.name).await?;
        let change = Change::deleted(&namespace);
        write.changed(namespace, change).await
    }

    /// The namespace with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn namespace(&self, id: NamespaceId) -> Result<KnownNamespace, StoreError> {
        let sql = "SELECT * FROM namespaces WHERE id = $1";
        let row = self.begin_read().await?.first(sql, params![id.0]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("namespace", id))?)
    }

    /// The keys of a namespace: `current` seals what is in it now, others what was sealed before.
    ///
    /// # Errors
    /// [`StoreError::Keys`] for a namespace that never was.
    pub async fn data_keys(&self, namespace: &Namespace) -> Result<Keyring, StoreError> {
        let mut tx = self.begin_read().await?;
        self.keys.seen_by(&mut tx).await?.of(namespace).cloned()
    }

    /// Makes new keys for namespaces and seals with them what is in there; the keys before go on reading what they
    /// sealed. Whoever has only those reads nothing that comes. Tells the plugins that were sealed anew.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a namespace that is not there.
    pub async fn rotate_data_keys(
        &self,
        namespaces: &[Namespace],
    ) -> Result<Written<Vec<PluginId>>, StoreError> {
        let mut write = self.begin_write().await?;
        for namespace in namespaces {
            require(&mut write.tx, namespace).await?;
            keys::make(&mut write.tx, write.now, namespace, self.keys.outer()).await?;
        }
        let keys = keys::load(&mut write.tx, self.keys.outer()).await?;
        let keys = keys.expect("a key was just made, or there is nothing to do");
        let (mut sealed, mut changes) = (Vec::new(), Vec::new());
        for namespace in namespaces {
            let known = require(&mut write.tx, namespace).await?;
            changes.push(Change::changed(&known, &known).detail("its key was replaced"));
            for row in write.tx.all(IN_NAMESPACE, params![namespace.as_str()]).await? {
                let change = seal_row(&mut write, &row, &keys).await?;
                sealed.extend(change.as_ref().map(|change| PluginId(change.thing.id)));
                changes.extend(change);
            }
        }
        match Changes::all(changes) {
            Some(changes) => write.changed(sealed, changes).await,
            None => write.unchanged(sealed).await,
        }
    }

    /// What the active plugins of a namespace are, with their secrets sealed.
    ///
    /// # Errors
    /// Those of [`Store::sealed_specs`].
    pub async fn sealed_specs_within(
        &self,
        namespace: &Namespace,
    ) -> Result<BTreeMap<PluginId, PluginSpec>, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let sql = "SELECT * FROM plugins WHERE namespace = $1 AND is_active = $2";
        let rows = tx.all(sql, params![namespace.as_str(), true]).await?;
        let spec = |row| sealed(row, &keys).map(|spec| (spec.id, spec));
        rows.iter().map(spec).collect()
    }
}

/// A namespace that is there, the global one as well, which has no row.
async fn require(tx: &mut Tx, namespace: &Namespace) -> Result<KnownNamespace, StoreError> {
    require_namespace(tx, namespace).await?;
    let sql = "SELECT * FROM namespaces WHERE name = $1";
    let row = tx.first(sql, params![namespace.as_str()]).await?;
    row.map_or_else(|| Ok(KnownNamespace::global()), |row| read(&row))
}

const IN_NAMESPACE: &str = "SELECT * FROM plugins WHERE namespace = $1 ORDER BY id";

/// Seals a plugin by the key of its namespace; none where nothing of it is a secret.
async fn seal_row(
    write: &mut Write,
    row: &Row,
    keys: &DataKeys,
) -> Result<Option<Change>, StoreError> {
    let Some(after) = seal(write, row, BTreeSet::new(), keys).await? else { return Ok(None) };
    let (before, after) = (read_plugin(row, keys)?, read_plugin(&after, keys)?);
    Ok(Some(Change::changed(&before, &after).detail("sealed by the new key")))
}

fn told(inside: &[Row]) -> Result<String, StoreError> {
    let name = |row: &Row| {
        let row = row.of("namespace");
        let (kind, id, name): (String, i64, String) =
            (row.get("kind")?, row.get("id")?, row.get("name")?);
        Ok(format!("{kind} {id} ({name:?})"))
    };
    let mut names = inside.iter().map(name).collect::<Result<Vec<_>, StoreError>>()?;
    if names.len() > 3 {
        names[3] = "more".to_owned();
    }
    let is = if names.len() == 1 { "is" } else { "are" };
    Ok(format!("{} {is}", names.join(", ")))
}

fn read(row: &Row) -> Result<KnownNamespace, StoreError> {
    let row = row.of("namespace");
    Ok(KnownNamespace {
        id: NamespaceId(row.number("id")?),
        name: row.word("name", |text| Namespace::parse(text).ok())?,
        description: row.get("description")?,
        created_at: row.get("created_at")?,
    })
}
