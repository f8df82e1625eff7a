//! Scopes: the words a token carries and a plugin may check, and those a plugin itself needs to ask
//! its host.

/// Most scopes a token can carry.
pub const MAX_SCOPES: usize = 64;

/// Every scope that a host service demands, in the order of names.
pub const SERVICE_SCOPES: [&str; 11] = [
    "apps.read",
    "apps.write",
    "budget.read",
    "control.send",
    "credentials.validate",
    "kv.readwrite",
    "llms.read",
    "plugins.config",
    "plugins.read",
    "plugins.write",
    "pricing.read",
];

/// Checks that a host service demands this scope.
///
/// # Errors
/// A text that names the scope and the known ones.
///
/// ```
/// assert!(sidegate_model::scope::check_service("kv.readwrite").is_ok());
/// assert!(sidegate_model::scope::check_service("kv.write").is_err());
/// ```
pub fn check_service(scope: &str) -> Result<(), String> {
    if SERVICE_SCOPES.contains(&scope) {
        return Ok(());
    }
    Err(format!("scope {scope:?} is unknown: known are {}", SERVICE_SCOPES.join(", ")))
}

/// Checks one scope: 1 to 128 printable ASCII characters without blank, comma, quote or backslash.
///
/// # Errors
/// A text that names the scope at fault and the rule.
///
/// ```
/// assert!(sidegate_model::scope::check("files.read").is_ok());
/// assert!(sidegate_model::scope::check("two words").is_err());
/// ```
pub fn check(scope: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b',');
    if !scope.is_empty() && scope.len() <= 128 && scope.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "scope {scope:?}: use 1 to 128 printable ASCII characters without blank, comma, quote or backslash"
    ))
}
