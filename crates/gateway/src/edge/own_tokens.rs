//! The gateway's own tokens, wherever a client has put them: recognised by how they begin.
//!
//! Plugins must not hold them, and nobody else makes such texts. Knows nothing of whose they are.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode;
use sidegate_model::token::{ADMIN_TOKEN_PREFIX, CONSOLE_PREFIX, TOKEN_PREFIX};
use std::borrow::Cow;

/// How many characters after the prefix make a token. All have 43; one with so many left out that
/// it has less than these lacks more than 64 random bits and is worth nothing.
const LEAST_CHARACTERS: usize = 32;
/// Nothing shorter holds a token.
const LEAST_BYTES: usize = TOKEN_PREFIX.len() + LEAST_CHARACTERS;
/// What each prefix ends with. It is rare, so nearly all of a text need not be looked at.
const PREFIX_END: u8 = b'_';
const _: () = {
    let all = [TOKEN_PREFIX.as_bytes(), ADMIN_TOKEN_PREFIX.as_bytes(), CONSOLE_PREFIX.as_bytes()];
    let mut at = 0;
    while at < all.len() {
        assert!(
            all[at].len() == TOKEN_PREFIX.len() && all[at][TOKEN_PREFIX.len() - 1] == PREFIX_END
        );
        at += 1;
    }
};

/// Whether a text holds a token of the gateway: a word that begins like one and is long enough. A
/// longer word that only ends like one is somebody else's.
pub(crate) fn within(text: &[u8]) -> bool {
    if text.len() < LEAST_BYTES {
        return false;
    }
    memchr::memchr_iter(PREFIX_END, text).any(|end| {
        let begin = (end + 1).checked_sub(TOKEN_PREFIX.len());
        begin.is_some_and(|begin| {
            let is_first = begin == 0 || !is_character(&text[begin - 1]);
            let begun = text.get(begin..begin + LEAST_BYTES);
            is_first && begun.is_some_and(|begun| is_token(begun) && begun.iter().all(is_character))
        })
    })
}

/// Whether a word is a token, or most of one.
fn is_token(word: &[u8]) -> bool {
    let prefixes = [TOKEN_PREFIX, ADMIN_TOKEN_PREFIX, CONSOLE_PREFIX];
    let rest = prefixes.iter().find_map(|prefix| word.strip_prefix(prefix.as_bytes()));
    rest.is_some_and(|rest| rest.len() >= LEAST_CHARACTERS)
}

fn is_character(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);

/// Whether credentials hold a token of the gateway, be it as a name or password.
pub(crate) fn within_credentials(value: &[u8]) -> bool {
    const BASIC: &[u8] = b"basic ";
    if within(value) {
        return true;
    }
    match value.split_at_checked(BASIC.len()) {
        Some((scheme, coded)) if scheme.eq_ignore_ascii_case(BASIC) => {
            BASE64.decode(coded.trim_ascii()).is_ok_and(|pair| within(&pair))
        }
        _ => false,
    }
}

/// Whether a part of a query holds one, encoded or not.
fn within_part(part: &str) -> bool {
    within(part.as_bytes()) || within(&Cow::from(percent_decode(part.as_bytes())))
}

/// What is left of a query without the parts that hold a token; `None` where none does.
pub(crate) fn removed_from_query(query: &str) -> Option<String> {
    if query.len() < LEAST_BYTES || !query.split('&').any(within_part) {
        return None;
    }
    let kept: Vec<_> = query.split('&').filter(|part| !within_part(part)).collect();
    Some(kept.join("&"))
}

/// What is left of cookies without those that hold a token.
pub(crate) fn removed_from_cookies(value: &[u8]) -> Vec<u8> {
    let cookies = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let kept: Vec<_> = cookies.filter(|cookie| !within(cookie)).collect();
    kept.join(&b"; "[..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sidegate_model::token::NewToken;

    const TOKEN: &str = "sgt_0123456789abcdefghijABCDEFGHIJ-_-_-_-_-_xyz";

    #[test]
    fn every_token_is_recognised_and_nothing_that_only_looks_like_one() {
        for token in [NewToken::generate().unwrap(), NewToken::generate_admin().unwrap()] {
            let token = token.reveal();
            assert!(within(token.as_bytes()));
            assert!(within(format!("Bearer  {token}").as_bytes()));
            assert!(within(format!("https://a.example/x?token={token}#y").as_bytes()));
            assert!(within(&token.as_bytes()[..36]), "most of one");
            assert!(!within(format!("message_{token}").as_bytes()), "a longer word");
            assert!(!within(token.to_uppercase().as_bytes()));
        }
        for other in
            ["sgt_", "sgt_short", "sgt_session_id=0123456789abcdefghijABCDEFGHIJ", "xoxb_1"]
        {
            assert!(!within(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn credentials_of_others_are_told_from_those_that_wrap_a_token() {
        let basic = |pair: &str| format!("Basic {}", BASE64.encode(pair)).into_bytes();
        assert!(within_credentials(&basic(&format!("x:{TOKEN}"))));
        assert!(within_credentials(&basic(&format!("{TOKEN}:"))));
        assert!(within_credentials(format!("Digest \"{TOKEN}\",").as_bytes()));
        assert!(!within_credentials(&basic(
            "user:a long password of somebody's own choice, really"
        )));
        assert!(!within_credentials(
            b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzZ3RfIn0.c2d0X3NndF9zZ3Q"
        ));
    }

    #[test]
    fn of_a_query_only_the_parts_with_a_token_go() {
        let encoded = TOKEN.replace('s', "%73").replace('_', "%5f");
        let without = |query: &str| removed_from_query(query);
        assert_eq!(without(&format!("a=1&token={TOKEN}&b=2")).as_deref(), Some("a=1&b=2"));
        assert_eq!(without(&format!("token={TOKEN}&{TOKEN}&c=%zz")).as_deref(), Some("c=%zz"));
        assert_eq!(without(&format!("a=b={encoded}&t=1")).as_deref(), Some("t=1"));
        assert_eq!(without(&format!("access_token={TOKEN}")).as_deref(), Some(""));
        assert_eq!(without("a=1&token=eyJhbGciOiJIUzI1NiJ9.e30.c2d0X3NndF9zZ3Q&b=sgt_"), None);
    }

    #[test]
    fn of_cookies_only_those_with_a_token_go() {
        let cookies = format!("a=1; t={TOKEN};b=2");
        assert_eq!(removed_from_cookies(cookies.as_bytes()), b"a=1; b=2");
    }

    /// The same, letter by letter.
    fn plainly_within(text: &[u8]) -> bool {
        text.split(|byte| !is_character(byte)).any(is_token)
    }

    proptest! {
        #[test]
        fn a_token_is_found_wherever_it_stands(text in "([a-z_-]{0,40}[ .;=]|T|S){0,6}") {
            let text = text.replace('T', TOKEN).replace('S', &TOKEN[..36]);
            prop_assert_eq!(within(text.as_bytes()), plainly_within(text.as_bytes()));
        }

        #[test]
        fn nothing_of_a_token_is_left_in_a_query(
            parts in proptest::collection::vec("[a-z=%0-9_-]{0,12}|T", 0..6),
            encode in any::<bool>(),
        ) {
            let token = if encode { TOKEN.replace('_', "%5F") } else { TOKEN.to_owned() };
            let query = parts.join("&").replace('T', &format!("k={token}"));
            let left = removed_from_query(&query).unwrap_or(query);
            prop_assert!(!left.contains(&token[8..30]), "{}", left);
        }
    }
}
