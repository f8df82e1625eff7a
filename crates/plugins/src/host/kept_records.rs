//! Records that outlive the gateway: the last lines of each plugin in a file of its own, bounded,
//! for the owner only. Written now and then and at the end, on threads where waiting is allowed; removed
//! with their plugin.
//!
//! What cannot be written is missing after the next start, and nothing else.

use super::recorder::PluginRecorder;
use serde::{Deserialize, Serialize};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::plugin::PluginId;
use sidegate_model::record::{InstanceEnd, InstanceRecord, LoggedLine, ProcessExit};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many lines of a process are kept, and how many bytes of all lines of a plugin.
const LINES: usize = 200;
const BYTES: usize = 256 * 1024;
/// Files larger than this are not ours.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// When each plugin there is was registered.
pub(super) type Registered = Arc<BTreeMap<PluginId, UnixMillis>>;

/// The folder of the records.
pub(super) struct KeptRecords {
    folder: PathBuf,
    /// What was written last of each plugin.
    written: HashMap<PluginId, u64>,
    /// The last attempt failed, and was told.
    fails: bool,
    /// The plugins there were when files of others were removed last.
    cleaned_for: Option<Registered>,
}

impl KeptRecords {
    /// Records below this folder, which is made when it is needed.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, written: HashMap::new(), fails: false, cleaned_for: None }
    }

    /// Writes what has changed, and removes what was kept of plugins that are registered no more.
    pub(super) fn save(
        &mut self,
        recorders: &BTreeMap<PluginId, Arc<PluginRecorder>>,
        registered: &Registered,
    ) {
        self.clean(registered);
        for (id, recorder) in recorders {
            let version = recorder.version();
            let is_written = version == 0 || self.written.get(id) == Some(&version);
            if is_written || !registered.contains_key(id) {
                continue;
            }
            match self.write(*id, recorder) {
                Ok(()) => {
                    self.written.insert(*id, version);
                    self.fails = false;
                }
                Err(error) if !std::mem::replace(&mut self.fails, true) => {
                    let folder = self.folder.display();
                    tracing::warn!(%folder, %error, "records of plugins cannot be kept");
                }
                Err(_) => {}
            }
        }
    }

    fn write(&self, id: PluginId, recorder: &PluginRecorder) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut room = BYTES;
        let records = recorder.records(LINES);
        let records = records.iter().map(|record| Kept::of(record, &mut room)).collect();
        let registered_at = recorder.registered_at();
        let gateway = Some(std::process::id());
        let page = Page { registered_at, saved_at: now_millis(), gateway, records };
        let (path, draft) = (file(&self.folder, id), self.folder.join(format!("{id}.tmp")));
        let write = || {
            let options =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
            let mut to = options.open(&draft)?;
            to.write_all(&serde_json::to_vec(&page)?)?;
            fs::rename(&draft, path)
        };
        write().inspect_err(|_| {
            // Half a file on a full disk only takes room from others.
            let _ = fs::remove_file(&draft);
        })
    }

    /// Removes what was kept of plugins that are registered no more, if there can be anything new.
    fn clean(&mut self, registered: &Registered) {
        if self.cleaned_for.as_ref().is_some_and(|before| Arc::ptr_eq(before, registered)) {
            return;
        }
        self.cleaned_for = Some(registered.clone());
        self.written.retain(|id, _| registered.contains_key(id));
        let Ok(files) = fs::read_dir(&self.folder) else { return };
        for file in files.filter_map(Result::ok) {
            let plugin = file.file_name().to_str().and_then(plugin_of);
            if plugin.is_some_and(|id| !registered.contains_key(&id)) {
                // What stays is tried again with the next change, and at the next start.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

/// Whose file it is by its name; `None` for one that is not ours.
fn plugin_of(file_name: &str) -> Option<PluginId> {
    let id = file_name.strip_suffix(".json").or_else(|| file_name.strip_suffix(".tmp"))?;
    id.parse().ok().map(PluginId)
}

/// What was kept of a plugin that was registered then, newest first. A file that cannot be read is none.
/// `predecessor` is the gateway that still serves, where this one takes over.
pub(super) fn load(
    folder: &Path,
    id: PluginId,
    registered_at: UnixMillis,
    predecessor: Option<u32>,
) -> Vec<InstanceRecord> {
    let path = file(folder, id);
    let is_ours = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= MAX_FILE);
    let text = if is_ours { fs::read(&path).ok() } else { None };
    let Some(page) = text.and_then(|text| serde_json::from_slice::<Page>(&text).ok()) else {
        return Vec::new();
    };
    // Numbers of plugins can come again, with another database.
    if page.registered_at != registered_at {
        return Vec::new();
    }
    let unseen = page.unseen_end(predecessor);
    page.records.into_iter().map(|record| record.told(&unseen)).collect()
}

fn file(folder: &Path, id: PluginId) -> PathBuf {
    folder.join(format!("{id}.json"))
}

/// A file.
#[derive(Serialize, Deserialize)]
struct Page {
    /// When the plugin was registered; its name may change.
    registered_at: UnixMillis,
    saved_at: UnixMillis,
    /// The process of the gateway that wrote it; files of older versions do not say.
    #[serde(default)]
    gateway: Option<u32>,
    /// Newest first.
    records: Vec<Kept>,
}

impl Page {
    /// The end of its processes that had none when it was written.
    fn unseen_end(&self, predecessor: Option<u32>) -> InstanceEnd {
        // Whoever wrote it still looks after them, and ends them in order once all is handed over.
        let is_handed_over =
            predecessor.is_some_and(|serves| self.gateway.is_none_or(|wrote| wrote == serves));
        let (at, reason) = match is_handed_over {
            true => (now_millis(), "replaced: another process of the gateway took over"),
            false => (self.saved_at, "the gateway ended before it saw this process end"),
        };
        let reason = reason.to_owned();
        InstanceEnd { at, reason, in_order: is_handed_over, ..InstanceEnd::default() }
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    started_at: UnixMillis,
    pid: Option<u32>,
    sha256: Option<String>,
    ready_at: Option<UnixMillis>,
    end: Option<KeptEnd>,
    lines: Vec<KeptLine>,
}

#[derive(Serialize, Deserialize)]
struct KeptEnd {
    at: UnixMillis,
    exit_code: Option<i32>,
    signal: Option<i32>,
    in_order: bool,
    out_of_memory: Option<String>,
    in_flight: usize,
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct KeptLine {
    number: u64,
    at: UnixMillis,
    stream: String,
    level: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    module: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<String>,
}

impl Kept {
    /// A record with as many of its last lines as there is room for.
    fn of(record: &InstanceRecord, room: &mut usize) -> Self {
        let mut lines: Vec<_> = record
            .lines
            .iter()
            .rev()
            .map_while(|line| {
                let size = 128 + line.message.len() + line.fields.as_ref().map_or(0, String::len);
                *room = room.checked_sub(size)?;
                Some(KeptLine::of(line))
            })
            .collect();
        lines.reverse();
        let end = record.end.as_ref().map(|end| KeptEnd {
            at: end.at,
            exit_code: match end.exit {
                Some(ProcessExit::Code(code)) => Some(code),
                _ => None,
            },
            signal: match end.exit {
                Some(ProcessExit::Signal(signal)) => Some(signal),
                _ => None,
            },
            in_order: end.in_order,
            out_of_memory: end.out_of_memory.clone(),
            in_flight: end.in_flight,
            reason: end.reason.clone(),
        });
        Self {
            started_at: record.started_at,
            pid: record.pid,
            sha256: record.sha256.clone(),
            ready_at: record.ready_at,
            end,
            lines,
        }
    }

    fn told(self, unseen: &InstanceEnd) -> InstanceRecord {
        InstanceRecord {
            started_at: self.started_at,
            pid: self.pid,
            sha256: self.sha256,
            ready_at: self.ready_at,
            end: Some(self.end.map_or_else(|| unseen.clone(), KeptEnd::told)),
            lines: self.lines.into_iter().map(KeptLine::told).collect(),
        }
    }
}

impl KeptEnd {
    fn told(self) -> InstanceEnd {
        let code = self.exit_code.map(ProcessExit::Code);
        InstanceEnd {
            at: self.at,
            exit: code.or(self.signal.map(ProcessExit::Signal)),
            in_order: self.in_order,
            out_of_memory: self.out_of_memory,
            in_flight: self.in_flight,
            reason: self.reason,
        }
    }
}

impl KeptLine {
    fn of(line: &LoggedLine) -> Self {
        Self {
            number: line.number,
            at: line.at,
            stream: line.stream.to_owned(),
            level: line.level.to_owned(),
            message: line.message.clone(),
            module: line.module.clone(),
            request_id: line.request_id.clone(),
            trace_id: line.trace_id.clone(),
            fields: line.fields.clone(),
        }
    }

    fn told(self) -> LoggedLine {
        let known = |words: &[&'static str], word: &str| words.iter().copied().find(|w| *w == word);
        LoggedLine {
            number: self.number,
            at: self.at,
            stream: known(&["stdout"], &self.stream).unwrap_or("stderr"),
            level: known(&["trace", "debug", "warn", "error"], &self.level).unwrap_or("info"),
            message: self.message,
            module: self.module,
            request_id: self.request_id,
            trace_id: self.trace_id,
            fields: self.fields,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(ids: &[u32]) -> Registered {
        Arc::new(ids.iter().map(|id| (PluginId(*id), 17)).collect())
    }

    fn recorder_with(lines: usize, text: &str) -> Arc<PluginRecorder> {
        let recorder = PluginRecorder::new(17, Vec::new());
        let recording = recorder.begin();
        recording.spawned(7);
        for _ in 0..lines {
            let line = LoggedLine {
                stream: "stdout",
                level: "warn",
                message: text.to_owned(),
                fields: Some(r#"{"n":1}"#.to_owned()),
                request_id: Some("req_1".to_owned()),
                ..LoggedLine::default()
            };
            recording.recent().push(line);
        }
        recording.ended(InstanceEnd { reason: "over".to_owned(), ..InstanceEnd::default() });
        drop(recording);
        Arc::new(recorder)
    }

    #[test]
    fn what_is_kept_is_told_again_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let recorders = BTreeMap::from([(PluginId(3), recorder_with(2, "hot"))]);
        KeptRecords::new(folder.path().join("records")).save(&recorders, &registered(&[3]));
        let kept = load(&folder.path().join("records"), PluginId(3), 17, None);
        assert_eq!(kept, recorders[&PluginId(3)].records(LINES));
        assert_eq!(load(&folder.path().join("records"), PluginId(3), 18, None), []);
        let last = kept[0].lines.last().unwrap().number;
        let next = PluginRecorder::new(17, kept);
        let recording = next.begin();
        recording.recent().push(LoggedLine::default());
        assert!(recording.recent().last(1)[0].number > last);
    }

    #[test]
    fn who_is_left_to_the_gateway_before_has_not_failed_and_who_outlived_one_has() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = PluginRecorder::new(17, Vec::new());
        let running = recorder.begin();
        let recorders = BTreeMap::from([(PluginId(3), Arc::new(recorder))]);
        KeptRecords::new(folder.path().to_owned()).save(&recorders, &registered(&[3]));
        let in_order = |predecessor: Option<u32>| {
            let kept = load(folder.path(), PluginId(3), 17, predecessor).remove(0);
            kept.end.unwrap().in_order
        };
        let us = std::process::id();
        assert!(in_order(Some(us)));
        assert!(!in_order(None));
        // It was written by one that was killed before that one came.
        assert!(!in_order(Some(us + 1)));
        let file = folder.path().join("3.json");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(&format!("\"gateway\":{us}"), "\"other\":0")).unwrap();
        assert!(in_order(Some(us)) && !in_order(None), "as older versions wrote it");
        drop(running);
    }

    #[test]
    fn a_file_is_bounded_and_nobody_elses_to_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let recorders = BTreeMap::from([(PluginId(3), recorder_with(200, &"x".repeat(2048)))]);
        KeptRecords::new(folder.path().to_owned()).save(&recorders, &registered(&[3]));
        let file = fs::metadata(folder.path().join("3.json")).unwrap();
        assert!(file.len() < 400 * 1024, "{}", file.len());
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        let kept = load(folder.path(), PluginId(3), 17, None).remove(0).lines;
        let all = recorders[&PluginId(3)].records(LINES).remove(0).lines;
        assert_eq!(kept.last(), all.last(), "the newest ones are kept");
        assert!(kept.len() > 50 && kept.len() < 200, "{}", kept.len());
    }

    #[test]
    fn what_is_broken_is_nothing_and_what_cannot_be_written_harms_nobody() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("3.json"), "{\"registered_at\":").unwrap();
        assert_eq!(load(folder.path(), PluginId(3), 17, None), []);
        let recorders = BTreeMap::from([(PluginId(3), recorder_with(1, "x"))]);
        KeptRecords::new(PathBuf::from("/dev/null/records")).save(&recorders, &registered(&[3]));
    }

    #[test]
    fn a_file_stays_as_long_as_its_plugin_is_registered_and_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let files = fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = files.map(|f| f.unwrap().file_name()).collect();
            names.sort();
            names
        };
        for other in ["10.json", "10.tmp", "11.json", "notes.txt"] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        let recorders = BTreeMap::from([(PluginId(3), recorder_with(1, "x"))]);
        let mut kept = KeptRecords::new(folder.path().to_owned());
        // Number 11 is disabled.
        kept.save(&recorders, &registered(&[3, 11]));
        assert_eq!(names(), ["11.json", "3.json", "notes.txt"]);
        // What is removed may still be at its end.
        kept.save(&recorders, &registered(&[11]));
        kept.save(&recorders, &registered(&[11]));
        assert_eq!(names(), ["11.json", "notes.txt"]);
    }
}
