//! Streams without a plugin and without a client: pieces come from the test, and its clock waits for nobody.

use super::*;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);
/// More pieces than a test sends before it reads.
const ENOUGH: usize = 16;
const NO_LIMITS: StreamLimits = StreamLimits { deadline: None, idle: None, is_idle_option: false };

struct Scripted {
    pieces: Receiver<Piece>,
    signal: Arc<EndSignal>,
    may_finish: Arc<AtomicBool>,
}

impl PieceSource for Scripted {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let next = ready!(self.pieces.poll_recv(cx));
        Poll::Ready(next.unwrap_or(Piece::Broken("it is gone")))
    }

    fn signal(&self) -> &Arc<EndSignal> {
        &self.signal
    }

    fn let_finish(self) {
        self.may_finish.store(true, Ordering::Relaxed);
    }
}

/// The plugin's end of a stream.
struct Plugin {
    pieces: Sender<Piece>,
    signal: Arc<EndSignal>,
    may_finish: Arc<AtomicBool>,
}

impl Plugin {
    fn sends(&self, data: &'static str) {
        self.brings(Piece::Data(Bytes::from_static(data.as_bytes())));
    }

    fn brings(&self, piece: Piece) {
        // Nobody listens any more where the stream has ended.
        let sent = self.pieces.try_send(piece);
        assert!(!matches!(sent, Err(TrySendError::Full(_))), "more than {ENOUGH} wait to be read");
    }

    /// Its call was ended, and it was not left to finish it.
    fn is_cancelled(&self) -> bool {
        self.pieces.is_closed() && !self.may_finish()
    }

    fn may_finish(&self) -> bool {
        self.may_finish.load(Ordering::Relaxed)
    }
}

fn stream(limits: &StreamLimits) -> (Plugin, StreamBody<Scripted>) {
    let (sender, pieces) = channel(ENOUGH);
    let (signal, may_finish) = (Arc::<EndSignal>::default(), Arc::<AtomicBool>::default());
    let source = Scripted { pieces, signal: signal.clone(), may_finish: may_finish.clone() };
    (Plugin { pieces: sender, signal, may_finish }, StreamBody::new(source, None, limits))
}

fn until(limit: Duration) -> StreamLimits {
    StreamLimits { deadline: Some(Instant::now() + limit), ..StreamLimits::default() }
}

impl StreamBody<Scripted> {
    async fn next(&mut self) -> Option<Result<Bytes, Aborted>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    async fn brings(&mut self, data: &str) {
        let next = self.next().await.expect("it goes on").expect("it goes on in order");
        assert_eq!(String::from_utf8_lossy(&next), data);
    }

    async fn ends(&mut self) {
        assert!(self.next().await.is_none());
        assert!(self.is_over());
    }

    async fn aborts(&mut self) -> Aborted {
        let aborted = self.next().await.expect("it does not look complete").unwrap_err();
        assert!(self.is_over());
        aborted
    }
}

#[tokio::test(start_paused = true)]
async fn pieces_pass_until_the_end_and_the_plugins_call_may_end_in_peace() {
    let (plugin, mut stream) = stream(&NO_LIMITS);
    for piece in ["a", "", "b"] {
        plugin.sends(piece);
    }
    plugin.brings(Piece::End);
    plugin.sends("late");
    stream.brings("a").await;
    stream.brings("b").await;
    stream.ends().await;
    assert!(plugin.may_finish());
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_aborts_a_moment_after_the_data_before_it() {
    let (plugin, mut stream) = stream(&NO_LIMITS);
    plugin.sends("a");
    plugin.brings(Piece::Broken("on purpose"));
    stream.brings("a").await;
    let begun = Instant::now();
    assert_eq!(stream.aborts().await.reason, "on purpose");
    assert_eq!(begun.elapsed(), ABORT_PAUSE);
    assert!(plugin.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_promised_length_is_kept_to_the_byte() {
    for (promised, sent, is_kept) in [(3, "abc", true), (2, "abc", false), (4, "abc", false)] {
        let (plugin, mut stream) = stream(&NO_LIMITS);
        stream.promise(promised);
        plugin.sends(sent);
        if !is_kept {
            plugin.brings(Piece::End);
        }
        if promised >= 3 {
            stream.brings(sent).await;
        }
        match is_kept {
            // With the last promised byte, whatever the plugin still says.
            true => stream.ends().await,
            false => assert!(stream.aborts().await.reason.contains("than its Content-Length")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_has_its_limit_and_a_stream_that_goes_on_does_not_reach_it() {
    let (plugin, mut stream) =
        stream(&StreamLimits { idle: Some(10 * SECOND), ..StreamLimits::default() });
    for _ in 0..3 {
        sleep(9 * SECOND).await;
        plugin.sends("a");
        stream.brings("a").await;
    }
    let begun = Instant::now();
    assert!(stream.aborts().await.reason.contains("paused longer"));
    assert_eq!(begun.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn at_its_limit_a_stream_aborts_and_events_end_between_two_of_them() {
    let begun = Instant::now();
    let (plugin, mut bytes) = stream(&until(60 * SECOND));
    plugin.sends("data: 1\n\n");
    bytes.brings("data: 1\n\n").await;
    assert!(bytes.aborts().await.reason.contains("longer than its limit"));
    assert_eq!(begun.elapsed(), 60 * SECOND);

    let (plugin, mut events) = stream(&until(60 * SECOND));
    events.end_between_events();
    plugin.sends("data: 1\n\n");
    events.brings("data: 1\n\n").await;
    events.ends().await;
    assert!(plugin.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_on_its_way_has_a_moment_for_its_end() {
    for ends_in_time in [true, false] {
        let (plugin, mut events) = stream(&until(SECOND));
        events.end_between_events();
        plugin.sends("data: 1\n");
        events.brings("data: 1\n").await;
        let rest = async {
            sleep(SECOND + EVENT_END / 2).await;
            if ends_in_time {
                plugin.sends("\ndata: 2\n");
            }
        };
        let reading = async {
            if ends_in_time {
                // What belongs to the next one is left out.
                events.brings("\n").await;
                events.ends().await;
            } else {
                events.aborts().await;
            }
        };
        tokio::join!(rest, reading);
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_go_on_is_cut_also_between_two_events() {
    for (ending, is_cut) in [(Ending::Drained, false), (Ending::Revoked, true)] {
        let (plugin, mut events) = stream(&NO_LIMITS);
        events.end_between_events();
        plugin.sends("data: 1\n\n");
        events.brings("data: 1\n\n").await;
        let telling = async { assert!(plugin.signal.send(ending)) };
        if is_cut {
            let (aborted, ()) = tokio::join!(events.aborts(), telling);
            assert_eq!(aborted.code, Some(ErrorCode::Unauthorized));
        } else {
            tokio::join!(events.ends(), telling);
        }
        assert!(plugin.is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_the_plugins_call() {
    let (plugin, stream) = stream(&NO_LIMITS);
    assert!(!plugin.is_cancelled());
    drop(stream);
    assert!(plugin.is_cancelled());
}
