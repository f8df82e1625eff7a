//! From what is stored to what answers share: a thing with its version, a page of a list, times.
//! Knows no particular noun.

use sidegate_api::error::Problem;
use sidegate_api::resource::{Count, ListOf, PageOf, Paging, Resource, ResourceType};
use sidegate_model::UnixMillis;
use sidegate_store::{Listing, Page};

/// Puts attributes under a type and an id.
pub(crate) fn resource<A>(
    kind: ResourceType,
    id: impl std::fmt::Display,
    attributes: A,
) -> Resource<A> {
    Resource { kind, id: id.to_string(), attributes }
}

/// A thing that can be changed, with its version: another text for every other content.
#[derive(Debug)]
pub(crate) struct Versioned<A> {
    /// The thing.
    pub(crate) data: Resource<A>,
    /// Its version.
    pub(crate) version: String,
}

/// Which page of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageQuery {
    /// `page`, from 1.
    pub(crate) page: Option<u32>,
    /// `limit`, 1 to 100, 20 when absent.
    pub(crate) limit: Option<u32>,
    /// `page_size`, another name of `limit`.
    pub(crate) page_size: Option<u32>,
}

impl PageQuery {
    /// The page it means, where nothing else that was asked for is wrong.
    ///
    /// # Errors
    /// What is wrong, of the page first.
    pub(crate) fn read_with(self, others: Vec<Problem>) -> Result<Page, Vec<Problem>> {
        match self.read() {
            Ok(page) if others.is_empty() => Ok(page),
            page => Err(page.err().unwrap_or_default().into_iter().chain(others).collect()),
        }
    }

    /// The page it means.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn read(self) -> Result<Page, Vec<Problem>> {
        let problem = |name: &str, detail: String| Problem { field: Some(name.to_owned()), detail };
        if self.limit.is_some() && self.page_size.is_some() {
            let detail = "query: page_size: this is limit: say it once".to_owned();
            return Err(vec![problem("page_size", detail)]);
        }
        let usual = Page::default();
        let number = self.page.unwrap_or(usual.number());
        let size = self.limit.or(self.page_size).unwrap_or(usual.size());
        Page::new(number, size).map_err(|_| {
            let limits = format!("page counts from 1, limit goes from 1 to {}", Page::MAX_SIZE);
            let detail = format!("page {number} with limit {size} cannot be shown: {limits}");
            vec![problem(if number == 0 { "page" } else { "limit" }, detail)]
        })
    }
}

/// One page of what is there in full: the one thing that was found by its name, or few of which all were read.
pub(crate) fn listing_of<T>(all: impl IntoIterator<Item = T>, page: Page) -> Listing<T> {
    let all: Vec<_> = all.into_iter().collect();
    let total = count(all.len());
    let size = page.size() as usize;
    let before = size.saturating_mul(page.number() as usize - 1);
    Listing { items: all.into_iter().skip(before).take(size).collect(), total, page }
}

/// Shapes a page of a list.
pub(crate) fn page_of<T, A>(
    listing: Listing<T>,
    shape: impl FnMut(T) -> Versioned<A>,
) -> PageOf<A> {
    let meta = Paging {
        total_count: listing.total,
        total_pages: listing.pages(),
        page_size: listing.page.size(),
        page_number: listing.page.number(),
    };
    let data = listing.items.into_iter().map(shape).map(|thing| thing.data).collect();
    PageOf { data, meta }
}

/// A list on one page.
pub(crate) fn list_of<A>(data: Vec<Resource<A>>) -> ListOf<A> {
    let meta = Count { total_count: count(data.len()) };
    ListOf { data, meta }
}

/// A number of things, as answers tell it.
pub(crate) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// A time as RFC 3339, in UTC, always with three digits for the milliseconds.
pub(crate) fn time_text(millis: UnixMillis) -> String {
    // Beyond the year 9999 there is no such text; the number is then better than nothing.
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| millis.to_string(), |time| format!("{time:.3}"))
}
