//! Names and patterns. What lets through compares letter by letter; what holds back also takes names that somebody could
//! take for the same.

use super::Kind;

/// Whether a name is exactly of this pattern, in which `*` is any text.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when what follows the last `*` turns out to be of no use.
    let mut back: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            back = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            (p, n) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether a name is of this pattern in any letter case.
pub(crate) fn covers(pattern: &str, name: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &name.to_ascii_lowercase())
}

/// What a server could take a name for; `None` where nobody knows. An address is what it says and what it says when it is
/// decoded; one that has to be decoded twice, or leads up, could be anything.
pub(crate) fn readings(kind: Kind, name: &str) -> Option<Vec<String>> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return None;
    }
    if name.trim() != name {
        return None;
    }
    if kind != Kind::Resource {
        return Some(vec![name.to_owned()]);
    }
    let decoded = decode(name)?;
    let leads_up = decoded.split(['/', '\\']).any(|part| part == ".." || part == ".");
    if leads_up || decoded.contains(['%', '\\']) {
        return None;
    }
    Some(if decoded == name { vec![decoded] } else { vec![name.to_owned(), decoded] })
}

fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| (byte? as char).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_all_else_is_itself() {
        for (pattern, name, is_so) in [
            ("read_*", "read_file", true),
            ("read_*", "Read_file", false),
            ("read_*", "a_read_file", false),
            ("*", "", true),
            ("*_file", "read_file_file", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
            ("", "a", false),
            ("a?c", "abc", false),
        ] {
            assert_eq!(matches(pattern, name), is_so, "{pattern} {name}");
        }
        assert!(covers("delete_*", "DELETE_file"));
    }

    #[test]
    fn a_pattern_of_many_stars_is_decided_at_once() {
        let name = "a".repeat(20_000);
        assert!(!matches(&format!("{}b", "a*".repeat(50)), &name));
    }

    #[test]
    fn an_address_is_read_in_every_way_or_not_at_all() {
        let two = readings(Kind::Resource, "file:///a%62").unwrap();
        assert_eq!(two, ["file:///a%62", "file:///ab"]);
        for odd in [
            "file:///a/../b",
            "file:///a/%2e%2e/b",
            "file:///%2562",
            "file:///a%",
            "file:///é",
            "a\\b",
            " a",
            "",
        ] {
            assert_eq!(readings(Kind::Resource, odd), None, "{odd}");
        }
        assert_eq!(readings(Kind::Tool, "delete\u{200b}"), None);
    }
}
