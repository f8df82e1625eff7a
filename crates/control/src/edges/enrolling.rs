//! Who may join and who may come in: what is asked by the doors for edges.

use super::table::EdgeTable;
use super::trust::TrustLines;
use sidegate_enrolment::{
    Claim, EdgeCertificate, EdgeRegistry, Enroller, KeyDigest, Redeemed, Refusal, Standing,
};
use sidegate_model::UnixMillis;
use sidegate_model::actor::{Actor, AuditContext};
use sidegate_model::edge::Edge;
use sidegate_model::sha256::Sha256;
use sidegate_store::{JoinRefusal, Store, StoreError};
use sidegate_sync::server::PeerIdentity;

/// Decides on edges.
pub(crate) struct Enrolling {
    pub(crate) store: Store,
    pub(crate) table: EdgeTable,
    pub(crate) trust: TrustLines,
}

impl Enroller for Enrolling {
    async fn redeem(&self, claim: &Claim) -> Result<Redeemed, Refusal> {
        let actor = Actor { peer: Some(claim.address.ip().to_canonical()), ..Actor::system() };
        let store = self.store.by(AuditContext { actor, operation: "join_edge" });
        let token = claim.token.to_string();
        let (secret, key) = (Sha256(claim.secret.0), Sha256(claim.key.0));
        let redeemed = store.redeem_join_token(&token, &secret, &key).await;
        let edge =
            redeemed.map_err(|error| unavailable(&error))?.map_err(|refusal| match refusal {
                JoinRefusal::Unknown => Refusal::NotValid,
                JoinRefusal::Expired => Refusal::Expired,
                JoinRefusal::Used => Refusal::Used,
            })?;
        let peer = PeerIdentity { edge: edge.name.clone(), namespace: edge.namespace.clone() };
        let certificates_after = edge.certificates_after;
        self.table.learn(edge);
        Ok(Redeemed { peer, certificates_after })
    }

    async fn renew(
        &self,
        certificate: &EdgeCertificate,
        _: KeyDigest,
    ) -> Result<UnixMillis, Refusal> {
        let edge = match self.store.edge_by_name(&certificate.peer.edge).await {
            Ok(edge) => edge,
            Err(StoreError::NotFound { .. }) => return Err(Refusal::Revoked),
            Err(error) => return Err(unavailable(&error)),
        };
        match standing(&edge, certificate) {
            Standing::Stands => Ok(edge.certificates_after),
            Standing::Revoked | Standing::Unknown => Err(Refusal::Revoked),
        }
    }

    async fn trust_bundle(&self, peer: &PeerIdentity) -> Result<Vec<u8>, String> {
        let trust = self.trust.of(&peer.namespace).await.map_err(|error| error.to_string())?;
        Ok(trust.bytes().to_vec())
    }
}

impl EdgeRegistry for EdgeTable {
    fn standing(&self, certificate: &EdgeCertificate) -> Standing {
        match self.known(&certificate.peer.edge) {
            Some(edge) => standing(&edge, certificate),
            None => Standing::Unknown,
        }
    }
}

fn standing(edge: &Edge, certificate: &EdgeCertificate) -> Standing {
    let is_of_it = edge.namespace == certificate.peer.namespace
        && edge.certificates_after <= certificate.issued_at;
    match edge.revoked_at.is_none() && is_of_it {
        true => Standing::Stands,
        false => Standing::Revoked,
    }
}

fn unavailable(error: &StoreError) -> Refusal {
    Refusal::Unavailable(error.to_string())
}
