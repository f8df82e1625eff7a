//! Key-value storage beyond the original contract: under conditions, taken, listed. Keys and values are never logged.

use super::detached::detached;
use super::storage::refusal;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::kv::{
    Condition, Kv, KvRange, MAX_KEY_BYTES, MAX_PAGE_ENTRIES, NewEntry, VERSION_BYTES, Version,
    Written, check,
};
use sidegate_model::plugin::PluginId;
use sidegate_wire::host as wire;
use sidegate_wire::host::write_entry_request::Condition as Wanted;
use tonic::Status;

/// How many entries a page has where nothing is said.
const PAGE: u32 = 100;

/// Gives a value with its version.
pub(super) async fn read(
    kv: &dyn Kv,
    plugin: PluginId,
    request: &wire::ReadEntryRequest,
) -> Result<wire::ReadEntryResponse, Status> {
    let refused = |error| refusal(plugin, error);
    check(&request.key, &[]).map_err(refused)?;
    let kept = kv.find(plugin, &request.key).await.map_err(refused)?;
    let kept = kept.ok_or_else(absent)?;
    let version = kept.version().0.to_vec().into();
    let ttl_ms = left(kept.expires_at);
    Ok(wire::ReadEntryResponse { value: kept.value.into(), version, ttl_ms })
}

/// Keeps a value where its condition holds.
pub(super) async fn write(
    kv: &dyn Kv,
    plugin: PluginId,
    request: wire::WriteEntryRequest,
) -> Result<wire::WriteEntryResponse, Status> {
    let refused = |error| refusal(plugin, error);
    check(&request.key, &request.value).map_err(refused)?;
    // It may wait long for its turn, and its message can be far larger than all of it.
    let (mut key, value) = (request.key, detached(request.value));
    key.shrink_to_fit();
    let wanted = match request.condition {
        Some(Wanted::IfValue(value)) => Some(Wanted::IfValue(detached(value))),
        wanted => wanted,
    };
    let expires_at = end(request.ttl_ms, now_millis());
    let entry = NewEntry { key: &key, value: &value, expires_at };
    let written = kv.write_if(plugin, entry, condition(wanted.as_ref())?).await;
    Ok(match written.map_err(refused)? {
        Written::Kept { is_new } => wire::WriteEntryResponse {
            written: true,
            created: is_new,
            version: Version::of(&value, expires_at).0.to_vec().into(),
        },
        Written::Refused { there } => wire::WriteEntryResponse {
            written: false,
            created: false,
            version: there.map(|version| version.0.to_vec().into()).unwrap_or_default(),
        },
    })
}

/// Gives a value and removes it.
pub(super) async fn take(
    kv: &dyn Kv,
    plugin: PluginId,
    request: &wire::TakeEntryRequest,
) -> Result<wire::TakeEntryResponse, Status> {
    let refused = |error| refusal(plugin, error);
    check(&request.key, &[]).map_err(refused)?;
    let condition = match &request.if_version {
        Some(bytes) => Condition::Version(version(bytes)?),
        None => Condition::None,
    };
    let taken = kv.take(plugin, &request.key, condition).await.map_err(refused)?;
    let kept = taken.ok_or_else(absent)?;
    Ok(wire::TakeEntryResponse { value: kept.value.into(), ttl_ms: left(kept.expires_at) })
}

/// Lists entries, a page at a time.
pub(super) async fn list(
    kv: &dyn Kv,
    plugin: PluginId,
    request: &wire::ListEntriesRequest,
) -> Result<wire::ListEntriesResponse, Status> {
    for (name, text) in [("prefix", &request.prefix), ("after", &request.after)] {
        if text.len() > MAX_KEY_BYTES {
            return Err(Status::invalid_argument(format!(
                "{name} has {} bytes, but no key has more than {MAX_KEY_BYTES}",
                text.len()
            )));
        }
    }
    let size = match request.limit {
        0 => PAGE,
        limit => limit.min(MAX_PAGE_ENTRIES),
    };
    let range = KvRange {
        prefix: &request.prefix,
        after: &request.after,
        size,
        with_values: request.with_values,
    };
    let page = kv.list(plugin, range).await.map_err(|error| refusal(plugin, error))?;
    let last = page.entries.last().filter(|_| page.has_more);
    let next = last.map(|entry| entry.key.clone()).unwrap_or_default();
    let entries = page.entries.into_iter().map(|entry| wire::ListedEntry {
        key: entry.key,
        value_bytes: entry.value_bytes,
        ttl_ms: left(entry.expires_at),
        value: entry.value.unwrap_or_default().into(),
    });
    Ok(wire::ListEntriesResponse { entries: entries.collect(), next })
}

fn absent() -> Status {
    Status::not_found("key not found")
}

/// When what is kept for so long expires; what no clock can tell is for ever.
fn end(ttl_ms: u64, now: UnixMillis) -> Option<UnixMillis> {
    let ttl = UnixMillis::try_from(ttl_ms).ok().filter(|ttl| *ttl > 0)?;
    now.checked_add(ttl)
}

/// How long it is until then. What was there a moment ago has a millisecond left.
fn left(expires_at: Option<UnixMillis>) -> Option<u64> {
    let left =
        |end: UnixMillis| u64::try_from(end.saturating_sub(now_millis())).unwrap_or(0).max(1);
    expires_at.map(left)
}

fn condition(wanted: Option<&Wanted>) -> Result<Condition<'_>, Status> {
    Ok(match wanted {
        None => Condition::None,
        Some(Wanted::IfAbsent(true)) => Condition::Absent,
        Some(Wanted::IfAbsent(false)) => {
            return Err(Status::invalid_argument(
                "if_absent is true where it is given; leave it out to write in any case",
            ));
        }
        Some(Wanted::IfVersion(bytes)) => Condition::Version(version(bytes)?),
        Some(Wanted::IfValue(value)) => Condition::Value(value),
    })
}

fn version(bytes: &[u8]) -> Result<Version, Status> {
    bytes.try_into().map(Version).map_err(|_| {
        Status::invalid_argument(format!(
            "a version has {VERSION_BYTES} bytes, as it was read, this one has {}",
            bytes.len()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_that_long_from_now_and_never_where_no_clock_can_tell_it() {
        assert_eq!(end(0, 5), None);
        assert_eq!(end(1, 5), Some(6));
        assert_eq!(end(u64::MAX, 5), None);
        assert_eq!(end(i64::MAX as u64, 5), None);
        assert_eq!(left(None), None);
        assert_eq!(left(Some(1)), Some(1));
        assert!(left(Some(now_millis() + 60_000)).is_some_and(|left| left > 50_000));
    }

    #[test]
    fn a_condition_that_says_nothing_is_no_condition_that_always_holds() {
        assert!(condition(Some(&Wanted::IfAbsent(false))).is_err());
        assert!(condition(Some(&Wanted::IfVersion("short".into()))).is_err());
        assert_eq!(condition(None).unwrap(), Condition::None);
        assert_eq!(condition(Some(&Wanted::IfValue("".into()))).unwrap(), Condition::Value(b""));
    }
}
