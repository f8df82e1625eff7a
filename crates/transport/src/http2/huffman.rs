//! Text in HPACK's Huffman code (RFC 7541, appendix B), read only. Knows no header field.
//!
//! The code is canonical: symbols are numbered by length, then by value. The lengths alone make it.

/// How many bits each byte has in the code; last comes the symbol that ends a text, which is never
/// sent whole.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const LONGEST: usize = 30;
const CODE: Code = Code::new();

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HuffmanError {
    /// It has the end symbol within, or ends neither with a symbol nor with up to seven ones.
    Malformed,
    /// It is longer than is taken.
    TooLong,
}

/// The text, of at most this many bytes; stops at the first one above.
pub(super) fn decode(coded: &[u8], most: usize) -> Result<Vec<u8>, HuffmanError> {
    let mut text = Vec::new();
    let (mut code, mut length) = (0_u32, 0_usize);
    for bit in coded.iter().flat_map(|byte| (0..8).rev().map(move |nth| byte >> nth & 1)) {
        code = code << 1 | u32::from(bit);
        length += 1;
        let Some(place) = CODE.place(code, length) else {
            continue;
        };
        let symbol = *CODE.sorted.get(place).ok_or(HuffmanError::Malformed)?;
        if text.len() == most {
            return Err(HuffmanError::TooLong);
        }
        text.push(symbol);
        (code, length) = (0, 0);
    }
    if length < 8 && code == (1 << length) - 1 { Ok(text) } else { Err(HuffmanError::Malformed) }
}

/// How many bytes a coded text has, and whether this one is among them; `None` where its code is
/// broken. Much faster than to decode it, for texts of ordinary characters.
pub(super) fn scan(coded: &[u8], wanted: u8) -> Option<(usize, bool)> {
    let (mut bits, mut there) = (0_u64, 0_usize);
    let (mut count, mut found) = (0, false);
    let mut rest = coded.iter();
    loop {
        while there <= 56
            && let Some(byte) = rest.next()
        {
            bits |= u64::from(*byte) << (56 - there);
            there += 8;
        }
        let (mut symbol, mut length) = SHORT[(bits >> 56) as usize];
        if length == 0 {
            let place = (9..=LONGEST.min(there)).find_map(|length| {
                CODE.place((bits >> (64 - length)) as u32, length).map(|place| (place, length))
            });
            let Some((place, long)) = place else { break };
            symbol = *CODE.sorted.get(place)?;
            length = long;
        }
        if length > there {
            break;
        }
        bits <<= length;
        there -= length;
        count += 1;
        found |= symbol == wanted;
    }
    let is_padding = there < 8 && bits == !(u64::MAX >> there);
    is_padding.then_some((count, found))
}

/// What begins with these eight bits, and its length; 0 for what is longer.
const SHORT: [(u8, usize); 256] = {
    let mut short = [(0, 0); 256];
    let mut first = 0;
    while first < 256 {
        let mut length = 5;
        while length <= 8 {
            let code = (first >> (8 - length)) as u32;
            let (low, count) = (CODE.first[length], CODE.count[length]);
            if code >= low && code - low < count {
                short[first] = (CODE.sorted[CODE.start[length] + (code - low) as usize], length);
                break;
            }
            length += 1;
        }
        first += 1;
    }
    short
};

/// What the lengths make.
struct Code {
    /// The bytes in the order of their codes. The end symbol would come after them all.
    sorted: [u8; 256],
    /// For each length: the first code.
    first: [u32; LONGEST + 1],
    /// For each length: how many codes there are.
    count: [u32; LONGEST + 1],
    /// For each length: where in the order the first code is.
    start: [usize; LONGEST + 1],
}

impl Code {
    const fn new() -> Self {
        let mut code = Self {
            sorted: [0; 256],
            first: [0; LONGEST + 1],
            count: [0; LONGEST + 1],
            start: [0; LONGEST + 1],
        };
        let (mut next, mut place, mut length) = (0, 0, 1);
        while length <= LONGEST {
            next <<= 1;
            code.first[length] = next;
            code.start[length] = place;
            let mut symbol = 0;
            while symbol < LENGTHS.len() {
                if LENGTHS[symbol] as usize == length {
                    if place < code.sorted.len() {
                        code.sorted[place] = symbol as u8;
                    }
                    next += 1;
                    place += 1;
                }
                symbol += 1;
            }
            code.count[length] = next - code.first[length];
            length += 1;
        }
        // Every sequence of bits leads to a symbol, so none is longer than the longest code.
        assert!(next == 1 << LONGEST, "the code is complete");
        code
    }

