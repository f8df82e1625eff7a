//! What was published, byte by byte: the first manifest of a namespace at one position counts, so that all processes
//! of a control plane publish the same. It does not know what the bytes say.

use crate::error::StoreError;
use crate::sql::{Row, params};
use crate::store::Store;
use crate::turns::Writer;
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeSet;

/// How errors call one.
const WHAT: &str = "published manifest";
/// Who changed what nobody changed.
const BY_ITSELF: &str = "system";
/// Bytes of blobs that are written in one transaction.
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;

/// A manifest as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedManifest {
    /// Of which namespace.
    pub namespace: Namespace,
    /// Of which lineage.
    pub lineage: u64,
    /// At which revision.
    pub revision: Revision,
    /// Its bytes.
    pub manifest: Vec<u8>,
    /// Who signed them.
    pub signature: Vec<u8>,
}

/// Some bytes, by their SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedBlob {
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How much of what was published is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Of each namespace so many of the newest manifests are kept.
    pub manifests: u32,
    /// What is from this time or later is kept.
    pub since: UnixMillis,
}

/// The last change of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastChange {
    /// The revision that has it; 0 where nothing is known of one.
    pub revision: Revision,
    /// Who made it.
    pub author: String,
    /// When.
    pub at: UnixMillis,
}

const NEWEST: &str = "SELECT * FROM published_manifests WHERE namespace = $1 \
     ORDER BY lineage DESC, revision DESC LIMIT 1";

const INSERT: &str = "INSERT INTO published_manifests \
     (namespace, lineage, revision, manifest, signature, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (namespace, lineage, revision) DO NOTHING";

const AT: &str = "SELECT * FROM published_manifests \
     WHERE namespace = $1 AND lineage = $2 AND revision = $3";

const PUT_BLOB: &str = "INSERT INTO published_blobs (digest, bytes, created_at) \
     VALUES ($1, $2, $3) ON CONFLICT (digest) DO UPDATE SET created_at = excluded.created_at";

/// Who made the last change of a namespace up to a revision.
const LAST_CHANGE: &str = "SELECT revision, actor_name, at FROM revisions \
     WHERE namespace = $1 AND revision <= $2 ORDER BY revision DESC LIMIT 1";

const OLD_MANIFESTS: &str = "SELECT namespace, lineage, revision FROM published_manifests AS m \
     WHERE created_at < $1 AND (SELECT count(*) FROM published_manifests AS n \
     WHERE n.namespace = m.namespace AND (n.lineage > m.lineage \
     OR (n.lineage = m.lineage AND n.revision > m.revision))) >= $2 LIMIT $3";

