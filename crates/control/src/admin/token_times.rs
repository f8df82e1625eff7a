//! The times of tokens as requests say them: when a new one ends, how long an old one goes on beside it, and which
//! ones a list is to have. Knows words, durations and the present moment, and no token.

use super::namespaces;
use super::types::PageQuery;
use sidegate_api::error::Problem;
use sidegate_api::token::{ExpiresIn, RotationFields, TokenQuery};
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
use sidegate_model::duration::parse_duration;
use sidegate_store::{NewEnd, Page, TokenFilter};
use std::time::Duration;

/// How long an old token goes on beside its successor, where nothing is said.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);
/// What is said of a token without end.
const NEVER: &str = "never";

/// What is said of the end of a token.
enum SaidEnd {
    Nothing,
    Never,
    At(UnixMillis),
}

/// When a new token ends; `usual` is how long one lasts of which nothing is said.
pub(super) fn end(
    expires_in: Option<&ExpiresIn>,
    expires_at: Option<&str>,
    usual: Option<Duration>,
    now: UnixMillis,
) -> Result<Option<UnixMillis>, Problem> {
    let said = said_end(expires_in, expires_at, now)?;
    Ok(match said {
        SaidEnd::Nothing => usual.map(|usual| after(now, usual)),
        SaidEnd::Never => None,
        SaidEnd::At(end) => Some(end),
    })
}

/// When a token ends that takes another one's place, and for how many milliseconds that one goes on.
pub(super) fn rotation(
    fields: &RotationFields,
    now: UnixMillis,
) -> Result<(NewEnd, UnixMillis), Vec<Problem>> {
    let end = said_end(fields.expires_in.as_ref(), fields.expires_at.as_deref(), now);
    let end = end.map(|said| match said {
        SaidEnd::Nothing => NewEnd::LikeTheOld,
        SaidEnd::Never => NewEnd::At(None),
        SaidEnd::At(end) => NewEnd::At(Some(end)),
    });
    let overlap = fields.overlap.as_deref().map_or(Ok(OVERLAP), parse_duration);
    let overlap = overlap.map_err(|error| Problem::at("overlap", error));
    match (end, overlap) {
        (Ok(end), Ok(overlap)) => Ok((end, after(0, overlap))),
        (end, overlap) => Err(end.err().into_iter().chain(overlap.err()).collect()),
    }
}

fn said_end(
    expires_in: Option<&ExpiresIn>,
    expires_at: Option<&str>,
    now: UnixMillis,
) -> Result<SaidEnd, Problem> {
    match (expires_in, expires_at) {
        (None, None) => Ok(SaidEnd::Nothing),
        (Some(_), Some(_)) => Err(Problem::at("expires_in", "give this or expires_at, not both")),
        (Some(ExpiresIn::Text(text)), None) if text == NEVER => Ok(SaidEnd::Never),
        (Some(expires_in), None) => {
            let lasting = lasting(expires_in).map_err(|told| Problem::at("expires_in", told))?;
            Ok(SaidEnd::At(after(now, lasting)))
        }
        (None, Some(text)) => {
            let end = time(text).map_err(|told| Problem::at("expires_at", told))?;
            if end <= now {
                return Err(Problem::at("expires_at", format!("{text} is over already")));
            }
            Ok(SaidEnd::At(end))
        }
    }
}

fn lasting(said: &ExpiresIn) -> Result<Duration, String> {
    match said {
        ExpiresIn::Text(text) => match parse_duration(text) {
            Ok(Duration::ZERO) => {
                Err(format!("a token must last; say \"{NEVER}\" for one without end"))
            }
            Ok(duration) => Ok(duration),
            Err(error) => Err(error.to_string()),
        },
        ExpiresIn::Nanoseconds(nanos) => match u64::try_from(*nanos).map(Duration::from_nanos) {
            Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
            _ => Err(format!(
                "a bare number means nanoseconds, and {nanos} of them are less than a second: \
                 write a duration in quotes, as in \"{nanos}s\" or \"24h\", or say \"{NEVER}\" \
                 for a token without end"
            )),
        },
    }
}

/// Which page of which tokens is asked for.
pub(super) fn filter(
    query: TokenQuery,
    now: UnixMillis,
) -> Result<(Page, TokenFilter), Vec<Problem>> {
    let mut problems = Vec::new();
    let TokenQuery { page, limit, page_size, app_id, name, expired, .. } = query;
    let page = PageQuery { page, limit, page_size };
    let before = said("expires_before", query.expires_before, time, &mut problems);
    let within = said("expires_within", query.expires_within, duration, &mut problems);
    let since = said("unused_since", query.unused_since, time, &mut problems);
    let unused_for = said("unused_for", query.unused_for, duration, &mut problems);
    if before.is_some() && within.is_some() {
        problems.push(wrong("expires_within", "give this or expires_before, not both"));
    }
    if since.is_some() && unused_for.is_some() {
        problems.push(wrong("unused_for", "give this or unused_since, not both"));
    }
    let namespace = namespaces::said(query.namespace.as_deref(), &mut problems);
    let page = page.read_with(problems)?;
    let is_over = now.saturating_add(1);
    let ends = [
        before,
        within.map(|within| after(now, within)),
        (expired == Some(true)).then_some(is_over),
    ];
    let filter = TokenFilter {
        app: app_id.map(AppId),
        name,
        ends_after: (within.is_some() || expired == Some(false)).then_some(now),
        ends_before: ends.into_iter().flatten().min(),
        unused_since: since.or(unused_for.map(|unused| now.saturating_sub(after(0, unused)))),
        namespace,
    };
    Ok((page, filter))
}

/// What a parameter says, where it was sent and can be read.
pub(super) fn said<T>(
    name: &str,
    text: Option<String>,
    read: impl FnOnce(&str) -> Result<T, String>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    match read(&text?) {
        Ok(value) => Some(value),
        Err(told) => {
            problems.push(wrong(name, &told));
            None
        }
    }
}

fn wrong(name: &str, told: &str) -> Problem {
    Problem { field: Some(name.to_owned()), detail: format!("query: {name}: {told}") }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Reads a time.
pub(super) fn time(text: &str) -> Result<UnixMillis, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(jiff::Timestamp::as_millisecond)
        .map_err(|_| format!("{text:?} is no time: write it as in 2030-01-31T12:00:00Z"))
}

fn after(now: UnixMillis, lasting: Duration) -> UnixMillis {
    let millis = UnixMillis::try_from(lasting.as_millis()).unwrap_or(UnixMillis::MAX);
    now.saturating_add(millis)
}
