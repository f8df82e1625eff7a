//! How an edge gets, proves and renews who it is. An edge is who its certificate says, never who it says it is.
//!
//! An installation has one [`CertificateAuthority`] (during a rotation a few, see [`AuthoritySet`]). An operator makes
//! a [`JoinToken`], which names the authority's key and can be used once. The edge makes its key, finds the control
//! plane that holds a certificate of that authority, and gets by the token a certificate for a day, which says its
//! name and namespace, and a [`TrustBundle`]. By the certificate it syncs, and gets the next one.
//!
//! Reading order: [`CertificateAuthority`], [`AuthoritySet`], [`JoinToken`], [`TrustBundle`] (what there is);
//! [`EdgeAcceptor`] (who comes in, and where), [`EnrolmentService`] (who gets a certificate), [`edge`] (the edge's end).
//!
//! It knows neither SQL nor settings: what is stored, and who may join, say [`EdgeRegistry`] and [`Enroller`].

mod acceptor;
mod authority;
mod certificate;
mod clock;
mod control_url;
pub mod edge;
mod join_token;
pub mod message;
mod names;
mod provider;
mod request;
mod rotation;
mod service;
mod trust_bundle;

pub use acceptor::{
    Accepted, AcceptorLimits, EdgeAcceptor, EdgeIo, EdgeRegistry, EnrolmentIo, EnrolmentPeer,
    Standing,
};
pub use authority::{
    AuthorityError, CLIENT_LIFE, CertificateAuthority, GRACE, IssuedCertificate, SERVER_LIFE,
};
pub use certificate::{
    AuthorityCertificate, EdgeCertificate, InvalidCertificate, KeyDigest, Serial,
};
pub use clock::Clock;
pub use control_url::{ControlUrl, InvalidControlUrl};
pub use join_token::{InvalidJoinToken, JOIN_TOKEN_PREFIX, JoinToken, JoinTokenId, SecretHash};
pub use names::{ENROL_NAME, InvalidEdgeName, SYNC_NAME, check_edge_name};
pub use request::{CertificateRequest, InvalidRequest};
pub use rotation::{AuthoritySet, AuthorityState, RotationError};
pub use service::{Claim, Enroller, EnrolmentService, Redeemed, Refusal};
pub use trust_bundle::{
    DataKey, InvalidTrustBundle, MAX_AUTHORITIES, MAX_TRUST_BUNDLE_BYTES, TrustBundle,
};
