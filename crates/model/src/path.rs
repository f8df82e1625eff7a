//! The path of a request, read in the two ways a plugin may read it.
//!
//! A plugin sees `path_segments` (cut at the raw slashes, then decoded) and `relative_path`
//! (decoded as a whole). `a%2Fb` is one segment in the first reading and two in the second. Where
//! a route could be named differently by the two, the request is refused, so that no encoding
//! slips past a protected route.

use std::borrow::Cow;
use std::ops::Range;

/// Where all plugins are mounted.
const MOUNT: &str = "/plugins/";

/// Stands for a decoded `/` inside a segment in [`PluginPath::segment_key`]; never in a real path.
const INNER_SLASH: &str = "\0";

/// A request path under `/plugins/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginPath {
    decoded: String,
    slug: Range<usize>,
    cut: Cut,
}

/// The segments after the slug.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cut {
    /// Nothing was encoded: this part of the path, cut at its slashes.
    Plain(Range<usize>),
    /// Each decoded after the cut.
    Decoded {
        segments: Vec<String>,
        /// A segment holds a slash that was encoded.
        hides_slash: bool,
        segment_key: Option<String>,
    },
}

/// Why a path is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not of the form `/plugins/{slug}…`.
    #[error("not a plugin path")]
    NotPlugin,
    /// A `%` that is not followed by two hexadecimal digits.
    #[error("the path has a broken percent escape")]
    BrokenEscape,
    /// Decodes to bytes that are no text.
    #[error("the path is not UTF-8 after decoding")]
    NotUtf8,
    /// Has a `.` or `..` segment.
    #[error("the path has a '.' or '..' segment")]
    Traversal,
    /// Has a NUL character.
    #[error("the path has a NUL character")]
    Nul,
    /// An encoded slash in the part that names the plugin.
    #[error("the path can be read in two ways")]
    Ambiguous,
}

impl PluginPath {
    /// Reads the raw path of a request target (without query).
    ///
    /// # Errors
    /// [`PathError`]; everything but `NotPlugin` is the client's fault.
    ///
    /// ```
    /// use sidegate_model::path::PluginPath;
    /// let path = PluginPath::parse("/plugins/files/a%2Fb/c").unwrap();
    /// assert_eq!(path.slug(), "files");
    /// assert_eq!(path.relative(), "/a/b/c");
    /// assert!(path.segments().eq(["a/b", "c"]));
    /// ```
    pub fn parse(raw: &str) -> Result<Self, PathError> {
        match raw.strip_prefix(MOUNT) {
            Some(rest) if !rest.bytes().any(|byte| matches!(byte, b'%' | 0)) => {
                Self::read_plain(raw, rest)
            }
            _ => Self::read_encoded(raw),
        }
    }

    /// Reads a path in which nothing is encoded, as nearly all are.
    fn read_plain(raw: &str, rest: &str) -> Result<Self, PathError> {
        let slug_len = rest.find('/').unwrap_or(rest.len());
        let (slug, below) = rest.split_at(slug_len);
        if slug.is_empty() {
            return Err(PathError::NotPlugin);
        }
        let is_traversal = |segment| matches!(segment, "." | "..");
        if slug == ".." || (below.contains("/.") && below.split('/').any(is_traversal)) {
            return Err(PathError::Traversal);
        }
        let slug = MOUNT.len()..MOUNT.len() + slug_len;
        let first = below.bytes().take_while(|byte| *byte == b'/').count();
        let start = slug.end + first;
        let end = start + below[first..].trim_end_matches('/').len();
        Ok(Self { decoded: raw.to_owned(), slug, cut: Cut::Plain(start..end) })
    }

