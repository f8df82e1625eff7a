//! The edge of Sidegate: from a client's socket to a question and back.
//!
//! Reading order: `run` puts the parts together; `edge` carries a request; `route` and `identity` answer
//! its first two questions, from the generation that the plugins' host publishes, as far as `freshness` lets them; `metrics` counts, and
//! [`log`] is written without holding anybody up; `loopback` is a client of its own. It starts and stops no plugin; there is no SQL and no
//! admin API here.

mod edge;
mod freshness;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
pub mod log;
mod loopback;
mod metrics;
mod route;
mod run;

pub use edge::context::EdgeLimits;
pub use edge::origin::client_of;
pub use edge::proxies::{Believed, Network, Proxies};
pub use edge::public_urls::{InvalidPublicUrl, PublicUrls};
pub use edge::tls::{ShownIdentity, TlsIdentity, TlsIdentityError};
pub use freshness::{Freshness, Knowledge, ServedPosition};
pub use identity::client_authority::ClientAuthorities;
pub use identity::newcomers::{MadeApp, Newcomer, NewcomerQueue, NewcomerSender, newcomers};
pub use loopback::{Loopback, NoAnswer};
pub use run::{Gateway, GatewayError, GatewaySettings, Listeners, METRICS_TYPE, Probes, start};
