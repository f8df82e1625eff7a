//! Pages of long lists. It knows nothing of what is listed.

use crate::error::StoreError;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    number: u32,
    size: u32,
}

impl Page {
    /// Most entries of one page.
    pub const MAX_SIZE: u32 = 100;

    /// Page `number`, counted from 1, of `size` entries.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when `number` is 0 or `size` is not 1 to [`Page::MAX_SIZE`].
    ///
    /// ```
    /// use sidegate_store::Page;
    /// assert!(Page::new(1, 100).is_ok());
    /// assert!(Page::new(0, 101).is_err());
    /// ```
    pub fn new(number: u32, size: u32) -> Result<Self, StoreError> {
        let mut problems = Vec::new();
        if number == 0 {
            problems.push("number: pages count from 1".to_owned());
        }
        if !(1..=Self::MAX_SIZE).contains(&size) {
            problems.push(format!("size: give 1 to {} entries", Self::MAX_SIZE));
        }
        if problems.is_empty() {
            Ok(Self { number, size })
        } else {
            Err(StoreError::Invalid { what: "page", problems })
        }
    }

    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many entries it can hold.
    pub fn size(self) -> u32 {
        self.size
    }

    pub(crate) fn offset(self) -> i64 {
        i64::from(self.number - 1) * i64::from(self.size)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self { number: 1, size: 20 }
    }
}

/// One page of a list, and how long the whole list is at the same moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing<T> {
    /// The entries of the page; none when it lies behind the end.
    pub items: Vec<T>,
    /// Entries on all pages together.
    pub total: u64,
    /// The page.
    pub page: Page,
}

impl<T> Listing<T> {
    /// How many pages there are; 0 for an empty list.
    pub fn pages(&self) -> u64 {
        self.total.div_ceil(u64::from(self.page.size))
    }
}