    /// The slug alone, whatever follows it: for paths that are refused.
    ///
    /// # Errors
    /// [`PathError`] where there is none.
    ///
    /// ```
    /// use sidegate_model::path::PluginPath;
    /// assert_eq!(PluginPath::slug_of("/plugins/fil%65s/../x").unwrap(), "files");
    /// ```
    pub fn slug_of(raw: &str) -> Result<Cow<'_, str>, PathError> {
        Self::read_slug(raw).map(|(slug, _)| slug)
    }

    fn read_encoded(raw: &str) -> Result<Self, PathError> {
        let (slug, raw_rest) = Self::read_slug(raw)?;
        let decoded = decode(raw)?.into_owned();
        let slug = MOUNT.len()..MOUNT.len() + slug.len();
        Self::read_rest(raw_rest, decoded, slug)
    }

    /// The decoded slug, and the raw segments after it.
    fn read_slug(
        raw: &str,
    ) -> Result<(Cow<'_, str>, impl Iterator<Item = &str> + use<'_>), PathError> {
        let mut raw_segments = raw.strip_prefix('/').ok_or(PathError::NotPlugin)?.split('/');
        let mount = decode(raw_segments.next().unwrap_or_default())?;
        if mount.starts_with("plugins/") {
            return Err(PathError::Ambiguous);
        }
        if mount != "plugins" {
            return Err(PathError::NotPlugin);
        }
        let raw_slug = raw_segments.next().unwrap_or_default();
        let slug = decode(raw_slug)?;
        if slug.is_empty() {
            return Err(PathError::NotPlugin);
        }
        if slug.contains('/') {
            return Err(PathError::Ambiguous);
        }
        if slug == ".." {
            return Err(PathError::Traversal);
        }
        Ok((slug, raw_segments))
    }

    fn read_rest<'a>(
        raw_rest: impl Iterator<Item = &'a str>,
        decoded: String,
        slug: Range<usize>,
    ) -> Result<Self, PathError> {
        if decoded[slug.end..].split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(PathError::Traversal);
        }
        let mut segments = raw_rest.map(decode).collect::<Result<Vec<_>, _>>()?;
        let first = segments.iter().position(|s| !s.is_empty()).unwrap_or(segments.len());
        segments.drain(..first);
        let last = segments.iter().rposition(|s| !s.is_empty()).map_or(0, |at| at + 1);
        segments.truncate(last);
        let hides_slash = segments.iter().any(|segment| segment.contains('/'));
        let marked: Vec<_> = segments.iter().map(|s| s.replace('/', INNER_SLASH)).collect();
        let key = format!("/{}", marked.join("/"));
        let segments = segments.into_iter().map(Cow::into_owned).collect();
        let segment_key = (key != relative(&decoded[slug.end..])).then_some(key);
        Ok(Self { decoded, slug, cut: Cut::Decoded { segments, hides_slash, segment_key } })
    }

    /// The name of the plugin's mount.
    pub fn slug(&self) -> &str {
        &self.decoded[self.slug.clone()]
    }

    /// The path with its mount, decoded as a whole, as plugins get it.
    pub fn full(&self) -> &str {
        &self.decoded
    }

    /// The decoded path after the slug; `/` at the mount itself.
    pub fn relative(&self) -> &str {
        relative(&self.decoded[self.slug.end..])
    }

    /// The segments after the slug, outer slashes removed, each decoded after the cut.
    pub fn segments(&self) -> impl Iterator<Item = &str> + Clone {
        match &self.cut {
            Cut::Plain(cut) if cut.is_empty() => Segments::Plain(None),
            Cut::Plain(cut) => Segments::Plain(Some(&self.decoded[cut.clone()])),
            Cut::Decoded { segments, .. } => Segments::Decoded(segments.iter()),
        }
    }

    /// The path as the segments spell it, for a second lookup; `None` where both readings agree.
    pub fn segment_key(&self) -> Option<&str> {
        match &self.cut {
            Cut::Plain(cut) => {
                // With the slash before them; a path that ends with the slug has none.
                let start = self.slug.end.max(cut.start - 1);
                let key = relative(&self.decoded[start..cut.end]);
                (key.len() != self.relative().len()).then_some(key)
            }
            Cut::Decoded { segment_key, .. } => segment_key.as_deref(),
        }
    }

    /// The path below the mount without slashes at its ends, but for the first.
    pub fn without_outer_slashes(&self) -> &str {
        let path = self.relative().trim_end_matches('/');
        match path.trim_start_matches('/').len() {
            0 => "/",
            length => &path[path.len() - length - 1..],
        }
    }

    /// Whether a segment holds a slash that was encoded.
    pub fn hides_slash(&self) -> bool {
        matches!(self.cut, Cut::Decoded { hides_slash: true, .. })
    }
}

/// Walks over the segments of a path.
#[derive(Clone)]
enum Segments<'a> {
    /// Still to be cut; `None` at the end.
    Plain(Option<&'a str>),
    Decoded(std::slice::Iter<'a, String>),
}

impl<'a> Iterator for Segments<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        match self {
            Self::Plain(uncut) => {
                let text = (*uncut)?;
                let Some(end) = text.bytes().position(|byte| byte == b'/') else {
                    return uncut.take();
                };
                *uncut = Some(&text[end + 1..]);
                Some(&text[..end])
            }
            Self::Decoded(segments) => segments.next().map(String::as_str),
        }
    }
}

/// The path below the slug; `/` where there is none.
fn relative(below: &str) -> &str {
    if below.is_empty() { "/" } else { below }
}

fn decode(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if raw.as_bytes().contains(&0) {
        return Err(PathError::Nul);
    }
    if !raw.as_bytes().contains(&b'%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (hex(bytes.next())?, hex(bytes.next())?);
            out.push(high << 4 | low);
        } else {
            out.push(byte);
        }
    }
    if out.contains(&0) {
        return Err(PathError::Nul);
    }
    String::from_utf8(out).map(Cow::Owned).map_err(|_| PathError::NotUtf8)
}

