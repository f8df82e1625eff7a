//! Storage beyond reading and writing: under conditions, taken by one, listed. Hosts other than Sidegate do not offer it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sidegate_wire::host as wire;
use sidegate_wire::host::sidegate_host_service_client::SidegateHostServiceClient as Client;
use sidegate_wire::host::write_entry_request::Condition;

use super::error::HostError;
use super::kv::{Kv, SCOPE};
use super::line::{Again, Feature, Line};

/// Which content a key has, as [`Kv::find`] told it: the same value with the same end has the same one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(Bytes);

impl Version {
    /// One that was kept elsewhere.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// To be kept elsewhere.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// Which content it is.
    pub version: Version,
    /// How long it is kept; `None` is for ever.
    pub remaining: Option<Duration>,
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedEntry {
    /// Its key.
    pub key: String,
    /// How many bytes its value has.
    pub value_bytes: u64,
    /// How long it is kept; `None` is for ever.
    pub remaining: Option<Duration>,
    /// Its value, where [`List::with_values`] asked for it.
    pub value: Option<Bytes>,
}

/// Some entries, in the order of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<ListedEntry>,
    /// What [`List::after`] takes for the next page; `None` on the last one.
    pub next: Option<String>,
}

/// A value on its way under a key, made by [`Kv::put`].
#[derive(Debug)]
#[must_use = "nothing is kept before it is awaited"]
pub struct Put {
    kv: Kv,
    key: String,
    value: Bytes,
    ttl_ms: u64,
    condition: Option<Condition>,
}

/// A question for entries, made by [`Kv::list`].
#[derive(Debug)]
#[must_use = "nothing is asked before it is awaited"]
pub struct List {
    line: Arc<Line>,
    request: wire::ListEntriesRequest,
}

type Answering<T> = Pin<Box<dyn Future<Output = Result<T, HostError>> + Send>>;

impl Kv {
    /// What is kept under a key, with its version; `None` where there is nothing or it has expired.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn find(&self, key: &str) -> Result<Option<Entry>, HostError> {
        let line = self.checked(key, &[])?;
        let request = wire::ReadEntryRequest { key: key.to_owned() };
        let call = |channel| {
            let request = request.clone();
            async move { Client::new(channel).read_entry(request).await }
        };
        let entry = |read: wire::ReadEntryResponse| Entry {
            value: read.value,
            version: Version(read.version),
            remaining: read.ttl_ms.map(Duration::from_millis),
        };
        there(line.ask(SCOPE, Again::Yes, call).await.map(entry))
    }

    /// Keeps a value under conditions. Awaited, it gives the version that is kept, or `None` where a condition did not
    /// hold: then nothing has changed.
    ///
    /// A counter that loses nothing, whoever counts:
    ///
    /// ```
    /// use sidegate_sdk::{HostError, Kv};
    ///
    /// async fn count(kv: &Kv) -> Result<u64, HostError> {
    ///     loop {
    ///         let entry = kv.find("count").await?;
    ///         let text = entry.as_ref().map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
    ///         let next = text.and_then(|text| text.parse().ok()).unwrap_or(0_u64) + 1;
    ///         let put = kv.put("count", next.to_string());
    ///         let kept = match &entry {
    ///             Some(entry) => put.if_version(&entry.version).await?,
    ///             None => put.if_absent().await?,
    ///         };
    ///         if kept.is_some() {
    ///             return Ok(next);
    ///         }
    ///     }
    /// }
    ///
    /// # use sidegate_sdk::{Config, Plugin, Request, Result, testing};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let plugin = Plugin::new("counter", "1").post("/", async |req: Request| -> Result<String> {
    /// #     Ok(count(&req.plugin_host().kv()).await?.to_string())
    /// # });
    /// # let host = testing::Host::start(plugin, Config::default()).granting(["kv.readwrite"]).await?;
    /// # host.post("/", "").await;
    /// # assert_eq!(host.post("/", "").await.text(), "2");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Awaited, as [`set`](Self::set). After [`HostError::Unavailable`] nobody knows whether the value is kept.
    pub fn put(&self, key: &str, value: impl Into<Bytes>) -> Put {
        let (kv, key, value) = (self.clone(), key.to_owned(), value.into());
        Put { kv, key, value, ttl_ms: 0, condition: None }
    }

    /// Removes a key and gives what was kept there: of all who take it at once, one gets it. `None` for all others.
    /// What is for one use only, such as a code or a nonce, is taken and never read.
    ///
    /// # Errors
    /// See [`HostError`]. After `Unavailable` it may be gone.
    pub async fn take(&self, key: &str) -> Result<Option<Bytes>, HostError> {
        self.take_by(key, None).await
    }

    /// The same, only where the key has this version.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub async fn take_if(&self, key: &str, version: &Version) -> Result<Option<Bytes>, HostError> {
        self.take_by(key, Some(version.0.clone())).await
    }

    /// The entries whose keys begin so, in the order of their keys. Awaited, it gives a page of them.
    ///
    /// What is written between two pages may be on the next one or not; a key that is there all the time is on exactly
    /// one page.
    ///
    /// ```
    /// use sidegate_sdk::{HostError, Kv};
    ///
    /// async fn sessions(kv: &Kv, user: &str) -> Result<usize, HostError> {
    ///     let (mut count, mut after) = (0, String::new());
    ///     loop {
    ///         let page = kv.list(&format!("session/{user}/")).after(after).limit(500).await?;
    ///         count += page.entries.len();
    ///         match page.next {
    ///             Some(next) => after = next,
    ///             None => return Ok(count),
    ///         }
    ///     }
    /// }
    /// ```
    pub fn list(&self, prefix: &str) -> List {
        let request = wire::ListEntriesRequest { prefix: prefix.to_owned(), ..Default::default() };
        List { line: self.line(), request }
    }

    async fn take_by(
        &self,
        key: &str,
        if_version: Option<Bytes>,
    ) -> Result<Option<Bytes>, HostError> {
        let line = self.checked(key, &[])?;
        let request = wire::TakeEntryRequest { key: key.to_owned(), if_version };
        let call = |channel| {
            let request = request.clone();
            async move { Client::new(channel).take_entry(request).await }
        };
        // Asked twice, the second answer would be that nothing is there.
        there(line.ask(SCOPE, Again::No, call).await.map(|taken| taken.value))
    }

    /// The line to a host that offers this, for a key and a value that it can take.
    fn checked(&self, key: &str, value: &[u8]) -> Result<Arc<Line>, HostError> {
        self.check(key, value)?;
        let line = self.line();
        line.require(Feature::Storage)?;
        Ok(line)
    }
}

