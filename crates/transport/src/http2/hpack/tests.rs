//! Header blocks against the standard's own examples, and against what nobody should send.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

type OwnedField = (String, Vec<u8>);

fn field(name: &str, value: &str) -> OwnedField {
    (name.to_owned(), value.as_bytes().to_vec())
}

fn fields(pairs: &[(&str, &str)]) -> Vec<OwnedField> {
    pairs.iter().map(|(name, value)| field(name, value)).collect()
}

fn read_within(block: &[u8], max_bytes: usize) -> Result<Vec<OwnedField>, HpackError> {
    let mut seen = Vec::new();
    decode(block, max_bytes, |name, value| {
        seen.push((String::from_utf8_lossy(&name).into_owned(), value.into_owned()));
    })?;
    Ok(seen)
}

fn read(block: &[u8]) -> Result<Vec<OwnedField>, HpackError> {
    read_within(block, 1000)
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_examples_of_single_fields_are_read() {
    let custom = hex("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572");
    assert_eq!(read(&custom), Ok(fields(&[("custom-key", "custom-header")])));
    let path = hex("040c 2f73 616d 706c 652f 7061 7468");
    assert_eq!(read(&path), Ok(fields(&[(":path", "/sample/path")])));
    let secret = hex("1008 7061 7373 776f 7264 0673 6563 7265 74");
    assert_eq!(read(&secret), Ok(fields(&[("password", "secret")])));
    assert_eq!(read(&[0x82]), Ok(fields(&[(":method", "GET")])));
}

#[test]
fn the_examples_of_requests_are_read() {
    let request = fields(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "www.example.com"),
    ]);
    let plain = hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d");
    assert_eq!(read(&plain).as_ref(), Ok(&request));
    let coded = hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff");
    assert_eq!(read(&coded).as_ref(), Ok(&request));
}

