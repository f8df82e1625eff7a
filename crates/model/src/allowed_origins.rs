//! Pages of which origins a plugin answers at all: the option `allowed_origins`, against pages that reach the gateway
//! by a name of their own that leads to it (DNS rebinding). Others are refused before anybody is asked.
//!
//! Knows names and values; what a request says of its page is the gateway's business.

use crate::cors::read_origin;
use crate::name::shortened;

/// Most origins that can be named.
const MOST_ORIGINS: usize = 100;
/// Stands for the gateway's own origins.
const SAME: &str = "same";

/// Pages of which origins may ask a plugin. A request that names no page always may.
///
/// ```
/// use sidegate_model::allowed_origins::AllowedOrigins;
/// let allowed = AllowedOrigins::read("same, https://App.example:443").unwrap();
/// assert!(allowed.same && allowed.names("https://app.example"));
/// assert!(AllowedOrigins::read("null").is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOrigins {
    /// The gateway's own.
    pub same: bool,
    /// These, as browsers write them.
    listed: Vec<String>,
}

impl AllowedOrigins {
    /// Reads a list with commas between its members.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut allowed = Self::default();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            if item == SAME {
                allowed.same = true;
                continue;
            }
            let origin = read_origin(item).ok_or_else(|| {
                format!(
                    "{:?} is no origin: write same, or origins such as https://app.example, with commas between \
                     them; to answer every page remove the option",
                    shortened(item)
                )
            })?;
            if !allowed.listed.contains(&origin) {
                allowed.listed.push(origin);
            }
        }
        match allowed.listed.len() {
            0 if !allowed.same => Err("name an origin, or same for the gateway's own".to_owned()),
            n if n > MOST_ORIGINS => Err(format!("name at most {MOST_ORIGINS} origins")),
            _ => Ok(allowed),
        }
    }

    /// Whether an origin is in the list, as [`read_origin`] writes it.
    pub fn names(&self, origin: &str) -> bool {
        self.listed.iter().any(|known| known == origin)
    }
}

impl std::fmt::Display for AllowedOrigins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let same = self.same.then_some(SAME);
        let all: Vec<_> = same.into_iter().chain(self.listed.iter().map(String::as_str)).collect();
        f.write_str(&all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_of_origins_as_browsers_write_them() {
        let allowed = AllowedOrigins::read("HTTPS://A.example, http://localhost:3000,").unwrap();
        assert!(allowed.names("https://a.example") && allowed.names("http://localhost:3000"));
        for other in ["https://a.example:8443", "http://a.example", "https://b.a.example", "null"] {
            assert!(!allowed.names(other), "{other}");
        }
        assert!(!allowed.same);
        assert_eq!(AllowedOrigins::read(&allowed.to_string()), Ok(allowed));
    }

    #[test]
    fn what_allows_nothing_or_everything_is_refused() {
        for text in ["", ",", "*", "null", "a.example", "https://a.example/x", "https://*.example"]
        {
            assert!(AllowedOrigins::read(text).is_err(), "{text}");
        }
    }
}
