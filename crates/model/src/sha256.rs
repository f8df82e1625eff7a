//! The SHA-256 of a program's bytes, as operators write and read it. Computes nothing.

use std::fmt;

/// The 32 bytes of a SHA-256; shown as 64 digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Reads 64 hexadecimal digits, small or large.
    ///
    /// ```
    /// use sidegate_model::sha256::Sha256;
    /// let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    /// assert_eq!(Sha256::parse(text).unwrap().to_string(), text);
    /// assert_eq!(Sha256::parse("ba78"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

fn digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_but_64_hexadecimal_digits_is_refused() {
        let good = "0123456789abcdef".repeat(4);
        let upper = good.to_uppercase();
        assert_eq!(Sha256::parse(&upper).unwrap().to_string(), good);
        let signed = format!("+{}", &good[1..]);
        let wide = format!("ä{}", &good[2..]);
        for bad in ["", &good[1..], &signed, &wide, &format!("{good}0"), &good.replace('a', "g")] {
            assert_eq!(Sha256::parse(bad), None, "{bad}");
        }
    }
}
