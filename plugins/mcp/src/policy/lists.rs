//! Lists without what the caller may not use.

use serde_json::value::RawValue;

use super::{Kind, Policy};
use crate::caller::Caller;
use crate::fields::Fields;

/// Each list by the method that asks for it: the member that holds it, what it has, and the member that names one.
const LISTS: [(&str, &str, Kind, &str); 4] = [
    ("tools/list", "tools", Kind::Tool, "name"),
    ("resources/list", "resources", Kind::Resource, "uri"),
    ("resources/templates/list", "resourceTemplates", Kind::Resource, "uriTemplate"),
    ("prompts/list", "prompts", Kind::Prompt, "name"),
];

/// The result of a method without what is held back; `None` where it cannot be read.
pub(crate) fn filter(
    policy: &Policy,
    caller: &Caller,
    method: &str,
    result: Box<RawValue>,
) -> Option<Box<RawValue>> {
    match LISTS.iter().find(|(known, ..)| *known == method) {
        Some(list) => filter_list(policy, caller, list, result),
        None => Some(result),
    }
}

/// The same where the method is not known: every list that a result could be.
pub(crate) fn filter_any(
    policy: &Policy,
    caller: &Caller,
    result: Box<RawValue>,
) -> Option<Box<RawValue>> {
    LISTS.iter().try_fold(result, |result, list| filter_list(policy, caller, list, result))
}

fn filter_list(
    policy: &Policy,
    caller: &Caller,
    (_, member, kind, key): &(&str, &str, Kind, &str),
    result: Box<RawValue>,
) -> Option<Box<RawValue>> {
    if !policy.restricts(caller, *kind) {
        return Some(result);
    }
    let mut fields = Fields::of(&result)?;
    if fields.raw(member).is_none() {
        return Some(result);
    }
    let all: Vec<Fields> = fields.get(member)?;
    let passes =
        |one: &Fields| one.text(key).is_some_and(|name| policy.lets_through(caller, *kind, &name));
    let kept: Vec<Fields> = all.into_iter().filter(passes).collect();
    fields.set(member, &kept);
    for_one_now(&mut fields);
    Some(fields.to_raw())
}

/// What one caller sees is not for others, nor for later. The newer era misses hints that are not there.
pub(crate) fn for_one_now(result: &mut Fields) {
    if result.raw("ttlMs").is_some() {
        result.set("ttlMs", &0);
    }
    if result.raw("cacheScope").is_some() {
        result.set("cacheScope", &"private");
    }
}
