//! A snapshot on disk is whole or it is not used, whatever happened to it; a write that is cut anywhere leaves the
//! one before or the new one.

use super::*;
use crate::object::Blob;
use crate::signature::Signer;
use crate::testing::{plugins, published};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use tempfile::TempDir;

/// Lets a step of the disk fail: one, or that one and all that come after, as when the power is cut.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Plan>);

#[derive(Debug, Default, Clone, Copy)]
struct Plan {
    taken: usize,
    fails_at: Option<usize>,
    goes_on: bool,
}

impl Faults {
    pub(super) fn step(&self) -> io::Result<()> {
        let mut plan = self.0.lock().unwrap();
        plan.taken += 1;
        let fails = match plan.fails_at {
            Some(at) if plan.goes_on => plan.taken == at,
            Some(at) => plan.taken >= at,
            None => false,
        };
        if fails { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

struct Publisher {
    signer: Signer,
    pinned: PinnedSigners,
    folder: TempDir,
}

impl Publisher {
    fn new() -> Self {
        let signer = Signer::generate().unwrap();
        let pinned = PinnedSigners::new([signer.key()]).unwrap();
        Self { signer, pinned, folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn revision(&self, revision: u64) -> (StoredSnapshot, Vec<Blob>) {
        // Plugin 1 stays as it is, plugin 2 changes.
        let mut content = plugins(&[1], 0);
        let second = plugins(&[2], revision);
        content = content.with_plugin(
            sidegate_model::plugin::PluginId(2),
            second.plugins.values().next().map(|spec| (**spec).clone()),
        );
        let (manifest, blobs) = published(&self.signer, (1, revision), &content);
        (StoredSnapshot { manifest, kept: Vec::new() }, blobs)
    }

    fn store(&self, disk: &mut Disk, revision: u64) -> Result<(), DiskError> {
        let (snapshot, blobs) = self.revision(revision);
        for blob in blobs {
            disk.write_blob(blob.digest, &blob.bytes)?;
        }
        disk.persist(&snapshot)
    }

    fn open(&self) -> Disk {
        Disk::open(&self.path(), Namespace::global()).unwrap()
    }

    fn loaded(&self) -> (Option<u64>, Vec<Damaged>) {
        let loaded = self.open().load(&self.pinned).unwrap();
        let revision = loaded.snapshot.map(|stored| stored.manifest.position().revision);
        (revision, loaded.damaged)
    }

    fn with_two_revisions() -> Self {
        let publisher = Self::new();
        let mut disk = publisher.open();
        publisher.store(&mut disk, 1).unwrap();
        publisher.store(&mut disk, 2).unwrap();
        assert_eq!(publisher.loaded(), (Some(2), Vec::new()));
        publisher
    }

    fn files(&self) -> Vec<PathBuf> {
        let below = |folder: PathBuf| {
            let entries = std::fs::read_dir(folder).unwrap();
            entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file())
        };
        below(self.path()).chain(below(self.path().join("blobs"))).collect()
    }
}

#[test]
fn no_byte_of_a_stored_snapshot_can_be_changed_unseen() {
    let publisher = Publisher::with_two_revisions();
    for path in publisher.files() {
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            std::fs::write(&path, &changed).unwrap();
            let (revision, damaged) = publisher.loaded();
            let named = damaged.iter().any(|damaged| damaged.file == path);
            assert!(named, "{} changed at {at} and not refused: {damaged:?}", path.display());
            let is_shared = revision.is_none();
            // Both have the blob of plugin 1; nothing else is needed by both.
            let needed_by_both = damaged.iter().filter(|d| d.file.ends_with("current")).count()
                == 1
                && damaged.iter().filter(|d| d.file.ends_with("previous")).count() == 1;
            assert_eq!(is_shared, needed_by_both, "{damaged:?}");
            let is_previous = path.ends_with("current")
                || damaged.iter().any(|damaged| damaged.file.ends_with("current"));
            if !is_shared {
                assert_eq!(revision, Some(if is_previous { 1 } else { 2 }), "{damaged:?}");
            }
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(publisher.loaded().1.iter().any(|damaged| damaged.file == path));
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(publisher.loaded(), (Some(2), Vec::new()));
}

#[test]
fn a_write_that_is_cut_at_any_step_leaves_one_revision_whole() {
    let mut cuts = 0;
    for at in 1.. {
        let publisher = Publisher::with_two_revisions();
        let files = Files::default();
        let mut disk = Disk::open_with(files, &publisher.path(), Namespace::global()).unwrap();
        disk.load(&publisher.pinned).unwrap();
        let taken = disk.files.faults.0.lock().unwrap().taken;
        disk.files.faults.0.lock().unwrap().fails_at = Some(taken + at);
        let stored = publisher.store(&mut disk, 3);
        let (revision, damaged) = publisher.loaded();
        assert_eq!(damaged, Vec::new(), "cut at step {at}");
        match stored {
            Ok(()) => {
                assert_eq!(revision, Some(3));
                break;
            }
            Err(_) => assert!(matches!(revision, Some(2 | 3)), "{revision:?} at step {at}"),
        }
        cuts += 1;
        // And it goes on from there.
        let mut disk = publisher.open();
        disk.load(&publisher.pinned).unwrap();
        publisher.store(&mut disk, 3).unwrap();
        assert_eq!(publisher.loaded(), (Some(3), Vec::new()));
    }
    assert!(cuts > 10, "{cuts} steps only");
}

#[test]
fn a_full_disk_is_told_with_what_to_do_and_keeps_what_is_there() {
    for at in 1..=8 {
        let publisher = Publisher::with_two_revisions();
        let mut disk = publisher.open();
        disk.load(&publisher.pinned).unwrap();
        let mut plan = disk.files.faults.0.lock().unwrap();
        (plan.fails_at, plan.goes_on) = (Some(plan.taken + at), true);
        drop(plan);
        let said = publisher.store(&mut disk, 3).unwrap_err().to_string();
        assert!(said.contains("free some space"), "{said}");
        assert!(said.contains(&publisher.path().display().to_string()), "{said}");
        assert!(publisher.loaded().0 >= Some(2));
        assert!(!publisher.files().iter().any(|path| path.to_string_lossy().ends_with(".new")));
        // There is room again.
        publisher.store(&mut disk, 3).unwrap();
        assert_eq!(publisher.loaded(), (Some(3), Vec::new()));
    }
}

#[test]
fn a_damaged_blob_is_written_anew_or_goes_with_the_next_snapshot() {
    let publisher = Publisher::with_two_revisions();
    let blob = |revision: u64| {
        let digest = publisher.revision(revision).1[1].digest;
        publisher.path().join("blobs").join(digest.to_string())
    };
    for revision in [1, 2] {
        std::fs::write(blob(revision), "something else").unwrap();
    }
    let mut disk = publisher.open();
    assert!(disk.load(&publisher.pinned).unwrap().snapshot.is_none());
    publisher.store(&mut disk, 2).unwrap();
    assert_eq!(publisher.loaded().0, Some(2));
    assert!(blob(2).exists() && !blob(1).exists());
}

#[test]
fn files_are_for_their_owner_only() {
    let publisher = Publisher::with_two_revisions();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for path in publisher.files() {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    assert_eq!((mode(&publisher.path()), mode(&publisher.path().join("blobs"))), (0o700, 0o700));
}

#[test]
fn a_snapshot_of_another_signer_or_namespace_is_refused_by_name() {
    let publisher = Publisher::with_two_revisions();
    let other = PinnedSigners::new([Signer::generate().unwrap().key()]).unwrap();
    let loaded = publisher.open().load(&other).unwrap();
    let said: Vec<_> = loaded.damaged.iter().map(ToString::to_string).collect();
    assert!(loaded.snapshot.is_none() && said.len() == 2, "{said:?}");
    assert!(said[0].contains("current is not used: no pinned signer signed it"), "{said:?}");
    let mut berlin = Disk::open(&publisher.path(), Namespace::parse("berlin").unwrap()).unwrap();
    let loaded = berlin.load(&publisher.pinned).unwrap();
    assert!(loaded.snapshot.is_none());
    assert!(loaded.damaged[0].problem.contains("it is of namespace (global)"));
}

#[test]
fn a_manifest_is_not_stored_before_all_of_its_blobs_are() {
    let publisher = Publisher::new();
    let mut disk = publisher.open();
    let (snapshot, blobs) = publisher.revision(1);
    disk.write_blob(blobs[0].digest, &blobs[0].bytes).unwrap();
    let said = disk.persist(&snapshot).unwrap_err().to_string();
    assert!(said.contains(&blobs[1].digest.to_string()), "{said}");
    assert_eq!(publisher.loaded().0, None);
}

#[test]
fn what_is_kept_of_other_manifests_is_kept_over_a_restart() {
    let publisher = Publisher::new();
    let mut disk = publisher.open();
    let (old, _) = publisher.revision(1);
    publisher.store(&mut disk, 1).unwrap();
    let (new, blobs) = publisher.revision(2);
    blobs.iter().for_each(|blob| disk.write_blob(blob.digest, &blob.bytes).unwrap());
    let name = blobs[1].name.clone();
    let kept = vec![(old.manifest.clone(), vec![name.clone()])];
    disk.persist(&StoredSnapshot { kept: kept.clone(), ..new.clone() }).unwrap();
    let stored = publisher.open().load(&publisher.pinned).unwrap().snapshot.unwrap();
    assert_eq!((stored.manifest, stored.kept), (new.manifest, kept));
    let old_blob = old.manifest.find(&name).unwrap().digest;
    disk.remove_blobs(&[old_blob]);
    assert_eq!(publisher.loaded().0, None, "neither is whole without it");
}