fn hex(byte: Option<u8>) -> Result<u8, PathError> {
    let digit = byte.and_then(|b| char::from(b).to_digit(16)).ok_or(PathError::BrokenEscape)?;
    u8::try_from(digit).map_err(|_| PathError::BrokenEscape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(raw: &str) -> (String, String, Vec<String>) {
        let path = PluginPath::parse(raw).unwrap();
        let segments = path.segments().map(str::to_owned).collect();
        (path.full().to_owned(), path.relative().to_owned(), segments)
    }

    #[test]
    fn paths_of_the_page_are_cut_as_it_says() {
        let rows: &[(&str, &str, &[&str])] = &[
            ("/plugins/s", "/", &[]),
            ("/plugins/s/", "/", &[]),
            ("/plugins/s/mcp", "/mcp", &["mcp"]),
            ("/plugins/s/users/123/profile", "/users/123/profile", &["users", "123", "profile"]),
            ("/plugins/s/a/", "/a/", &["a"]),
            ("/plugins/s/a//b", "/a//b", &["a", "", "b"]),
            ("/plugins/s/a%2Fb%20c", "/a/b c", &["a/b c"]),
            ("/plugins/s/a..b", "/a..b", &["a..b"]),
        ];
        for (raw, relative, segments) in rows {
            let (_, got, cut) = read(raw);
            assert_eq!(got, *relative, "{raw}");
            assert_eq!(cut, *segments, "{raw}");
        }
    }

    #[test]
    fn slashes_at_the_ends_can_be_left_out_whatever_they_were_sent_as() {
        let bare = |raw: &str| PluginPath::parse(raw).unwrap().without_outer_slashes().to_owned();
        for raw in ["/a/b", "/a/b/", "//a/b", "/a/b%2F", "/%2Fa/b", "/a/b%2f%2F/"] {
            assert_eq!(bare(&format!("/plugins/s{raw}")), "/a/b", "{raw}");
        }
        assert_eq!((bare("/plugins/s").as_str(), bare("/plugins/s/%2F").as_str()), ("/", "/"));
    }

    #[test]
    fn what_is_no_honest_plugin_path_is_refused() {
        let rows = [
            ("/", PathError::NotPlugin),
            ("/plugins", PathError::NotPlugin),
            ("/plugins/", PathError::NotPlugin),
            ("/pluginsx/s", PathError::NotPlugin),
            ("//plugins/s", PathError::NotPlugin),
            ("/plugins%2Fs/x", PathError::Ambiguous),
            ("/plugins/s%2Fx", PathError::Ambiguous),
            ("/plugins/s/..", PathError::Traversal),
            ("/plugins/s/./a", PathError::Traversal),
            ("/plugins/s/%2E/a", PathError::Traversal),
            ("/plugins/s/%2e%2E/x", PathError::Traversal),
            ("/plugins/s/a%2F..%2Fb", PathError::Traversal),
            ("/plugins/../x", PathError::Traversal),
            ("/plugins/s/%ff", PathError::NotUtf8),
            ("/plugins/s/%c3/%a4", PathError::NotUtf8),
            ("/plugins/s/%4", PathError::BrokenEscape),
            ("/plugins/s/%zz", PathError::BrokenEscape),
            ("/plugins/s/%00", PathError::Nul),
        ];
        for (raw, error) in rows {
            assert_eq!(PluginPath::parse(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn the_second_reading_exists_only_where_it_differs() {
        assert_eq!(PluginPath::parse("/plugins/s/a/b").unwrap().segment_key(), None);
        assert_eq!(PluginPath::parse("/plugins/s/a%20b").unwrap().segment_key(), None);
        assert_eq!(PluginPath::parse("/plugins/s/a//b").unwrap().segment_key(), None);
        assert_eq!(PluginPath::parse("/plugins/s").unwrap().segment_key(), None);
        for outer in ["/plugins/s/a/b/", "/plugins/s//a/b", "/plugins/s///a/b//"] {
            let path = PluginPath::parse(outer).unwrap();
            assert_eq!((path.segment_key(), path.hides_slash()), (Some("/a/b"), false), "{outer}");
        }
        let both = PluginPath::parse("/plugins/s/a%2Fb/c").unwrap();
        assert_eq!(both.segment_key(), Some("/a\0b/c"));
    }

    /// All that a path says of itself.
    fn said(path: &PluginPath) -> (&str, &str, &str, Vec<&str>, Option<&str>, bool) {
        let segments = path.segments().collect();
        let (key, hides) = (path.segment_key(), path.hides_slash());
        (path.slug(), path.full(), path.relative(), segments, key, hides)
    }

    proptest! {
        #[test]
        fn a_path_without_escapes_reads_as_if_it_might_have_some(below in "(/|\\.|a|ä|s/){0,10}") {
            let raw = format!("/plugins/{below}");
            let (plain, encoded) = (PluginPath::parse(&raw), PluginPath::read_encoded(&raw));
            prop_assert_eq!(plain.as_ref().map(said), encoded.as_ref().map(said));
        }

        #[test]
        fn reading_never_panics(raw in "\\PC{0,40}") {
            let _ = PluginPath::parse(&raw);
            let _ = PluginPath::parse(&format!("/plugins/{raw}"));
        }

        #[test]
        fn no_reading_ever_holds_a_parent_segment(raw in "(/|\\.|%2e|%2F|a){0,16}") {
            if let Ok(path) = PluginPath::parse(&format!("/plugins/s/{raw}")) {
                prop_assert!(path.segments().all(|s| s != ".."));
                prop_assert!(path.relative().split('/').all(|s| s != ".."));
            }
        }
    }
}
