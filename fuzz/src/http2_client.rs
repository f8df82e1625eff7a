//! The HTTP/2 client against a server that sends anything, and keeps account of what it allowed.
//!
//! The first byte of an input says where the rest is cut, the second which calls are made; the rest is
//! what the server sends. Lengths of frames are made to fit what there is.

pub mod account;
pub mod wire;

use crate::pieces::Pieces;
use crate::verdict::{Outcome, Verdict, ensure};
use account::Account;
use sidegate_transport::http2::{Call, Reading, Settings, connect};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use wire::{Tamper, Wire};

/// Frames.
pub const WORDS: &[&[u8]] = &[
    b"\0\0\0\x04\0\0\0\0\0",
    b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x01",
    b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x10",
    b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\x0f\xff\xff",
    b"\0\0\x06\x04\0\0\0\0\0\0\x05\0\0\x80\0",
    b"\0\0\x06\x04\0\0\0\0\0\0\x01\0\0\0\0",
    b"\0\0\0\x04\x01\0\0\0\0",
    b"\0\0\x04\x08\0\0\0\0\0\0\0\x10\0",
    b"\0\0\x04\x08\0\0\0\0\x01\0\0\x10\0",
    b"\0\0\x04\x08\0\0\0\0\x03\0\0\x10\0",
    b"\0\0\x01\x01\x04\0\0\0\x01\x88",
    b"\0\0\x01\x01\x04\0\0\0\x03\x88",
    b"\0\0\x05\0\0\0\0\0\x01hello",
    b"\0\0\x07\0\x08\0\0\0\x01\x01hello\0",
    b"\0\0\x0f\x01\x05\0\0\0\x01\x00\x0bgrpc-status\x010",
    b"\0\0\x0f\x01\x05\0\0\0\x03\x00\x0bgrpc-status\x010",
    b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07",
    b"\0\0\x08\x06\0\0\0\0\0sidegate",
    b"\0\0\x07\x06\0\0\0\0\0sidegat",
    b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\0",
    b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0",
    b"\0\0\x01\x09\x04\0\0\0\x01\x88",
    b"\0\0\x04\x05\x04\0\0\0\x01\0\0\0\x02",
];

/// How long requests are, call by call.
const LENGTHS: [usize; 4] = [10, 70_000, 300, 2_000_000];
const TIMEOUT: Duration = Duration::from_secs(7);
const SETTINGS: Settings<'static> =
    Settings { authority: "localhost", path: "/a.Service/Method", window: 1 << 16 };

/// Tries the client.
///
/// # Errors
/// What it does that it must not.
pub fn check(input: &[u8]) -> Verdict {
    check_with(Tamper::default(), input)
}

/// Tries the client, with somebody between the ends.
///
/// # Errors
/// What it does that it must not.
pub fn check_with(tamper: Tamper, input: &[u8]) -> Verdict {
    let (how, rest) = input.split_at(input.len().min(1));
    let (plan, sent) = rest.split_first().unwrap_or((&0, &[]));
    let stream = if plan & 0x80 == 0 { fitting(sent) } else { sent.to_vec() };
    let bytes = [how, &stream].concat();
    let pieces = Pieces::of(&bytes);
    let wire = Wire::new(tamper);
    let mut cx = Context::from_waker(Waker::noop());
    let mut account = Account::default();
    let connecting = {
        let mut connecting = pin!(connect(wire.clone(), SETTINGS));
        let _ = connecting.as_mut().poll(&mut cx);
        account.client_sends(&wire.take_sent())?;
        for greeting in [account.settings(), account.answer_to_ping()] {
            account.server_sends(&greeting);
            wire.deliver(&greeting);
        }
        connecting.as_mut().poll(&mut cx)
    };
    let Poll::Ready(Ok((client, driver))) = connecting else {
        return Err("a greeting is not understood".into());
    };
    let mut driver = Box::pin(driver);
    let count = 1 + usize::from(plan % 4);
    let message = |length: usize| (account::pattern(5), account::pattern(length).slice(5..));
    let calls = LENGTHS[..count].iter().enumerate().map(|(at, length)| {
        let reading =
            if ((plan >> 2) + at as u8) & 1 == 0 { Reading::Whole } else { Reading::Pieces };
        client.call(message(*length), TIMEOUT, reading)
    });
    let calls: Result<Vec<Call>, _> = calls.collect();
    let mut calls = calls.map_err(|failure| format!("no call begins: {failure}"))?;
    let mut seen = vec![Vec::new(); count];
    let mut ended = driver.as_mut().poll(&mut cx).is_ready();
    for piece in &pieces.cuts {
        account.client_sends(&wire.take_sent())?;
        account.server_sends(piece);
        wire.deliver(piece);
        // A driver may want to be asked again: after many reads it writes first.
        for _ in 0..4 {
            ended = ended || driver.as_mut().poll(&mut cx).is_ready();
        }
        account.client_sends(&wire.take_sent())?;
        for (call, seen) in calls.iter_mut().zip(&mut seen) {
            read(call, seen, &mut cx);
        }
    }
    account.must_have_ended(ended)?;
    wire.hang_up();
    for _ in 0..20 {
        ended = ended || driver.as_mut().poll(&mut cx).is_ready();
    }
    drop(driver);
    account.client_sends(&wire.take_sent())?;
    ensure(ended, || "it goes on though the server is gone".into())?;
    ends(calls, &mut seen, &account, &mut cx)
}

/// Every call has ended, with what the server sent.
fn ends(
    calls: Vec<Call>,
    seen: &mut [Vec<u8>],
    account: &Account,
    cx: &mut Context<'_>,
) -> Verdict {
    let mut told = Vec::new();
    for (at, (mut call, seen)) in calls.into_iter().zip(seen).enumerate() {
        let end = read(&mut call, seen, cx);
        let end = end.ok_or_else(|| format!("call {at} never ends"))?;
        account.is_answer(1 + 2 * at as u32, seen)?;
        told.push((end, seen.len().min(3)));
    }
    Ok(Outcome::of(&(told, account.shape())))
}

/// Reads what there is; answers how the call has ended.
fn read(call: &mut Call, seen: &mut Vec<u8>, cx: &mut Context<'_>) -> Option<String> {
    loop {
        match call.poll_piece(cx) {
            Poll::Ready(Some(Ok(piece))) => seen.extend_from_slice(&piece),
            Poll::Ready(Some(Err(failure))) => return Some(failure.to_string()),
            Poll::Ready(None) => return Some("well".into()),
            Poll::Pending => return None,
        }
    }
}

/// The frames with lengths that fit what follows.
fn fitting(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let length = length.min(rest.len());
        out.extend_from_slice(&[0, (length >> 8) as u8, length as u8]);
        out.extend_from_slice(&head[3..]);
        out.extend_from_slice(&rest[..length]);
        bytes = &rest[length..];
    }
    out
}
