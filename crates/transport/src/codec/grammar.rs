//! Reads what every protobuf message is made of: keys, numbers, lengths. Knows no message.

/// Bytes that are not the message they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("undecodable message: {0}")]
pub struct Malformed(&'static str);

impl Malformed {
    pub(super) const TEXT: Self = Self("a text is not UTF-8");
    pub(super) const APP: Self = Self("the app cannot be read");
    const WIRE_TYPE: Self = Self("a field has another wire type than it should");
    const CUT: Self = Self("it ends within a field");
    const NUMBER: Self = Self("a number is too long");
    const KEY: Self = Self("a field has no valid key");
    const GROUP: Self = Self("a group is not closed, or too deep");
}

/// How deep fields may lie within groups, which only unknown fields use, and messages.
const MAX_DEPTH: u32 = 100;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that no known field has.
    Skipped,
}

impl<'a> Value<'a> {
    #[inline]
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Malformed::WIRE_TYPE),
        }
    }

    pub(super) fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed::TEXT)
    }

    /// The low half of the number, as protobuf cuts it for 32 bits.
    pub(super) fn int32(self) -> Result<i32, Malformed> {
        let number = self.number()?.to_le_bytes();
        Ok(i32::from_le_bytes([number[0], number[1], number[2], number[3]]))
    }

    pub(super) fn boolean(self) -> Result<bool, Malformed> {
        Ok(self.number()? != 0)
    }

    fn number(self) -> Result<u64, Malformed> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(Malformed::WIRE_TYPE),
        }
    }
}

/// The fields of one message, in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// How much deeper fields may lie.
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self::within(message, 0)
    }

    /// For a message that lies within so many others.
    pub(super) fn within(message: &'a [u8], levels: u32) -> Self {
        Self { rest: message, depth: MAX_DEPTH.saturating_sub(levels) }
    }

    /// The next field; `None` at the end.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (field, wire_type) = self.key()?;
        let value = match wire_type {
            0 => Value::Number(self.number()?),
            2 => Value::Bytes(self.delimited()?),
            other => {
                self.skip(field, other)?;
                Value::Skipped
            }
        };
        Ok(Some((field, value)))
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, u8), Malformed> {
        let key = u32::try_from(self.number()?).map_err(|_| Malformed::KEY)?;
        let field = key >> 3;
        if field == 0 { Err(Malformed::KEY) } else { Ok((field, (key & 7) as u8)) }
    }

    /// Most numbers take one byte.
    #[inline]
    fn number(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte @ ..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, Malformed> {
        if let [low, high @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(low & 0x7f) | u64::from(*high) << 7);
        }
        let mut number = 0;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            if at == 9 && *byte > 1 {
                return Err(Malformed::NUMBER);
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        Err(Malformed::CUT)
    }

    #[inline]
    fn delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed::CUT)?;
        self.take(length)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Passes over a field of a kind that no known field has.
    #[cold]
    fn skip(&mut self, field: u32, wire_type: u8) -> Result<(), Malformed> {
        match wire_type {
            3 => self.skip_group(field, self.depth),
            other => self.skip_fixed(other),
        }
    }

    fn skip_fixed(&mut self, wire_type: u8) -> Result<(), Malformed> {
        let length = match wire_type {
            1 => 8,
            5 => 4,
            _ => return Err(Malformed::KEY),
        };
        self.take(length).map(|_| ())
    }

    fn skip_group(&mut self, group: u32, depth: u32) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed::GROUP)?;
        loop {
            let (field, wire_type) = self.key()?;
            match wire_type {
                4 if field == group => return Ok(()),
                4 => return Err(Malformed::GROUP),
                // The deepest group may be there, but nothing in it.
                _ if depth == 0 => return Err(Malformed::GROUP),
                0 => _ = self.number()?,
                2 => _ = self.delimited()?,
                3 => self.skip_group(field, depth)?,
                other => self.skip_fixed(other)?,
            }
        }
    }
}

/// A part of a message as it was, where it is what it should be.
type Checked<'a> = Result<&'a [u8], Malformed>;

/// Key and value of a map's entry or a header field, which lies within so many messages: both are
/// fields 1 and 2. The key is a text; `check` looks at the value, and at each that a later one replaces.
#[inline]
pub(super) fn pair<'a>(
    entry: &'a [u8],
    levels: u32,
    check: impl Fn(&'a [u8]) -> Checked<'a>,
) -> Result<(&'a [u8], &'a [u8]), Malformed> {
    // As nearly all are written: both, in order, with lengths of one byte.
    if let [0x0a, length @ ..0x80, rest @ ..] = entry
        && let Some((name, [0x12, length @ ..0x80, value @ ..])) =
            rest.split_at_checked(usize::from(*length))
        && value.len() == usize::from(*length)
    {
        return Ok((checked_text(name)?, check(value)?));
    }
    let (mut name, mut value) = (&[][..], &[][..]);
    let mut reader = Reader::within(entry, levels);
    while let Some((field, content)) = reader.next()? {
        match field {
            1 => name = checked_text(content.bytes()?)?,
            2 => value = check(content.bytes()?)?,
            _ => {}
        }
    }
    Ok((name, value))
}

/// The same bytes, which are a text. Most are plain ones, and that is cheap to see.
#[inline]
pub(super) fn checked_text(bytes: &[u8]) -> Checked<'_> {
    if bytes.is_ascii() || std::str::from_utf8(bytes).is_ok() {
        Ok(bytes)
    } else {
        Err(Malformed::TEXT)
    }
}
