//! What a JWT costs beside a token of the gateway's own, at one gateway: seen for the first time, when its signature is verified,
//! and seen before, when it is remembered. An issuer that is changed makes the gateway forget, so that the same JWTs can be
//! new again in each round.

use crate::contestant::Contestant;
use crate::http::{Connection, request};
use crate::jwts::{Algorithm, Issuer, Signature};
use crate::kernel::cpu_ns;
use crate::load::{Asked, Slice, measure, measure_once};
use crate::payload::{HELLO, MOUNT};
use crate::plan::Plan;
use crate::results::{Table, turns};
use crate::start::Sidegate;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Its name.
pub const JWT: &str = "get-jwt-c64";
/// The row that everything is compared with: a token of the gateway's own.
pub const TOKEN: &str = "gateway token";
/// The same once more, which shows what the noise alone makes.
pub const TOKEN_AGAIN: &str = "gateway token again";
/// A JWT that is remembered.
pub const SEEN: &str = "ES256, seen before";
/// The same, signed with RSA.
pub const RSA_SEEN: &str = "RS256, seen before";
/// A JWT whose signature is verified.
pub const NEW: &str = "ES256, first seen";
/// The same, signed with RSA.
pub const RSA_NEW: &str = "RS256, first seen";
/// The library's verification of a signature by itself, in the program that makes the load: no gateway can do with less.
pub const ALONE: &str = "ES256, the signature alone";
/// The same of RSA.
pub const RSA_ALONE: &str = "RS256, the signature alone";

const CONNECTIONS: usize = 64;
/// How many are new in one turn. The gateway remembers more than that.
const MANY: usize = 4000;
/// How long the gateway may take to know of an issuer's change.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent in the turns of a row.
enum Turn {
    /// The same requests again and again.
    Again(Asked),
    /// Each once, after the gateway forgot all JWTs.
    Once(Vec<Rc<[u8]>>),
    /// No request at all.
    Alone(Box<Signature>),
}

/// Measures all of it.
///
/// # Errors
/// When the gateway does not start or answers wrongly.
pub async fn run(plan: &Plan) -> Result<Table> {
    eprintln!("{JWT}: signing JWTs …");
    let contestant = Sidegate::usual("jwt")?.start(&plan.folder).await?;
    let mut issuer = Issuer::start()?;
    let admin = contestant.admin.as_ref().context("ours has an admin API")?;
    admin.call("POST", "issuers", &issuer.registered("bench")).await?;
    admin.call("PATCH", "plugins/1", &json!({"options": {"issuers": "bench"}})).await?;
    let mut alone =
        |algorithm| -> Result<Turn> { Ok(Turn::Alone(Box::new(issuer.signature(algorithm)?))) };
    let (es256, rs256) = (alone(Algorithm::Es256)?, alone(Algorithm::Rs256)?);
    let mut of = |algorithm, count: usize| -> Result<Vec<Rc<[u8]>>> {
        (0..count).map(|_| Ok(asking(&issuer.token(algorithm)?))).collect()
    };
    let again =
        |requests| Turn::Again(Asked { requests, expected: HELLO.len(), connections: CONNECTIONS });
    let token = contestant.token().context("it has a token")?;
    let rows = [
        (TOKEN, again(vec![asking(token)])),
        (TOKEN_AGAIN, again(vec![asking(token)])),
        (SEEN, again(of(Algorithm::Es256, CONNECTIONS)?)),
        (RSA_SEEN, again(of(Algorithm::Rs256, CONNECTIONS)?)),
        (NEW, Turn::Once(of(Algorithm::Es256, MANY)?)),
        (RSA_NEW, Turn::Once(of(Algorithm::Rs256, MANY)?)),
        (ALONE, es256),
        (RSA_ALONE, rs256),
    ];
    let probe = of(Algorithm::Es256, 1)?.remove(0);
    answers(&contestant, &probe).await?;
    eprintln!("{JWT} …");
    let mut table = Table::new(JWT, "request", rows.iter().map(|(name, _)| *name));
    let mut changes = 0_u32;
    for round in 0..plan.fine_rounds {
        for index in turns(round, rows.len()) {
            let slice = match &rows[index].1 {
                Turn::Again(asked) => measure(&contestant, asked, plan.fine_span).await,
                Turn::Once(requests) => {
                    changes += 1;
                    forget(&contestant, changes, &probe).await?;
                    once(&contestant, requests).await
                }
                Turn::Alone(signature) => verified(signature),
            };
            let doing = || format!("{JWT}, {}", rows[index].0);
            table.rows[index].slices.push(slice.with_context(doing)?);
        }
    }
    Ok(table)
}

fn asking(token: &str) -> Rc<[u8]> {
    request("GET", &format!("{MOUNT}/auth/hello"), Some(token), b"").into()
}

async fn once(contestant: &Contestant, requests: &[Rc<[u8]>]) -> Result<Slice> {
    measure_once(contestant, requests, HELLO.len(), CONNECTIONS).await
}

/// Verifies a signature many times.
fn verified(signature: &Signature) -> Result<Slice> {
    let own = std::process::id();
    let before = cpu_ns(own)?;
    for _ in 0..MANY {
        signature.verify()?;
    }
    let each = (cpu_ns(own)? - before) as f64 / MANY as f64 / 1000.0;
    Ok(Slice { count: MANY as u64, gateway_us: each, ..Slice::default() })
}

/// Changes the issuer, so that nothing that is remembered of its JWTs counts any more.
async fn forget(contestant: &Contestant, changes: u32, probe: &[u8]) -> Result<()> {
    let admin = contestant.admin.as_ref().context("ours has an admin API")?;
    let leeway = if changes.is_multiple_of(2) { "30s" } else { "31s" };
    admin.call("PATCH", "issuers/1", &json!({ "leeway": leeway })).await?;
    // The change is served before it is answered; what is left of the work for it is not to be counted.
    answers(contestant, probe).await?;
    sleep(Duration::from_millis(50)).await;
    Ok(())
}

/// Waits until a request is answered well.
async fn answers(contestant: &Contestant, probe: &[u8]) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let asked =
            async { Connection::open(contestant.addr).await?.exchange(probe, HELLO.len()).await };
        match asked.await {
            Ok(()) => return Ok(()),
            Err(error) => ensure!(Instant::now() < end, "a JWT opens nothing: {error}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}