impl Put {
    /// Keeps the value for so long, at least for a millisecond.
    pub fn for_time(mut self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000).max(1);
        self.ttl_ms = u64::try_from(millis).unwrap_or(u64::MAX);
        self
    }

    /// Only where nothing is kept under the key.
    pub fn if_absent(mut self) -> Self {
        self.condition = Some(Condition::IfAbsent(true));
        self
    }

    /// Only where the key has this version.
    pub fn if_version(mut self, version: &Version) -> Self {
        self.condition = Some(Condition::IfVersion(version.0.clone()));
        self
    }

    /// Only where the key has this value.
    pub fn if_value(mut self, value: impl Into<Bytes>) -> Self {
        self.condition = Some(Condition::IfValue(value.into()));
        self
    }

    async fn ask(self) -> Result<Option<Version>, HostError> {
        let Self { kv, key, value, ttl_ms, condition } = self;
        let line = kv.checked(&key, &value)?;
        // Asked twice, the second answer would be that the condition does not hold.
        let again = if condition.is_none() { Again::Yes } else { Again::No };
        let request = wire::WriteEntryRequest { key, value, ttl_ms, condition };
        let call = |channel| {
            let request = request.clone();
            async move { Client::new(channel).write_entry(request).await }
        };
        let written = line.ask(SCOPE, again, call).await?;
        Ok(written.written.then_some(Version(written.version)))
    }
}

impl IntoFuture for Put {
    type Output = Result<Option<Version>, HostError>;
    type IntoFuture = Answering<Option<Version>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

impl List {
    /// Only keys behind this one: [`EntryPage::next`] of the page before.
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.request.after = key.into();
        self
    }

    /// At most so many; 100 where nothing is said, 1000 at the most.
    pub fn limit(mut self, limit: u32) -> Self {
        self.request.limit = limit.max(1);
        self
    }

    /// With their values. A page ends before they have more than 1 MiB, but has one at least.
    pub fn with_values(mut self) -> Self {
        self.request.with_values = true;
        self
    }

    async fn ask(self) -> Result<EntryPage, HostError> {
        let Self { line, request } = self;
        // Without a host that is what the author has to hear.
        line.channel()?;
        line.require(Feature::Storage)?;
        let call = |channel| {
            let request = request.clone();
            async move { Client::new(channel).list_entries(request).await }
        };
        let page = line.ask(SCOPE, Again::Yes, call).await?;
        let entries = page.entries.into_iter().map(|entry| ListedEntry {
            key: entry.key,
            value_bytes: entry.value_bytes,
            remaining: entry.ttl_ms.map(Duration::from_millis),
            value: request.with_values.then_some(entry.value),
        });
        let next = Some(page.next).filter(|next| !next.is_empty());
        Ok(EntryPage { entries: entries.collect(), next })
    }
}

impl IntoFuture for List {
    type Output = Result<EntryPage, HostError>;
    type IntoFuture = Answering<EntryPage>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.ask())
    }
}

/// Nothing, where the host says that there is none.
fn there<T>(answer: Result<T, HostError>) -> Result<Option<T>, HostError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(HostError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
