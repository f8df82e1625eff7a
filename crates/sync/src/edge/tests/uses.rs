//! What is said of the uses of tokens, and to whom.

use super::*;

#[test]
fn uses_of_tokens_are_said_to_a_control_plane_that_keeps_them_on_each_stream_until_it_has() {
    let mut bench = Bench::connected(Start::default());
    let told = message::TokenUses { number: 7, uses: vec![] };
    bench.event(Event::Uses(Some(told.clone())));
    bench.welcome();
    assert_eq!((bench.messages(), bench.machine.uses_kept()), (vec![], None), "an older one");
    let said = [edge_message::Body::TokenUses(told.clone())];
    let welcome = message::Welcome { protocol: 1, keeps_token_uses: true, ..<_>::default() };
    for _ in 0..2 {
        bench.hear(control_message::Body::Welcome(welcome.clone()));
        assert_eq!(bench.messages(), said);
        assert_eq!((bench.messages(), bench.machine.uses_kept()), (vec![], Some(0)));
        bench.event(Event::Disconnected(None));
        assert_eq!(bench.machine.uses_kept(), None);
        bench.event(Event::Connected);
        let early = bench.messages().into_iter();
        let is_use = |body: &_| matches!(body, edge_message::Body::TokenUses(_));
        assert_eq!(early.filter(is_use).count(), 0, "it is not known yet who is there");
    }
    bench.hear(control_message::Body::Welcome(welcome));
    assert_eq!(bench.messages(), said);
    bench.event(Event::Uses(Some(told)));
    assert_eq!(bench.messages(), said, "it is said again as often as it is told");
    let kept = message::TokenUsesKept { number: 7 };
    bench.hear(control_message::Body::TokenUsesKept(kept));
    assert_eq!(bench.machine.uses_kept(), Some(7));
    bench.event(Event::Uses(None));
    assert_eq!(bench.messages(), []);
}
