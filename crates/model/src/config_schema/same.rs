//! When two values are the same: numbers by what they mean, exactly.

use super::findings::Budget;
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::Write as _;

/// Above it, each float is whole and larger than every other kind of number.
const HUGE: f64 = 1e38;

/// The whole number that a number is.
pub(super) fn whole(number: &Number) -> Option<i128> {
    let float = || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < HUGE);
    let integer = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    integer.or_else(|| float().map(|float| float as i128))
}

/// Which of two numbers is larger.
pub(super) fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => Some(one.cmp(&other)),
        // At least one is a fraction, which is exact, or huge.
        _ => one.as_f64()?.partial_cmp(&other.as_f64()?),
    }
}

/// Whether two values are the same; `None` where it takes too long to tell.
pub(super) fn equal(one: &Value, other: &Value, budget: &mut Budget) -> Option<bool> {
    if !budget.spend(1) {
        return None;
    }
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Some(compare(one, other)?.is_eq()),
        (Value::String(one), Value::String(other)) => {
            let is_same_size = one.len() == other.len();
            (!is_same_size || budget.spend_size(one.len())).then(|| one == other)
        }
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return Some(false);
            }
            all(one.iter().zip(other).map(|(one, other)| equal(one, other, budget)))
        }
        (Value::Object(one), Value::Object(other)) => equal_members(one, other, budget),
        _ => Some(one == other),
    }
}

fn equal_members(
    one: &Map<String, Value>,
    other: &Map<String, Value>,
    budget: &mut Budget,
) -> Option<bool> {
    if one.len() != other.len() {
        return Some(false);
    }
    all(one.iter().map(|(name, member)| {
        if !budget.spend_size(name.len()) {
            return None;
        }
        other.get(name).map_or(Some(false), |other| equal(member, other, budget))
    }))
}

/// Whether all are true; ends with the first that is not.
fn all(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    for answer in answers {
        if answer != Some(true) {
            return answer;
        }
    }
    Some(true)
}

/// Whether the same value is twice among others; `None` where it takes too long to tell.
pub(super) fn has_twins(items: &[Value], budget: &mut Budget) -> Option<bool> {
    let mut seen = HashSet::new();
    for item in items {
        let mut text = String::new();
        write(item, &mut text, budget)?;
        if !seen.insert(text) {
            return Some(true);
        }
    }
    Some(false)
}

/// A text that is the same for the same values only.
fn write(value: &Value, out: &mut String, budget: &mut Budget) -> Option<()> {
    let before = out.len();
    match value {
        Value::Number(number) => {
            let _ = match whole(number) {
                Some(whole) => write!(out, "{whole}"),
                None => write!(out, "{number}"),
            };
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out, budget)?;
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, member) in members {
                let _ = write!(out, "{name:?}:");
                write(member, out, budget)?;
                out.push(',');
            }
            out.push('}');
        }
        _ => {
            let _ = write!(out, "{value}");
        }
    }
    budget.spend_size(10 + out.len() - before).then_some(())
}
