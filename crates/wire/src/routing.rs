//! Which paths and methods a plugin may register, and which of its patterns a path fits best. The
//! gateway routes by these rules, and an SDK finds its handlers by the same ones.

use std::collections::HashMap;

/// Every method that an endpoint can be registered for, in the order of an `Allow` header.
pub const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Checks a path that a plugin wants to register: exact (`/users`) or everything below (`/files/*`).
///
/// # Errors
/// What is wrong with it.
pub fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("a path starts with '/'");
    }
    if path.split('/').any(|segment| segment == "..") {
        return Err("a path has no '..' segment");
    }
    if path.contains('\0') {
        return Err("a path has no NUL character");
    }
    if path.strip_suffix("/*").unwrap_or(path).contains('*') {
        return Err("'*' stands only for the last segment, as in '/files/*'");
    }
    Ok(())
}

/// Whether a path fits a pattern that [`check_path`] found sound.
///
/// ```
/// use sidegate_wire::routing::fits;
/// assert!(fits("/files/*", "/files/a/b") && fits("/a", "/a"));
/// assert!(!fits("/files/*", "/files") && !fits("/a", "/a/"));
/// ```
pub fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

/// Values by the patterns of paths. Of all patterns that a path fits, the exact one comes before those
/// with a wildcard, and a longer one of these before a shorter.
#[derive(Debug)]
pub struct PathTable<T> {
    exact: HashMap<Box<str>, T>,
    /// Keys end in `/`; `/*` has the key `/`.
    prefixes: HashMap<Box<str>, T>,
    /// Slashes in the deepest prefix: deeper cuts of a path need no look.
    deepest: usize,
}

impl<T> Default for PathTable<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), prefixes: HashMap::new(), deepest: 0 }
    }
}

impl<T> PathTable<T> {
    /// The value of a pattern that [`check_path`] found sound; a default one where it is new.
    pub fn entry(&mut self, pattern: &str) -> &mut T
    where
        T: Default,
    {
        match pattern.strip_suffix('*') {
            Some(prefix) => {
                self.deepest = self.deepest.max(prefix.matches('/').count());
                self.prefixes.entry(prefix.into()).or_default()
            }
            None => self.exact.entry(pattern.into()).or_default(),
        }
    }

    /// The value of the most specific pattern that a path fits.
    #[inline]
    pub fn most_specific(&self, path: &str) -> Option<&T> {
        let wildcard = || prefixes(path, self.deepest).find_map(|cut| self.prefixes.get(cut));
        self.exact.get(path).or_else(wildcard)
    }

    /// The values of all patterns that a path fits, the most specific first.
    pub fn matching<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a T> {
        self.exact.get(path).into_iter().chain(self.wildcards(path))
    }

    /// The same patterns with other values, each made from the values of the pattern itself and of all
    /// that contain it, the most specific first.
    pub fn map<U>(&self, mut value: impl FnMut(&[&T]) -> U) -> PathTable<U> {
        let exact = self.exact.keys().map(|path| {
            let values: Vec<_> = self.matching(path).collect();
            (path.clone(), value(&values))
        });
        let exact = exact.collect();
        let prefixes = self.prefixes.keys().map(|prefix| {
            let values: Vec<_> = self.wildcards(prefix).collect();
            (prefix.clone(), value(&values))
        });
        PathTable { exact, prefixes: prefixes.collect(), deepest: self.deepest }
    }

    /// The values of the wildcards that a path fits, the longest first.
    #[inline]
    fn wildcards<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a T> {
        prefixes(path, self.deepest).filter_map(|prefix| self.prefixes.get(prefix))
    }
}

/// Everything of a path up to and with one of its slashes, the longest first, and nothing with more
/// than so many slashes.
#[inline]
fn prefixes(path: &str, most_slashes: usize) -> impl Iterator<Item = &str> {
    let is_slash = |byte: &u8| *byte == b'/';
    let slashes = path.as_bytes().iter().filter(|byte| is_slash(byte)).count();
    let mut left = path.len();
    let cuts = std::iter::from_fn(move || {
        left = path.as_bytes()[..left].iter().rposition(is_slash)?;
        Some(&path[..=left])
    });
    cuts.skip(slashes.saturating_sub(most_slashes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_exact_or_ends_in_a_wildcard() {
        for sound in ["/", "/*", "/a/*", "/a..b", "/a/"] {
            assert_eq!(check_path(sound), Ok(()), "{sound}");
        }
        for faulty in ["", "a", "*", "/a*", "/a*b", "/*/b", "/a/../b", "/..", "/a\0"] {
            assert!(check_path(faulty).is_err(), "{faulty:?}");
        }
    }

    fn table(patterns: &[String]) -> PathTable<Option<String>> {
        let mut table = PathTable::default();
        for pattern in patterns {
            *table.entry(pattern) = Some(pattern.clone());
        }
        table
    }

    /// How specific a pattern is, where a path fits it.
    fn rank(pattern: &str, path: &str) -> Option<(bool, usize)> {
        fits(pattern, path).then_some((!pattern.ends_with('*'), pattern.len()))
    }

    proptest! {
        #[test]
        fn all_fitting_patterns_come_in_the_order_of_the_plain_definition(
            patterns in prop::collection::hash_set("(/[ab]{0,2}){1,3}(/\\*)?", 1..8),
            asked in "(/[ab]{0,2}){1,4}",
        ) {
            let patterns: Vec<_> = patterns.into_iter().collect();
            let table = table(&patterns);
            let found: Vec<_> = table.matching(&asked).flatten().cloned().collect();
            let mut fitting: Vec<_> =
                patterns.into_iter().filter(|pattern| rank(pattern, &asked).is_some()).collect();
            fitting.sort_by_key(|pattern| std::cmp::Reverse(rank(pattern, &asked)));
            prop_assert_eq!(table.most_specific(&asked).cloned().flatten(), fitting.first().cloned());
            prop_assert_eq!(&found, &fitting);
            // What is made of a pattern is made of those that contain it.
            let mapped = table.map(|values| values.iter().copied().flatten().cloned().collect::<Vec<_>>());
            let of_first = mapped.most_specific(&asked).cloned().unwrap_or_default();
            prop_assert_eq!(of_first, fitting);
        }
    }
}