impl Store {
    /// The newest manifest of a namespace, whichever process published it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn newest_manifest(
        &self,
        namespace: &Namespace,
    ) -> Result<Option<PublishedManifest>, StoreError> {
        let mut tx = self.begin_read().await?;
        tx.first(NEWEST, params![namespace.as_str()]).await?.as_ref().map(read).transpose()
    }

    /// Every namespace of which something was published.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn published_namespaces(&self) -> Result<BTreeSet<Namespace>, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT DISTINCT namespace FROM published_manifests";
        let namespace = |row: &Row| row.of(WHAT).word("namespace", |n| Namespace::parse(n).ok());
        tx.all(sql, params![]).await?.iter().map(namespace).collect()
    }

    /// The last change of a namespace up to this revision.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn last_change(
        &self,
        namespace: &Namespace,
        until: Revision,
    ) -> Result<LastChange, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first(LAST_CHANGE, params![namespace.as_str(), number(until)]).await?;
        let Some(row) = row else {
            return Ok(LastChange { revision: 0, author: BY_ITSELF.to_owned(), at: 0 });
        };
        let row = row.of("revision");
        let (author, at) = (row.get("actor_name")?, row.get("at")?);
        Ok(LastChange { revision: row.number("revision")?, author, at })
    }

    /// Keeps blobs, of which many may be there already. They come before the manifest that names them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn publish_blobs(&self, blobs: &[PublishedBlob]) -> Result<(), StoreError> {
        let mut rest = blobs.iter().peekable();
        while rest.peek().is_some() {
            let _turn = self.turn(Writer::Publication).await?;
            let mut write = self.begin_write().await?;
            let mut bytes = 0;
            while let Some(blob) = rest.next_if(|_| bytes < BYTES_AT_ONCE) {
                bytes += blob.bytes.len();
                let params = params![blob.digest, blob.bytes.as_slice(), write.now];
                write.tx.all(PUT_BLOB, params).await?;
            }
            write.aside(()).await?;
        }
        Ok(())
    }

    /// Publishes a manifest, unless one was published at its position before: what counts there is given back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn publish_manifest(
        &self,
        new: &PublishedManifest,
    ) -> Result<PublishedManifest, StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        let (lineage, revision) = (number(new.lineage), number(new.revision));
        let (manifest, signature) = (new.manifest.as_slice(), new.signature.as_slice());
        let namespace = new.namespace.as_str();
        let params = params![namespace, lineage, revision, manifest, signature, write.now];
        write.tx.all(INSERT, params).await?;
        let row = write.tx.first(AT, params![namespace, lineage, revision]).await?;
        let counts = read(&row.ok_or_else(|| StoreError::not_found(WHAT, revision))?)?;
        write.aside(counts).await
    }

    /// A blob that was published; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn published_blob(&self, digest: &[u8; 32]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT bytes FROM published_blobs WHERE digest = $1";
        let row = tx.first(sql, params![*digest]).await?;
        row.map(|row| row.of("published blob").get("bytes")).transpose()
    }

    /// Removes manifests that are not to be kept, at most so many; tells how many it were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_old_manifests(
        &self,
        keep: Retention,
        at_once: u32,
    ) -> Result<u64, StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        let old = write.tx.all(OLD_MANIFESTS, params![keep.since, keep.manifests, at_once]).await?;
        for row in &old {
            let row = row.of(WHAT);
            let (namespace, lineage): (String, i64) = (row.get("namespace")?, row.get("lineage")?);
            let revision: i64 = row.get("revision")?;
            let sql = "DELETE FROM published_manifests \
                 WHERE namespace = $1 AND lineage = $2 AND revision = $3";
            write.tx.all(sql, params![namespace, lineage, revision]).await?;
        }
        write.aside(old.len() as u64).await
    }

    /// All manifests that are kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn published_manifests(&self) -> Result<Vec<PublishedManifest>, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT * FROM published_manifests ORDER BY namespace, lineage, revision";
        tx.all(sql, params![]).await?.iter().map(read).collect()
    }

    /// The digests of blobs that nobody published since this time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn old_blobs(&self, before: UnixMillis) -> Result<Vec<[u8; 32]>, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT digest FROM published_blobs WHERE created_at < $1";
        let digest = |row: &Row| row.of("published blob").hash("digest");
        tx.all(sql, params![before]).await?.iter().map(digest).collect()
    }

    /// Removes blobs that nobody published since this time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_blobs(
        &self,
        digests: &[[u8; 32]],
        before: UnixMillis,
    ) -> Result<(), StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        let sql = "DELETE FROM published_blobs WHERE digest = $1 AND created_at < $2";
        for digest in digests {
            write.tx.all(sql, params![*digest, before]).await?;
        }
        write.aside(()).await
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read(row: &Row) -> Result<PublishedManifest, StoreError> {
    let row = row.of(WHAT);
    Ok(PublishedManifest {
        namespace: row.word("namespace", |text| Namespace::parse(text).ok())?,
        lineage: row.number("lineage")?,
        revision: row.number("revision")?,
        manifest: row.get("manifest")?,
        signature: row.get("signature")?,
    })
}
