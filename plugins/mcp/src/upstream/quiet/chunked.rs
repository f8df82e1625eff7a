//! Chunked coding (RFC 9112, 7.1), read from pieces of any size. Nothing is kept but where it stands.

/// The longest line before a chunk, and the longest trailers.
const MOST_LINE: u16 = 4096;
/// More digits do not fit.
const MOST_DIGITS: u16 = 16;

/// What is wrong with a body.
pub(super) type Wrong = &'static str;

/// A body in chunked coding, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    at: At,
    /// Bytes of the chunk that is read; while its line is, what the digits come to.
    left: u64,
    /// Bytes of the line that is read, or of all trailers.
    line: u16,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// A digit of a chunk's size, or what ends it.
    #[default]
    Size,
    /// What follows a size and is no extension.
    Space,
    /// What a sender adds to a size, of which nothing is known.
    Extension,
    /// The end of the line that has the size.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    /// A line of the trailers, or the line that ends them.
    Trailers,
    Trailer,
    TrailerLf,
    LastLf,
    End,
}

impl Chunked {
    /// Takes bytes that came, and adds what is content to `content`.
    pub(super) fn read(&mut self, piece: &[u8], content: &mut Vec<u8>) -> Result<(), Wrong> {
        let mut rest = piece;
        while let Some((byte, after)) = rest.split_first() {
            if self.at == At::End {
                return Ok(());
            }
            if self.at == At::Data {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                content.extend_from_slice(&rest[..most]);
                self.left -= most as u64;
                rest = &rest[most..];
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            self.step(*byte)?;
            rest = after;
        }
        Ok(())
    }

    /// Whether nothing follows.
    pub(super) fn has_ended(&self) -> bool {
        self.at == At::End
    }

    /// Takes a byte that is no content.
    fn step(&mut self, byte: u8) -> Result<(), Wrong> {
        self.line += 1;
        if self.line > MOST_LINE {
            return Err("a line of its chunks is too long");
        }
        self.at = match (self.at, byte) {
            (At::Size, _) => self.size(byte)?,
            (At::Space, b' ' | b'\t') => At::Space,
            (At::Space, b';') => At::Extension,
            (At::Space | At::Extension, b'\r') => At::SizeEnd,
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => At::Extension,
            (At::SizeEnd, b'\n') => {
                self.line = 0;
                if self.left == 0 { At::Trailers } else { At::Data }
            }
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => {
                self.line = 0;
                At::Size
            }
            (At::Trailers, b'\r') => At::LastLf,
            (At::Trailer, b'\r') => At::TrailerLf,
            (At::Trailers | At::Trailer, b'\t' | b' '..=b'~' | 0x80..) => At::Trailer,
            (At::TrailerLf, b'\n') => At::Trailers,
            (At::LastLf, b'\n') => At::End,
            _ => return Err("its chunks are malformed"),
        };
        Ok(())
    }

    fn size(&mut self, byte: u8) -> Result<At, Wrong> {
        if let Some(digit) = char::from(byte).to_digit(16) {
            if self.line > MOST_DIGITS {
                return Err("a size of its chunks is too long");
            }
            self.left = self.left << 4 | u64::from(digit);
            return Ok(At::Size);
        }
        match byte {
            // There is no size without a digit.
            _ if self.line == 1 => Err("a size of its chunks is none"),
            b'\r' => Ok(At::SizeEnd),
            b';' => Ok(At::Extension),
            b' ' | b'\t' => Ok(At::Space),
            _ => Err("a size of its chunks is none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The content, and whether it has ended.
    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool), Wrong> {
        let (mut chunked, mut content) = (Chunked::default(), Vec::new());
        for piece in pieces {
            chunked.read(piece, &mut content)?;
        }
        Ok((content, chunked.has_ended()))
    }

    const BODY: &[u8] =
        b"5\r\nhello\r\n6 \t;a=\"b\"\r\n world\r\n00a;\r\n0123456789\r\n0\r\nX: y\r\nZ:\r\n\r\n";

    #[test]
    fn chunks_are_read_wherever_they_are_cut() {
        let whole = (b"hello world0123456789".to_vec(), true);
        for size in 1..=BODY.len() {
            let pieces: Vec<_> = BODY.chunks(size).collect();
            assert_eq!(read(&pieces), Ok(whole.clone()), "{size}");
        }
        for cut in 0..BODY.len() {
            let (before, after) = BODY.split_at(cut);
            assert!(!read(&[before]).unwrap().1, "{cut}");
            assert_eq!(read(&[before, after, b"HTTP/1.1 200"]), Ok(whole.clone()), "{cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for wrong in [
            "\r\n",
            ";a\r\n",
            " 5\r\nhello\r\n",
            "x\r\n",
            "0x5\r\n",
            "-1\r\n",
            "+5\r\n",
            "5\nhello",
            "5\r\rhello",
            "5 5\r\n",
            "5\r\nhello0\r\n",
            "5\r\nhello\n0\r\n",
            "5\r\nhello\r\n\r\n",
            "5;a\nb\r\n",
            "5;\0\r\n",
            "00000000000000005\r\nhello",
            "10000000000000000\r\n",
            "0\r\n\n",
            "0\r\nX: y\n",
            "0\r\nX: \0\r\n",
            "0\r\nX: y\r\r\n",
        ] {
            assert!(read(&[wrong.as_bytes()]).is_err(), "{wrong:?}");
        }
        assert_eq!(read(&[b"ffffffffffffffff\r\nab"]), Ok((b"ab".to_vec(), false)));
    }

    #[test]
    fn lines_and_trailers_have_a_bound() {
        let filling = vec![b'a'; usize::from(MOST_LINE)];
        assert!(read(&[b"5;", &filling]).is_err());
        assert!(read(&[b"0\r\n", &filling[2..], b"\r\n\r\n"]).is_err());
        // All of them together.
        let trailer = b"X: y\r\n".repeat(usize::from(MOST_LINE) / 6 + 1);
        assert!(read(&[b"0\r\n", &trailer]).is_err());
        // The bound is for each line of a long body.
        let body = b"1;abc\r\n.\r\n".repeat(10_000);
        assert_eq!(read(&[&body]).unwrap().0.len(), 10_000);
    }

    /// The literal reading: a whole body at once, by its lines.
    fn literal(body: &[u8]) -> Option<Vec<u8>> {
        let line = |bytes: &[u8]| {
            let end = bytes.windows(2).position(|two| two == b"\r\n")?;
            let is_text =
                bytes[..end].iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
            is_text.then(|| (bytes[..end].to_vec(), bytes[end + 2..].to_vec()))
        };
        let (mut content, mut rest) = (Vec::new(), body.to_vec());
        loop {
            let (text, after) = line(&rest)?;
            let size = text.split(|byte| *byte == b';').next()?;
            let end = size.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'))? + 1;
            let digits = size[..end].iter().all(u8::is_ascii_hexdigit);
            let size = std::str::from_utf8(&size[..end]).ok().filter(|_| digits && end <= 16)?;
            let size = usize::from_str_radix(size, 16).ok()?;
            rest = after;
            if size == 0 {
                break;
            }
            content.extend_from_slice(rest.get(..size)?);
            rest = rest[size..].strip_prefix(b"\r\n")?.to_vec();
        }
        loop {
            let (text, after) = line(&rest)?;
            rest = after;
            if text.is_empty() {
                return Some(content);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_as_a_literal_reading_does(
            words in prop::collection::vec(prop::sample::select(vec![
                "0", "1", "5", "a", "F", "\r\n", "\r", "\n", ";", " ", "x", "=\"", "hello", "\0",
                "0\r\n\r\n", "5\r\nhello\r\n", "1\r\n.\r\n", "X: y\r\n", "2 ;a\r\n",
            ]), 0..12),
            cuts in prop::collection::vec(1..7_usize, 1..40),
        ) {
            let body = words.concat().into_bytes();
            let (mut pieces, mut rest) = (Vec::new(), &body[..]);
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            let ours = read(&pieces);
            let whole = ours.clone().ok().filter(|(_, has_ended)| *has_ended).map(|it| it.0);
            prop_assert_eq!(&whole, &literal(&body));
            prop_assert_eq!(read(&[&body]), ours);
        }
    }
}
