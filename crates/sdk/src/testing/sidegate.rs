//! The services of a testing host that Sidegate has beyond the original contract.

use std::time::Duration;

use sidegate_wire::host as wire;
use sidegate_wire::host::sidegate_host_service_server::SidegateHostService;
use sidegate_wire::host::write_entry_request::Condition;
use tonic::{Request, Response, Status};

use super::memory::{Memory, Value, remaining};
use super::services::{Answer, Services, VALUE_BYTES};
use crate::machine;

/// The same limits as Sidegate has.
const CLEAR_BYTES: usize = 64 * 1024;
const PAGE_BYTES: usize = 1024 * 1024;
const PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

#[tonic::async_trait]
impl SidegateHostService for Services {
    async fn read_entry(
        &self,
        request: Request<wire::ReadEntryRequest>,
    ) -> Answer<wire::ReadEntryResponse> {
        let key = request.into_inner().key;
        let memory = self.values(&key)?;
        let kept = memory.find(&key).ok_or_else(absent)?;
        let (value, version) = (kept.value.clone(), kept.version());
        let ttl_ms = remaining(kept.until);
        Ok(Response::new(wire::ReadEntryResponse { value, version, ttl_ms }))
    }

    async fn write_entry(
        &self,
        request: Request<wire::WriteEntryRequest>,
    ) -> Answer<wire::WriteEntryResponse> {
        let wire::WriteEntryRequest { key, value, ttl_ms, condition } = request.into_inner();
        let mut memory = self.values(&key)?;
        if value.len() > VALUE_BYTES {
            return Err(Status::invalid_argument(format!("{VALUE_BYTES} bytes are the most")));
        }
        let there = memory.find(&key);
        let holds = match &condition {
            None => true,
            Some(Condition::IfAbsent(_)) => there.is_none(),
            Some(Condition::IfVersion(version)) => there.is_some_and(|v| v.version() == *version),
            Some(Condition::IfValue(value)) => there.is_some_and(|kept| kept.value == *value),
        };
        if !holds {
            let version = there.map(Value::version).unwrap_or_default();
            let refused = wire::WriteEntryResponse { written: false, created: false, version };
            return Ok(Response::new(refused));
        }
        let ttl = (ttl_ms > 0).then(|| Duration::from_millis(ttl_ms));
        let until = ttl.and_then(|ttl| machine::now().checked_add(ttl));
        let created = memory.write(&key, value, until);
        let version = memory.find(&key).map(Value::version).unwrap_or_default();
        Ok(Response::new(wire::WriteEntryResponse { written: true, created, version }))
    }

    async fn take_entry(
        &self,
        request: Request<wire::TakeEntryRequest>,
    ) -> Answer<wire::TakeEntryResponse> {
        let wire::TakeEntryRequest { key, if_version } = request.into_inner();
        let mut memory = self.values(&key)?;
        let kept = memory.find(&key);
        let kept = kept.filter(|kept| if_version.is_none_or(|version| kept.version() == version));
        let kept = kept.ok_or_else(absent)?;
        let taken =
            wire::TakeEntryResponse { value: kept.value.clone(), ttl_ms: remaining(kept.until) };
        memory.delete(&key);
        Ok(Response::new(taken))
    }

    async fn list_entries(
        &self,
        request: Request<wire::ListEntriesRequest>,
    ) -> Answer<wire::ListEntriesResponse> {
        let request = request.into_inner();
        let memory = self.values("any")?;
        Ok(Response::new(page(&memory, &request)))
    }

    async fn seal(&self, request: Request<wire::SealRequest>) -> Answer<wire::SealResponse> {
        let request = request.into_inner();
        let mut memory = self.values("any")?;
        if request.clear.len() > CLEAR_BYTES {
            return Err(Status::invalid_argument(format!("{CLEAR_BYTES} bytes are the most")));
        }
        let sealed = memory.seal(request.clear, request.associated_data);
        let sealed = sealed.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(Response::new(wire::SealResponse { sealed }))
    }

    async fn open(&self, request: Request<wire::OpenRequest>) -> Answer<wire::OpenResponse> {
        let request = request.into_inner();
        let memory = self.values("any")?;
        let clear = memory.open(&request.sealed, &request.associated_data);
        let clear = clear.ok_or_else(|| Status::invalid_argument("it cannot be opened"))?;
        Ok(Response::new(wire::OpenResponse { clear }))
    }
}

fn absent() -> Status {
    Status::not_found("key not found")
}

fn page(memory: &Memory, request: &wire::ListEntriesRequest) -> wire::ListEntriesResponse {
    let size = match request.limit {
        0 => PAGE,
        limit => limit.min(LARGEST_PAGE),
    };
    let mut page = wire::ListEntriesResponse::default();
    let mut bytes = 0;
    for (key, kept) in memory.behind(&request.prefix, &request.after) {
        bytes += kept.value.len();
        let is_full = page.entries.len() == size as usize
            || (request.with_values && bytes > PAGE_BYTES && !page.entries.is_empty());
        if is_full {
            page.next = page.entries.last().map(|entry| entry.key.clone()).unwrap_or_default();
            break;
        }
        page.entries.push(wire::ListedEntry {
            key: key.to_owned(),
            value_bytes: kept.value.len() as u64,
            ttl_ms: remaining(kept.until),
            value: if request.with_values { kept.value.clone() } else { bytes::Bytes::new() },
        });
    }
    page
}
