//! New inputs out of known ones: bytes changed, parts moved, known words put in.

use crate::dice::Dice;

/// Longest input, in bytes.
const MAX_BYTES: usize = 4096;
/// Bytes at which readers decide.
const NOTABLE: &[u8] = b"\0\x01\x7f\x80\xff\r\n\t \":;,|/%.{}[]=0A";

/// Makes inputs.
#[derive(Debug)]
pub struct Mutator<'a> {
    words: &'a [&'a [u8]],
    pool: Vec<Vec<u8>>,
    dice: Dice,
}

impl<'a> Mutator<'a> {
    /// Starts with known inputs, and words that belong into them.
    pub fn new(pool: Vec<Vec<u8>>, words: &'a [&'a [u8]], seed: u64) -> Self {
        Self { words, pool, dice: Dice::new(seed) }
    }

    /// Makes an input one to start with.
    pub fn keep(&mut self, input: &[u8]) {
        self.pool.push(input.to_vec());
    }

    /// A new input.
    pub fn make(&mut self) -> Vec<u8> {
        let mut input = self.dice.pick(&self.pool).cloned().unwrap_or_default();
        // Mostly little is changed: what is changed much is refused at once.
        let changes = 1 + self.dice.below(3).min(self.dice.below(8));
        for _ in 0..changes {
            self.change(&mut input);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.dice.below(input.len() + 1);
        let end = at + self.dice.below((input.len() - at).min(64) + 1);
        match self.dice.below(16) {
            0 | 1 => self.byte(input, at, |byte, dice| byte ^ 1 << dice.below(8)),
            2 => self.byte(input, at, |byte, _| byte ^ 0x20),
            3 => self.byte(input, at, |_, dice| dice.below(256) as u8),
            4 => self.byte(input, at, |_, dice| *dice.pick(NOTABLE).unwrap_or(&0)),
            5 => self.byte(input, at, |byte, dice| {
                byte.wrapping_add(dice.below(5) as u8).wrapping_sub(2)
            }),
            6 => input.insert(at, *self.dice.pick(NOTABLE).unwrap_or(&0)),
            7 => _ = input.drain(at..end),
            8 => {
                let part = input[at..end].to_vec();
                let to = self.dice.below(input.len() + 1);
                input.splice(to..to, part);
            }
            9 => {
                let part = input[at..end].repeat(1 + self.dice.below(40));
                input.splice(end..end, part);
            }
            10 => input.truncate(at),
            11 | 12 => self.other_part(input, at, end),
            _ => self.word(input, at),
        }
    }

    fn byte(&mut self, input: &mut [u8], at: usize, to: impl Fn(u8, &mut Dice) -> u8) {
        if let Some(byte) = input.get_mut(at) {
            *byte = to(*byte, &mut self.dice);
        }
    }

    /// A part of another input, in place of one of this.
    fn other_part(&mut self, input: &mut Vec<u8>, at: usize, end: usize) {
        let Some(other) = self.dice.pick(&self.pool).cloned() else { return };
        let from = self.dice.below(other.len() + 1);
        let to = from + self.dice.below((other.len() - from).min(200) + 1);
        input.splice(at..end, other[from..to].iter().copied());
    }

    fn word(&mut self, input: &mut Vec<u8>, at: usize) {
        let Some(word) = self.dice.pick(self.words) else { return };
        let over = if self.dice.one_in(2) { word.len() } else { 0 };
        let end = (at + over).min(input.len());
        input.splice(at..end, word.iter().copied());
    }
}
