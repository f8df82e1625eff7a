//! Options of plugins: a line `name=value` each.

use crate::verdict::{Outcome, Verdict, ensure, same};
use sidegate_model::plugin::{InvalidOption, PluginOptions};
use std::collections::BTreeMap;
use std::time::Duration;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"\noptional_auth=true",
    b"\npass_token=false",
    b"\nsha256=",
    b"\nsha256=ab00000000000000000000000000000000000000000000000000000000000000",
    b"\ndrain_deadline=0",
    b"\nstart_timeout=10ms",
    b"\nping_interval=1h",
    b"\nrestart.base=2s",
    b"\nrestart.max=1s",
    b"\nrestart.park_after=1000",
    b"\nenv.MODE=hunter2",
    b"\nenv.LD_PRELOAD=hunter2",
    b"\nenv.PLUGIN_LOG_LEVEL=debug",
    b"\nenv.PLUGIN_X=hunter2",
    b"\nenv.TMPDIR=hunter2",
    b"true",
    b"false",
    b"=",
    b"\0",
    b"1d",
];

/// What must not be told again.
const SECRET: &str = "hunter2";

type Raw = BTreeMap<String, String>;

/// The reader that is tried.
pub type Reader = fn(&Raw) -> (PluginOptions, Vec<InvalidOption>);

/// Tries the gateway's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(PluginOptions::read, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let pairs = text.split('\n').filter_map(|line| line.split_once('='));
    let raw: Raw = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (options, problems) = read(&raw);
    // One option takes nothing from another, but for the pauses, which must fit each other.
    let alone = |(name, value): (&String, &String)| {
        let (_, problems) = read(&Raw::from([(name.clone(), value.clone())]));
        problems
    };
    let mut each: Vec<InvalidOption> = raw.iter().flat_map(alone).collect();
    let misfit = |problem: &&InvalidOption| matches!(problem, InvalidOption::MaxBelowBase { .. });
    each.extend(problems.iter().find(misfit).cloned());
    same("problems", &problems, &each)?;
    ensure(raw.contains_key("sha256") == options.sha256.is_some(), || {
        "a demand for certain bytes turns into none".into()
    })?;
    check_values(&raw, &options)?;
    for problem in &problems {
        check_problem(&raw, problem)?;
    }
    let kinds: Vec<_> = problems.iter().map(std::mem::discriminant).take(4).collect();
    let known = |name: &&String| PluginOptions::NAMES.contains(&name.as_str());
    let names: Vec<_> = raw.keys().filter(known).take(4).collect();
    Ok(Outcome::of(&(names, options.env.iter().count(), kinds)))
}

fn check_values(raw: &Raw, options: &PluginOptions) -> Result<(), String> {
    let said = |name: &str| raw.get(name).is_some_and(|value| value == "true");
    same("optional_auth", &options.optional_auth, &said("optional_auth"))?;
    same("pass_token", &options.pass_token, &said("pass_token"))?;
    same("required", &options.required, &said("required"))?;
    let restart = &options.restart;
    let tame =
        |time: Option<Duration>| time.is_none_or(|t| (1..=86_400_000).contains(&t.as_millis()));
    ensure(tame(restart.base) && tame(restart.max) && tame(options.start_timeout), || {
        "a time beyond its bounds".into()
    })?;
    let ordered = restart.base.zip(restart.max).is_none_or(|(base, max)| base <= max);
    ensure(ordered, || "the longest pause is shorter than the first".into())?;
    for (name, value) in options.env.iter() {
        let of_the_protocol = ["AI_STUDIO_PLUGIN", "TMPDIR"].contains(&name)
            || name.starts_with("PLUGIN_") && name != "PLUGIN_LOG_LEVEL";
        let loads = name.starts_with("LD_") || name.starts_with("DYLD_");
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        ensure(!of_the_protocol && !loads && plain && !value.contains('\0'), || {
            format!("the variable {name:?} must not be set")
        })?;
    }
    Ok(())
}

/// Values of variables may be secrets.
fn check_problem(raw: &Raw, problem: &InvalidOption) -> Result<(), String> {
    let told = problem.to_string();
    let in_names = raw.iter().any(|(name, value)| {
        name.contains(SECRET) || !name.starts_with("env.") && value.contains(SECRET)
    });
    ensure(in_names || !told.contains(SECRET), || format!("a secret is told: {told}"))?;
    ensure(!told.contains(char::is_control), || format!("it steers a terminal: {told:?}"))
}