#[test]
fn the_example_of_a_response_is_read() {
    let response = hex(
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e
         919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    );
    let expected = fields(&[
        (":status", "302"),
        ("cache-control", "private"),
        ("date", "Mon, 21 Oct 2013 20:13:21 GMT"),
        ("location", "https://www.example.com"),
    ]);
    assert_eq!(read(&response), Ok(expected));
    // The third response, without the two fields that refer to what was remembered.
    let response = hex(
        "88 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff 5a83 9bd9 ab77 ad94 e782
         1dd7 f2e6 c7b3 35df dfcd 5b39 60d5 af27 087f 3672 c1ab 270f b529 1f95 8731 6065 c003 ed4e
         e5b1 063d 5007",
    );
    let expected = fields(&[
        (":status", "200"),
        ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
        ("content-encoding", "gzip"),
        ("set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
    ]);
    assert_eq!(read(&response), Ok(expected));
}

#[test]
fn the_examples_of_numbers_are_read_and_written() {
    let examples =
        [(5, 10, "0a"), (5, 1337, "1f9a0a"), (5, 31, "1f00"), (7, u32::MAX, "7f80ffffff0f")];
    for (bits, number, digits) in examples {
        let mut out = Vec::new();
        put_integer(&mut out, 0, bits, number.into());
        assert_eq!(out, hex(digits));
        let mut block = Block { rest: &out, room: 0, max_bytes: 0 };
        assert_eq!(block.integer(bits), Ok(number));
        assert!(block.rest.is_empty());
    }
}

#[test]
fn numbers_above_32_bits_are_refused() {
    // One more than there is, a sixth byte, and zeros without end.
    for digits in ["ff81ffffff0f", "ffffffffff7f", "ff808080808001", "ff80808080808080808000"] {
        assert_eq!(read(&hex(digits)), Err(HpackError::Integer), "{digits}");
    }
    assert_eq!(read(&hex("ffffffff")), Err(HpackError::Cut));
    assert_eq!(read(&hex("ff80808080 00")), Err(HpackError::Index(127)));
}

#[test]
fn entries_are_the_61_fixed_ones() {
    assert_eq!(read(&[0x80 | 61]), Ok(fields(&[("www-authenticate", "")])));
    assert_eq!(read(&[0x88, 0x80 | 31]), Ok(fields(&[(":status", "200"), ("content-type", "")])));
    assert_eq!(read(&[0x80]), Err(HpackError::Index(0)));
    assert_eq!(read(&[0x80 | 62]), Err(HpackError::Index(62)));
    assert_eq!(read(&[0x40 | 62, 0]), Err(HpackError::Index(62)));
    assert_eq!(read(&[0x0f, 62 - 15, 0]), Err(HpackError::Index(62)));
}

#[test]
fn a_field_that_asks_to_be_remembered_is_not() {
    let mut block = Vec::new();
    put_literal(&mut block, Indexing::Incremental, 0, "name", b"value");
    assert_eq!(read(&block), Ok(fields(&[("name", "value")])));
    put_indexed(&mut block, 62);
    assert_eq!(read(&block), Err(HpackError::Index(62)));
}

#[test]
fn the_table_is_resized_to_nothing_before_all_fields_only() {
    assert_eq!(read(&[0x20]), Ok(vec![]));
    assert_eq!(read(&[0x20, 0x20, 0x82]), Ok(fields(&[(":method", "GET")])));
    assert_eq!(read(&[0x21, 0x82]), Err(HpackError::TableSize));
    assert_eq!(read(&[0x82, 0x20]), Err(HpackError::TableSize));
    let mut block = Vec::new();
    put_size_update(&mut block, 4096);
    assert_eq!(block, hex("3fe11f"));
    assert_eq!(read(&block), Err(HpackError::TableSize));
}

#[test]
fn broken_codes_are_refused() {
    assert_eq!(read(&[0x40 | 31, 0x81, 0xff]), Err(HpackError::Huffman));
    assert_eq!(read(&[0x40, 0x81, 0x00, 0x00]), Err(HpackError::Huffman));
}

#[test]
fn what_was_sent_plainly_is_not_copied() {
    let block = [0x00, 1, b'a', 1, b'b'];
    decode(&block, 10, |name, value| {
        assert!(matches!((name, value), (Cow::Borrowed(b"a"), Cow::Borrowed(b"b"))));
    })
    .unwrap();
}

#[test]
fn fields_above_the_bound_are_refused_however_they_are_sent() {
    // Eight zeros are five bytes; the fixed table makes 28 out of one byte.
    let coded = [0x00, 0x85, 0, 0, 0, 0, 0, 0x85, 0, 0, 0, 0, 0];
    let plain = [&[0x00, 8][..], b"00000000", &[8], b"00000000"].concat();
    let fixed = [0x80 | 16];
    for (block, bytes) in [(&coded[..], 16), (&plain, 16), (&fixed, 28)] {
        assert_eq!(read_within(block, bytes).map(|fields| fields.len()), Ok(1));
        for less in [0, bytes / 2, bytes - 1] {
            assert_eq!(read_within(block, less), Err(HpackError::TooLarge(less)));
        }
        let twice = [block, block].concat();
        assert_eq!(read_within(&twice, 2 * bytes - 1), Err(HpackError::TooLarge(2 * bytes - 1)));
    }
}

#[derive(Debug, Clone)]
enum Sent {
    Indexed(u32),
    Literal(Indexing, u32, String, Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let indexing = prop_oneof![Just(Indexing::Incremental), Just(Indexing::Without)];
    let entry = prop_oneof![Just(0), 1_u32..62];
    prop_oneof![
        (1_u32..62).prop_map(Sent::Indexed),
        (indexing, entry, "[a-z:-]{0,150}", vec(any::<u8>(), 0..300))
            .prop_map(|(indexing, entry, name, value)| Sent::Literal(indexing, entry, name, value)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(all in vec(sent(), 0..8), cut in any::<prop::sample::Index>()) {
        let (mut block, mut expected) = (Vec::new(), Vec::new());
        put_size_update(&mut block, 0);
        for sent in all {
            let (name, value) = match &sent {
                Sent::Indexed(entry) => {
                    put_indexed(&mut block, *entry);
                    let (name, value) = known(*entry).unwrap();
                    (name, value.as_bytes())
                }
                Sent::Literal(indexing, entry, name, value) => {
                    put_literal(&mut block, *indexing, *entry, name, value);
                    (known(*entry).map_or(&**name, |known| known.0), &**value)
                }
            };
            expected.push((name.to_owned(), value.to_vec()));
        }
        let bytes = expected.iter().map(|(name, value)| name.len() + value.len()).sum();
        prop_assert_eq!(read_within(&block, bytes), Ok(expected));
        // Where it is cut off, it is cut within a field or between two.
        let part = read_within(&block[..cut.index(block.len())], bytes);
        prop_assert!(matches!(part, Ok(_) | Err(HpackError::Cut)), "{:?}", part);
    }

    #[test]
    fn reading_arbitrary_bytes_never_panics_and_keeps_the_bound(
        block in vec(any::<u8>(), 0..200),
        max_bytes in 0_usize..100,
    ) {
        let mut bytes = 0;
        let _ = decode(&block, max_bytes, |name, value| bytes += name.len() + value.len());
        prop_assert!(bytes <= max_bytes);
    }
}
