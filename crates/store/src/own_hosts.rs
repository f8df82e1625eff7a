//! That no two plugins have one host in what one edge can see. It is asked within writes, of which there is one at a
//! time. Options are no column of their own, and few plugins have a host, so all options are looked at, where one is wanted.

use crate::error::StoreError;
use crate::sql::{Tx, params};
use crate::uniqueness;
use serde_json::{Map, Value};
use sidegate_model::namespace::Namespace;
use sidegate_model::own_host::{HOST_OPTION, OwnHost};

/// The host among options as they are stored.
pub(crate) fn host_of(options: &Map<String, Value>) -> Option<OwnHost> {
    options.get(HOST_OPTION)?.as_str().and_then(|text| OwnHost::parse(text).ok())
}

/// Refuses a host that another plugin has where one edge would see both; `is_own` says of a holder's number and
/// namespace that it does not count.
pub(crate) async fn require_free(
    tx: &mut Tx,
    namespace: &Namespace,
    host: Option<&OwnHost>,
    is_own: impl Fn(u32, &Namespace) -> bool,
) -> Result<(), StoreError> {
    let Some(host) = host else { return Ok(()) };
    let sql = "SELECT id, namespace, name, options FROM plugins WHERE options <> '{}' ORDER BY id";
    for row in tx.all(sql, params![]).await? {
        let row = row.of("plugin");
        let (id, its): (u32, _) = (row.number("id")?, uniqueness::namespace(&row)?);
        if is_own(id, &its) || !namespace.meets(&its) {
            continue;
        }
        // What cannot be read names no host, and is nobody else's fault.
        let options: Map<String, Value> = row.json("options").unwrap_or_default();
        if host_of(&options).as_ref() == Some(host) {
            let name: &str = row.get("name")?;
            let detail = format!(
                "the host {host} is that of plugin {id} ({name:?}){}; choose another",
                uniqueness::place(namespace, &its)
            );
            return Err(StoreError::Conflict { what: "plugin", detail });
        }
    }
    Ok(())
}
