//! The frame of a story: a runtime of its own, and an end in any case.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::pin::pin;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// The longest a story may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Held by each story while it runs, and by one that runs alone.
static RUNNING: RwLock<()> = RwLock::new(());

/// Runs a story to its end.
///
/// # Panics
/// With the story, or when it takes longer than a minute.
pub fn story(told: impl Future<Output = ()>) {
    long_story(LIMIT, told);
}

/// Runs a story that may take as long as this, as with programs that ask thousands of questions.
///
/// # Panics
/// With the story, or when it takes longer.
pub fn long_story(limit: Duration, told: impl Future<Output = ()>) {
    let _beside_others = RUNNING.read().unwrap_or_else(PoisonError::into_inner);
    run(limit, told);
}

/// Runs a story while no other story of this program runs: one that says within how many seconds something comes true, which
/// nobody can promise on a machine that has other things to do.
///
/// # Panics
/// With the story, or when it takes longer.
pub fn lone_story(limit: Duration, told: impl Future<Output = ()>) {
    let _alone = RUNNING.write().unwrap_or_else(PoisonError::into_inner);
    run(limit, told);
}

fn run(limit: Duration, told: impl Future<Output = ()>) {
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has room for another runtime");
    runtime.block_on(async {
        // Pinned outside of the timeout: what the story holds is dropped after the panic began, so
        // that a gateway knows it should show its log.
        let mut told = pin!(told);
        if tokio::time::timeout(limit, told.as_mut()).await.is_err() {
            panic!("the story did not come to an end within {limit:?}");
        }
    });
}

/// Stories run side by side, some with a thousand connections.
fn allow_many_connections() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Where it is refused, the story with many connections will tell.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
