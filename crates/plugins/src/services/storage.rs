//! Key-value storage as a plugin sees it: its own keys, values with an end. Keys and values are
//! never logged.

use super::detached::detached;
use crate::rate_limited_log::RateLimitedLogs;
use prost_types::Timestamp;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::kv::{Kv, KvError, check};
use sidegate_model::plugin::PluginId;
use sidegate_wire::management::{
    DeletePluginKvRequest, DeletePluginKvResponse, ReadPluginKvRequest, ReadPluginKvResponse,
    WritePluginKvRequest, WritePluginKvResponse,
};
use std::ops::RangeInclusive;
use tonic::Status;

/// The seconds that a timestamp of the wire may have: the years 1 to 9999.
const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Keeps a value. One whose end has passed already is not kept, and neither is what it replaces.
pub(super) async fn write(
    kv: &dyn Kv,
    plugin: PluginId,
    request: WritePluginKvRequest,
) -> Result<WritePluginKvResponse, Status> {
    let refused = |error| refusal(plugin, error);
    check(&request.key, &request.value).map_err(refused)?;
    let expires_at = request.expire_at.as_ref().map(millis).transpose()?;
    // It may wait long for its turn, and its message can be far larger than both.
    let (mut key, value) = (request.key, detached(request.value));
    key.shrink_to_fit();
    if expires_at.is_some_and(|end| end <= now_millis()) {
        kv.delete(plugin, &key).await.map_err(refused)?;
        return Ok(WritePluginKvResponse { created: false });
    }
    let written = kv.write(plugin, &key, &value, expires_at).await;
    Ok(WritePluginKvResponse { created: written.map_err(refused)? })
}

/// Gives the value.
pub(super) async fn read(
    kv: &dyn Kv,
    plugin: PluginId,
    request: &ReadPluginKvRequest,
) -> Result<ReadPluginKvResponse, Status> {
    let refused = |error| refusal(plugin, error);
    check(&request.key, &[]).map_err(refused)?;
    let value = kv.read(plugin, &request.key).await.map_err(refused)?;
    let value = value.ok_or_else(|| Status::not_found("key not found"))?;
    Ok(ReadPluginKvResponse { value: value.into() })
}

/// Removes a key.
pub(super) async fn delete(
    kv: &dyn Kv,
    plugin: PluginId,
    request: &DeletePluginKvRequest,
) -> Result<DeletePluginKvResponse, Status> {
    let refused = |error| refusal(plugin, error);
    check(&request.key, &[]).map_err(refused)?;
    let deleted = kv.delete(plugin, &request.key).await.map_err(refused)?;
    Ok(DeletePluginKvResponse { deleted })
}

/// Any call can find it so, and a plugin calls as often as it likes.
static UNREACHABLE: RateLimitedLogs<PluginId> = RateLimitedLogs::new();

/// Why the storage did not do it, in words for the plugin.
pub(super) fn refusal(plugin: PluginId, error: KvError) -> Status {
    match error {
        KvError::Key(_) | KvError::Value(_) => Status::invalid_argument(error.to_string()),
        KvError::Full => Status::resource_exhausted(error.to_string()),
        KvError::Unavailable(internal) => {
            if let Some(times) = UNREACHABLE.due(plugin) {
                let error = internal;
                tracing::warn!(%plugin, times, error, "the plugins' storage cannot be reached");
            }
            Status::unavailable("the storage cannot be reached right now; try again in a moment")
        }
    }
}

fn millis(at: &Timestamp) -> Result<UnixMillis, Status> {
    if !SECONDS.contains(&at.seconds) || !(0..1_000_000_000).contains(&at.nanos) {
        return Err(Status::invalid_argument(
            "expire_at is no point in time: give seconds within the years 1 to 9999 and 0 to 999999999 nanos",
        ));
    }
    Ok(at.seconds * 1000 + i64::from(at.nanos / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_read_to_the_millisecond_and_only_where_it_is_one() {
        let read = |seconds, nanos| millis(&Timestamp { seconds, nanos }).ok();
        assert_eq!(read(1, 999_999_999), Some(1999));
        assert_eq!(read(-1, 1_000_000), Some(-999));
        assert!(read(*SECONDS.start(), 0).is_some() && read(*SECONDS.end(), 0).is_some());
        assert_eq!(read(*SECONDS.start() - 1, 0), None);
        assert_eq!(read(*SECONDS.end() + 1, 0), None);
        assert_eq!(read(i64::MAX, 0), None);
        assert_eq!((read(0, -1), read(0, 1_000_000_000)), (None, None));
    }
}
