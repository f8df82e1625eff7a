//! Who may talk to whom, in both versions of TLS.

use super::identity::parameters;
use super::*;
use rcgen::{BasicConstraints, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P521_SHA512};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

type Versions = &'static [&'static SupportedProtocolVersion];
const OLD: Versions = &[&TLS12];
const NEW: Versions = &[&TLS13];

fn identity() -> Identity {
    Identity::generate().unwrap()
}

/// What hashicorp's library makes for itself: P-521, and its own authority.
fn go_plugin() -> Identity {
    let mut parameters = parameters().unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
        KeyUsagePurpose::KeyAgreement,
        KeyUsagePurpose::KeyCertSign,
    ];
    Identity::of(&KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap(), &parameters).unwrap()
}

fn peer(identity: &Identity) -> PeerCertificate {
    PeerCertificate::from_der(identity.certificate_der()).unwrap()
}

/// One sentence each way.
async fn talk(connector: &Connector, acceptor: &Acceptor) -> io::Result<()> {
    let (near, far) = duplex(64 * 1024);
    let host = async {
        let mut stream = connector.connect(near).await?;
        stream.write_all(b"ping").await?;
        stream.flush().await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        assert_eq!(&answer, b"pong");
        Ok(())
    };
    let plugin = async {
        let mut stream: Encrypted<DuplexStream> = acceptor.accept(far).await?;
        let mut question = [0; 4];
        stream.read_exact(&mut question).await?;
        stream.write_all(b"pong").await?;
        stream.flush().await
    };
    let (host, plugin): (io::Result<()>, _) = tokio::join!(host, plugin);
    // Who refuses says why; the other one only sees the end.
    plugin.and(host)
}

fn connector(ours: &Identity, theirs: &Identity, versions: Versions) -> Connector {
    Connector::with(client_config(ours, &peer(theirs), versions))
}

#[tokio::test]
async fn the_two_that_know_each_other_talk_in_every_version_whichever_one_connects() {
    for (host, plugin) in [(identity(), identity()), (identity(), go_plugin())] {
        for versions in [OLD, NEW, VERSIONS] {
            for (here, there) in [(&host, &plugin), (&plugin, &host)] {
                let acceptor = Acceptor::new(there, &peer(here));
                talk(&connector(here, there, versions), &acceptor).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_is_refused_by_either_side() {
    let (host, plugin, stranger) = (identity(), identity(), identity());
    for versions in [OLD, NEW] {
        let acceptor = Acceptor::new(&plugin, &peer(&host));
        assert!(talk(&connector(&stranger, &plugin, versions), &acceptor).await.is_err());
        let impostor = Acceptor::new(&stranger, &peer(&host));
        let (near, far) = duplex(64 * 1024);
        let connector = connector(&host, &plugin, versions);
        let (refused, _) = tokio::join!(connector.connect(near), impostor.accept(far));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("another certificate than the one it announced"), "{refused}");
        talk(&connector, &acceptor).await.unwrap();
    }
}

#[tokio::test]
async fn the_right_certificate_without_its_key_is_worth_nothing() {
    let (host, plugin) = (identity(), identity());
    let stolen = |from: &Identity| {
        let certificate = from.certificate_der().to_vec().into();
        Identity::showing(certificate, "".into(), &KeyPair::generate().unwrap()).unwrap()
    };
    for versions in [OLD, NEW] {
        let acceptor = Acceptor::new(&stolen(&plugin), &peer(&host));
        assert!(talk(&connector(&host, &plugin, versions), &acceptor).await.is_err());
        let acceptor = Acceptor::new(&plugin, &peer(&host));
        assert!(talk(&connector(&stolen(&host), &plugin, versions), &acceptor).await.is_err());
    }
}

/// A client that has no certificate.
#[derive(Debug)]
struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn who_shows_no_certificate_is_refused() {
    let (host, plugin) = (identity(), identity());
    for versions in [OLD, NEW] {
        let mut config = client_config(&host, &peer(&plugin), versions);
        config.client_auth_cert_resolver = Arc::new(Nobody);
        let acceptor = Acceptor::new(&plugin, &peer(&host));
        assert!(talk(&Connector::with(config), &acceptor).await.is_err());
    }
}

#[tokio::test]
async fn who_does_not_agree_on_http2_is_refused_by_either_side() {
    let (host, plugin) = (identity(), identity());
    let mut config = client_config(&host, &peer(&plugin), VERSIONS);
    config.alpn_protocols.clear();
    let (near, far) = duplex(64 * 1024);
    let (silent, acceptor) = (Connector::with(config), Acceptor::new(&plugin, &peer(&host)));
    let (_, refused) = tokio::join!(silent.connect(near), acceptor.accept(far));
    assert!(refused.unwrap_err().to_string().contains("ALPN h2"));

    let mut config = server_config(&plugin, &peer(&host), VERSIONS);
    config.alpn_protocols.clear();
    let (near, far) = duplex(64 * 1024);
    let (connector, silent) = (connector(&host, &plugin, VERSIONS), Acceptor::with(config));
    let (refused, _) = tokio::join!(connector.connect(near), silent.accept(far));
    assert!(refused.unwrap_err().to_string().contains("ALPN h2"));
}

#[test]
fn a_certificate_is_the_same_as_pem_and_as_der_and_each_process_has_its_own() {
    let (one, other) = (identity(), identity());
    let from_pem = PeerCertificate::from_pem(one.certificate_pem()).unwrap();
    assert_eq!(from_pem, peer(&one));
    assert_ne!(peer(&one), peer(&other));
    // Old hosts take up to 50 letters for no certificate.
    assert!(one.certificate_der().len() > 50);
}

#[test]
fn what_is_no_certificate_is_said_to_be_none() {
    let pem = |text: &str| PeerCertificate::from_pem(text).unwrap_err().to_string();
    assert!(pem("").contains("no certificate in PEM"), "{}", pem(""));
    assert!(pem("garbage").contains("no certificate in PEM"));
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(pem(hollow).contains("no X.509 certificate"), "{}", pem(hollow));
    let cut = &identity().certificate_der()[..100].to_vec();
    assert!(matches!(PeerCertificate::from_der(cut), Err(InvalidCertificate::Der(_))));
}

#[test]
fn nothing_of_the_key_is_ever_printed() {
    let (host, plugin) = (identity(), identity());
    assert_eq!(format!("{host:?}"), "Identity(…)");
    assert!(!host.certificate_pem().contains("PRIVATE"));
    assert_eq!(format!("{:?}", Connector::new(&host, &peer(&plugin))), "Connector(…)");
    assert_eq!(format!("{:?}", Acceptor::new(&host, &peer(&plugin))), "Acceptor(…)");
}
