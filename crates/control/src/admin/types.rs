//! The shapes every answer of the admin API shares: a resource, a list with its paging, times.
//! Knows no particular noun.

use super::error::ApiError;
use serde::Serialize;
use sidegate_model::UnixMillis;
use sidegate_store::{Listing, Page};

/// One thing, with its number and what there is to know of it.
#[derive(Debug, Serialize)]
pub(crate) struct Resource<A> {
    r#type: &'static str,
    id: String,
    attributes: A,
    /// Another text for every other content of what can be changed.
    #[serde(skip)]
    version: Option<String>,
}

impl<A> Resource<A> {
    /// Puts attributes under a type and an id.
    pub(crate) fn new(r#type: &'static str, id: impl std::fmt::Display, attributes: A) -> Self {
        Self { r#type, id: id.to_string(), attributes, version: None }
    }

    /// Says which version of a thing this is.
    pub(crate) fn with_version(self, version: String) -> Self {
        Self { version: Some(version), ..self }
    }

    /// Which version of a thing this is, where it is one that can be changed.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The id, as it stands in addresses.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// A whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Document<D, M> {
    /// The resource or the resources.
    pub(crate) data: D,
    /// What is said about the answer itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) meta: Option<M>,
}

impl<D> Document<D, ()> {
    /// An answer without remarks.
    pub(crate) fn plain(data: D) -> Self {
        Self { data, meta: None }
    }
}

/// Where a page stands in its list.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub(crate) struct Paging {
    total_count: u64,
    total_pages: u64,
    page_size: u32,
    page_number: u32,
}

/// Reads `page` (from 1) and `limit` (1 to 100, 20 when absent) of a query.
pub(crate) fn read_page(page: Option<u32>, limit: Option<u32>) -> Result<Page, ApiError> {
    let usual = Page::default();
    let (number, size) = (page.unwrap_or(usual.number()), limit.unwrap_or(usual.size()));
    Page::new(number, size).map_err(|_| {
        let limits = format!("page counts from 1, limit goes from 1 to {}", Page::MAX_SIZE);
        ApiError::bad_request(format!("page {number} with limit {size} cannot be shown: {limits}"))
    })
}

/// The list of the one thing that was found by its name, or of none.
pub(crate) fn listing_of<T>(found: Option<T>, page: Page) -> Listing<T> {
    let total = u64::from(found.is_some());
    let items = found.into_iter().filter(|_| page.number() == 1).collect();
    Listing { items, total, page }
}

/// Shapes a page of a list.
pub(crate) fn page_document<T, A>(
    listing: Listing<T>,
    shape: impl FnMut(T) -> Resource<A>,
) -> Document<Vec<Resource<A>>, Paging> {
    let meta = Paging {
        total_count: listing.total,
        total_pages: listing.pages(),
        page_size: listing.page.size(),
        page_number: listing.page.number(),
    };
    Document { data: listing.items.into_iter().map(shape).collect(), meta: Some(meta) }
}

/// A time as RFC 3339, in UTC, always with three digits for the milliseconds.
pub(crate) fn time_text(millis: UnixMillis) -> String {
    // Beyond the year 9999 there is no such text; the number is then better than nothing.
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| millis.to_string(), |time| format!("{time:.3}"))
}
