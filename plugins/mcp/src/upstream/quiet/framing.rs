//! Where the body of a response ends (RFC 9112, 6.3).

use std::io;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::response::Parts;
use http::{StatusCode, Version};

use super::chunked::Chunked;

/// How the end of a body is told.
#[derive(Debug)]
pub(super) enum Framing {
    /// By the body itself.
    Chunked(Chunked),
    /// So many bytes follow.
    Length(u64),
    /// By the end of the connection.
    Close,
}

impl Framing {
    /// As the head says.
    pub(super) fn of(parts: &Parts) -> io::Result<Self> {
        let without =
            [StatusCode::SWITCHING_PROTOCOLS, StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        if without.contains(&parts.status) {
            return Ok(Self::Length(0));
        }
        let mut codings = parts.headers.get_all(TRANSFER_ENCODING).iter();
        if let Some(coding) = codings.next() {
            let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
            return match is_chunked && codings.next().is_none() {
                true if parts.version == Version::HTTP_11 => Ok(Self::Chunked(Chunked::default())),
                _ => Err(wrong("its transfer coding is not the one that there is")),
            };
        }
        let lengths = parts.headers.get_all(CONTENT_LENGTH).iter();
        let mut lengths = lengths.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let Some(first) = lengths.next() else { return Ok(Self::Close) };
        let length = number(first).filter(|first| lengths.all(|it| number(it) == Some(*first)));
        length.map(Self::Length).ok_or_else(|| wrong("its length is no number"))
    }

    /// Takes bytes that came, and adds what is content to `content`. What follows the end of the body is nothing.
    pub(super) fn read(&mut self, piece: &[u8], content: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Chunked(chunked) => chunked.read(piece, content).map_err(wrong),
            Self::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(piece.len());
                content.extend_from_slice(&piece[..most]);
                *left -= most as u64;
                Ok(())
            }
            Self::Close => {
                content.extend_from_slice(piece);
                Ok(())
            }
        }
    }

    /// Whether nothing follows.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Chunked(chunked) => chunked.has_ended(),
            Self::Length(left) => *left == 0,
            Self::Close => false,
        }
    }

    /// The connection was closed.
    pub(super) fn closed(&self) -> io::Result<()> {
        let too_early = "the connection was closed before the end of the response";
        match self {
            Self::Close => Ok(()),
            _ if self.has_ended() => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, too_early)),
        }
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = digits.trim_ascii();
    // A sign would be read, too.
    let is_number = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(status: u16, version: Version, fields: &[(&'static str, &'static str)]) -> String {
        let mut response = http::Response::builder().status(status).version(version);
        for (name, value) in fields {
            response = response.header(*name, HeaderValue::from_static(value));
        }
        let framing = Framing::of(&response.body(()).unwrap().into_parts().0);
        match framing {
            Ok(Framing::Chunked(_)) => "chunked".to_owned(),
            Ok(Framing::Length(length)) => length.to_string(),
            Ok(Framing::Close) => "close".to_owned(),
            Err(_) => "wrong".to_owned(),
        }
    }

    #[test]
    fn the_head_tells_where_the_body_ends() {
        let coding = ("transfer-encoding", "Chunked");
        for (status, fields, expected) in [
            (200, &[] as &[_], "close"),
            (200, &[coding], "chunked"),
            (200, &[coding, ("content-length", "7")], "chunked"),
            (200, &[coding, coding], "wrong"),
            (200, &[("transfer-encoding", "gzip, chunked")], "wrong"),
            (200, &[("transfer-encoding", "identity")], "wrong"),
            (200, &[("content-length", "7")], "7"),
            (200, &[("content-length", "7"), ("content-length", "7, 7")], "7"),
            (200, &[("content-length", "7"), ("content-length", "8")], "wrong"),
            (200, &[("content-length", "+7")], "wrong"),
            (200, &[("content-length", "")], "wrong"),
            (200, &[("content-length", "18446744073709551616")], "wrong"),
            (204, &[("content-length", "7")], "0"),
            (101, &[coding], "0"),
        ] {
            assert_eq!(of(status, Version::HTTP_11, fields), expected, "{status} {fields:?}");
        }
        assert_eq!(of(200, Version::HTTP_10, &[coding]), "wrong");
        assert_eq!(of(200, Version::HTTP_10, &[("content-length", "7")]), "7");
    }
}