    /// Where in the order the symbol is that has this code, if these are enough bits for one.
    fn place(&self, code: u32, length: usize) -> Option<usize> {
        let nth = code.checked_sub(self.first[length])?;
        (nth < self.count[length]).then(|| self.start[length] + nth as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const END: usize = 256;

    /// The code of a symbol, as text of zeros and ones.
    fn bits(symbol: usize) -> String {
        let width = usize::from(LENGTHS[symbol]);
        let before = (0..symbol).filter(|&other| LENGTHS[other] == LENGTHS[symbol]).count();
        format!("{:0width$b}", CODE.first[width] as usize + before)
    }

    fn packed(mut bits: String, pad: char) -> Vec<u8> {
        while !bits.len().is_multiple_of(8) {
            bits.push(pad);
        }
        let byte = |eight: &[u8]| u8::from_str_radix(str::from_utf8(eight).unwrap(), 2).unwrap();
        bits.as_bytes().chunks(8).map(byte).collect()
    }

    fn encoded(text: &[u8]) -> Vec<u8> {
        packed(text.iter().map(|&byte| bits(usize::from(byte))).collect(), '1')
    }

    fn hex(digits: &str) -> Vec<u8> {
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        (0..digits.len()).step_by(2).map(byte).collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read_and_made() {
        let examples = [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95ba97d7f", "custom-key"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("6402", "302"),
            ("640eff", "307"),
            ("aec3771a4b", "private"),
            ("9bd9ab", "gzip"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("d07abe941054d444a8200595040b8166e084a62d1bff", "Mon, 21 Oct 2013 20:13:22 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
            (
                "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
                "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
            ),
        ];
        for (coded, text) in examples {
            assert_eq!(decode(&hex(coded), 64).as_deref(), Ok(text.as_bytes()));
            assert_eq!(encoded(text.as_bytes()), hex(coded), "{text}");
        }
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        let codes = [
            (0, 0x1ff8, 13),
            (1, 0x7f_ffd8, 23),
            (9, 0xff_ffea, 24),
            (10, 0x3fff_fffc, 30),
            (22, 0x3fff_fffe, 30),
            (b'0'.into(), 0x0, 5),
            (b't'.into(), 0x9, 5),
            (b' '.into(), 0x14, 6),
            (b'z'.into(), 0x7b, 7),
            (b'X'.into(), 0xfc, 8),
            (b'?'.into(), 0x3fc, 10),
            (b'|'.into(), 0x7fc, 11),
            (b'>'.into(), 0xffb, 12),
            (b'}'.into(), 0x3ffd, 14),
            (b'{'.into(), 0x7ffe, 15),
            (b'\\'.into(), 0x7fff0, 19),
            (128, 0xf_ffe6, 20),
            (153, 0x1f_ffdc, 21),
            (199, 0x1ff_ffec, 25),
            (203, 0x7ff_ffde, 27),
            (249, 0xfff_fffe, 28),
            (255, 0x3ff_ffee, 26),
            (END, 0x3fff_ffff, 30),
        ];
        for (symbol, code, width) in codes {
            assert_eq!(bits(symbol), format!("{code:0width$b}"), "{symbol}");
        }
    }

    #[test]
    fn every_sequence_of_bits_leads_to_a_symbol() {
        let share = |&length: &u8| 1_u64 << (LONGEST - usize::from(length));
        assert_eq!(LENGTHS.iter().map(share).sum::<u64>(), 1 << LONGEST);
    }

    #[test]
    fn padding_is_up_to_seven_ones() {
        assert_eq!(decode(&[], 9), Ok(vec![]));
        assert_eq!(decode(&packed(bits(b'a'.into()), '1'), 9).as_deref(), Ok(&b"a"[..]));
        assert_eq!(decode(&packed(bits(b'a'.into()), '0'), 9), Err(HuffmanError::Malformed));
        for ones in [&[0xff][..], &[0xff; 3], &packed(bits(b'X'.into()) + "11111111", '1')] {
            assert_eq!(decode(ones, 9), Err(HuffmanError::Malformed));
        }
    }

    #[test]
    fn the_end_symbol_within_a_text_is_refused() {
        let text = bits(b'a'.into()) + &bits(END) + &bits(b'a'.into());
        assert_eq!(decode(&packed(text, '1'), 9), Err(HuffmanError::Malformed));
        assert_eq!(decode(&[0xff; 4], 9), Err(HuffmanError::Malformed));
    }

    #[test]
    fn no_more_is_made_than_is_taken() {
        // Five bits each: the shortest code there is.
        assert_eq!(decode(&[0; 5], 8).as_deref(), Ok(&b"00000000"[..]));
        assert_eq!(decode(&[0; 5], 7), Err(HuffmanError::TooLong));
        assert_eq!(decode(&[0; 5], 0), Err(HuffmanError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_coded_is_read_back(text in vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encoded(&text), text.len()), Ok(text));
        }

        #[test]
        fn a_text_that_is_only_scanned_is_the_one_that_would_be_read(
            text in vec(any::<u8>(), 0..80),
            coded in vec(any::<u8>(), 0..24),
        ) {
            let has_hash = text.contains(&b'#');
            prop_assert_eq!(scan(&encoded(&text), b'#'), Some((text.len(), has_hash)));
            let read = decode(&coded, 200).ok();
            let wanted = read.map(|text| (text.len(), text.contains(&b'#')));
            prop_assert_eq!(scan(&coded, b'#'), wanted);
        }

        #[test]
        fn one_text_has_one_code(coded in vec(any::<u8>(), 0..24)) {
            if let Ok(text) = decode(&coded, 50) {
                prop_assert!(text.len() <= 50);
                prop_assert_eq!(encoded(&text), coded);
            }
        }
    }
}
