//! What a snapshot tells a plugin of apps and tokens. Pure: the time is passed in.

use super::limiter::MAX_MESSAGE_BYTES;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use prost_types::Timestamp;
use sidegate_model::UnixMillis;
use sidegate_model::app::{App, AppId};
use sidegate_model::snapshot::Snapshot;
use sidegate_model::token::TokenHash;
use sidegate_wire::management::{
    AppInfo, GetAppRequest, GetAppResponse, GetBudgetStatusRequest, GetBudgetStatusResponse,
    ListAppsRequest, ListAppsResponse, ValidateCredentialResponse,
};
use std::ops::Range;
use std::sync::Arc;
use tonic::Status;

/// Apps on a page where the plugin does not say.
const DEFAULT_PAGE: usize = 10;
/// Most apps on a page.
const MAX_PAGE: usize = 1000;
/// Budgets are counted by calendar months.
const BUDGET_RESET_DAY: i32 = 1;

/// One page of the apps, in the order of their numbers.
pub(super) fn list_apps(
    snapshot: &Snapshot,
    request: &ListAppsRequest,
) -> Result<ListAppsResponse, Status> {
    let wanted = request.is_active.unwrap_or(true);
    let mut all: Vec<_> = snapshot.apps.iter().filter(|app| app.is_active == wanted).collect();
    all.sort_unstable_by_key(|app| app.id);
    let page = positive(request.page).unwrap_or(1);
    let limit = positive(request.limit).unwrap_or(DEFAULT_PAGE).min(MAX_PAGE);
    let start = (page - 1).saturating_mul(limit);
    Ok(ListAppsResponse {
        apps: within_a_message(all.iter().skip(start).take(limit).copied(), info)?,
        total_count: i64::try_from(all.len()).unwrap_or(i64::MAX),
    })
}

/// A number of a message that means something from 1 on.
pub(super) fn positive(number: i32) -> Option<usize> {
    usize::try_from(number).ok().filter(|number| *number > 0)
}

/// Refuses what would not fit, before all of it is made.
pub(super) fn within_a_message<'a, M: prost::Message>(
    apps: impl Iterator<Item = &'a Arc<App>>,
    info: impl Fn(&App) -> M,
) -> Result<Vec<M>, Status> {
    // What a list adds to each entry is a few bytes.
    const FRAME: usize = 16;
    let (mut infos, mut bytes) = (Vec::new(), FRAME);
    for app in apps {
        let info = info(app);
        bytes += info.encoded_len() + FRAME;
        if bytes > MAX_MESSAGE_BYTES {
            return Err(Status::resource_exhausted(format!(
                "these apps do not fit into the {MAX_MESSAGE_BYTES} bytes of a message: ask for fewer with limit, {} fit",
                infos.len()
            )));
        }
        infos.push(info);
    }
    Ok(infos)
}

/// An app by its number, if the plugin may know of it.
pub(super) fn get_app(
    snapshot: &Snapshot,
    request: &GetAppRequest,
) -> Result<GetAppResponse, Status> {
    Ok(GetAppResponse { app: Some(info(find(snapshot, request.app_id)?)) })
}

/// What an app may spend. Nothing is counted here, so all of it is left.
pub(super) fn budget(
    snapshot: &Snapshot,
    request: &GetBudgetStatusRequest,
    now: UnixMillis,
) -> Result<GetBudgetStatusResponse, Status> {
    let app = find(snapshot, request.app_id)?;
    let Range { start: period_start, end: period_end } = month(now).unwrap_or_default();
    Ok(GetBudgetStatusResponse {
        app_id: request.app_id,
        llm_id: request.llm_id,
        monthly_budget: app.monthly_budget,
        current_usage: 0.0,
        remaining_budget: app.monthly_budget,
        tokens_used: 0,
        requests_count: 0,
        period_start,
        period_end,
        is_over_budget: false,
        percentage_used: 0.0,
    })
}

/// Whether a client with this token would be let in, by the rules of the edge. Never an error, and
/// the same silence about every reason.
pub(super) fn credential(
    snapshot: &Snapshot,
    secret: &str,
    now: UnixMillis,
) -> ValidateCredentialResponse {
    let token = snapshot.tokens.get(&TokenHash::of(secret)).filter(|token| {
        let app = snapshot.apps.get(&token.app_id);
        !token.is_expired(now) && app.is_some_and(|app| app.is_active)
    });
    let Some(token) = token else {
        return ValidateCredentialResponse::default();
    };
    // It is used, although elsewhere.
    token.last_used.touch(now);
    ValidateCredentialResponse {
        valid: true,
        app_id: token.app_id.0,
        credential_id: token.id.0,
        expires_at: token.expires_at.map(|end| end.div_euclid(1000)),
    }
}

fn find(snapshot: &Snapshot, id: u32) -> Result<&App, Status> {
    let app = snapshot.apps.get(&AppId(id));
    app.map(Arc::as_ref).ok_or_else(|| Status::not_found("app not found"))
}

fn info(app: &App) -> AppInfo {
    AppInfo {
        id: app.id.0,
        name: app.name.clone(),
        description: app.description.clone(),
        owner_email: app.owner_email.clone(),
        is_active: app.is_active,
        monthly_budget: app.monthly_budget,
        budget_reset_day: BUDGET_RESET_DAY,
        rate_limit_rpm: i32::try_from(app.rate_limit).unwrap_or(i32::MAX),
        allowed_ips: Vec::new(),
        created_at: Some(timestamp(app.created_at)),
        updated_at: Some(timestamp(app.updated_at)),
        metadata: serde_json::to_string(&app.metadata).unwrap_or_default(),
    }
}

pub(super) fn timestamp(at: UnixMillis) -> Timestamp {
    let nanos = i32::try_from(at.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: at.div_euclid(1000), nanos }
}

/// The seconds of the month in UTC; `None` beyond the calendar.
fn month(now: UnixMillis) -> Option<Range<i64>> {
    let today = jiff::Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC).date();
    let first = today.first_of_month();
    let next = first.checked_add(1.month()).ok()?;
    let second = |date: Date| Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second());
    Some(second(first)?..second(next)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_reaches_from_its_first_second_to_the_first_of_the_next() {
        let february = 1_706_745_600..1_709_251_200;
        assert_eq!(month(1_709_164_800_000).as_ref(), Some(&february)); // the 29th
        assert_eq!(month(1_706_745_600_000).as_ref(), Some(&february)); // its first millisecond
        assert_eq!(month(1_709_251_199_999).as_ref(), Some(&february)); // its last
        assert_eq!(month(1_709_251_200_000).map(|march| march.start), Some(february.end));
        assert_eq!(month(UnixMillis::MAX), None);
    }

    #[test]
    fn a_time_before_the_epoch_is_a_timestamp_too() {
        assert_eq!(timestamp(-1), Timestamp { seconds: -1, nanos: 999_000_000 });
        assert_eq!(timestamp(1500), Timestamp { seconds: 1, nanos: 500_000_000 });
    }
}
