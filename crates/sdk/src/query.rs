//! Reads query strings and percent-encoded text. Knows nothing of requests.

use percent_encoding::percent_decode;

/// The pairs of a query string, decoded; a name without `=` has an empty value. Bytes that are no
/// text are replaced, for a query must not make a request fail.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_form(name), decode_form(value))
    })
}

fn decode_form(text: &str) -> String {
    decode(&text.replace('+', " "))
}

/// Replaces `%xx`; what is no text afterwards is replaced.
pub(crate) fn decode(text: &str) -> String {
    percent_decode(text.as_bytes()).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_repeated_empty_and_encoded_pairs() {
        let read: Vec<_> = pairs("a=1&a=2&&b&c=x%20y+z&%C3%A4=%26&d=%ff&e=1=2").collect();
        let expected = [
            ("a", "1"),
            ("a", "2"),
            ("b", ""),
            ("c", "x y z"),
            ("ä", "&"),
            ("d", "\u{fffd}"),
            ("e", "1=2"),
        ];
        assert!(read.iter().map(|(n, v)| (n.as_str(), v.as_str())).eq(expected), "{read:?}");
    }
}
