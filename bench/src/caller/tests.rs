//! What both clients take for an answer, and what for a wrong one.

use super::*;
use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use prost::Message as _;
use sidegate_transport::codec::Encoded;
use sidegate_transport::grpc_message::MessageReader;
use sidegate_wire::plugin::{EndpointRequest, EndpointResponse};
use tokio::io::DuplexStream;

const KINDS: [Kind; 2] = [Kind::Own, Kind::H2];
const TURN: Turn = Turn { at_once: 8, span: Duration::from_millis(50) };
/// Which of the calls gets an answer that is wrong.
const WRONG: u64 = 5;

/// What can be wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Body,
    Status,
    Reported,
    Empty,
    Twice,
    Grpc,
    NoStatus,
    Reset,
}

const FAULTS: [Fault; 8] = [
    Fault::Body,
    Fault::Status,
    Fault::Reported,
    Fault::Empty,
    Fault::Twice,
    Fault::Grpc,
    Fault::NoStatus,
    Fault::Reset,
];

async fn body_of(request: Request<h2::RecvStream>) -> Bytes {
    let mut stream = request.into_body();
    let mut reader = MessageReader::new(usize::MAX);
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        let _ = stream.flow_control().release_capacity(piece.len());
        reader.push(piece);
    }
    EndpointRequest::decode(reader.take().unwrap().unwrap()).unwrap().body
}

/// An echo; with one fault, if there is any.
async fn answer(
    request: Request<h2::RecvStream>,
    mut respond: SendResponse<Bytes>,
    fault: Option<Fault>,
) {
    let mut response =
        EndpointResponse { status_code: 200, body: body_of(request).await, ..Default::default() };
    match fault {
        Some(Fault::Body) => response.body = Bytes::from_static(b"caller 99999\n"),
        Some(Fault::Status) => response.status_code = 201,
        Some(Fault::Reported) => response.error_message = "no".to_owned(),
        Some(Fault::Reset) => return respond.send_reset(h2::Reason::INTERNAL_ERROR),
        _ => {}
    }
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    let message = Encoded::of(&response).unwrap().head;
    let times = match fault {
        Some(Fault::Empty) => 0,
        Some(Fault::Twice) => 2,
        _ => 1,
    };
    for _ in 0..times {
        stream.send_data(message.clone(), false).unwrap();
    }
    let code = if fault == Some(Fault::Grpc) { "13" } else { "0" };
    let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())]);
    let trailers = if fault == Some(Fault::NoStatus) { HeaderMap::new() } else { status };
    // The caller may have hung up by now, for the wrong answer was another's.
    let _ = stream.send_trailers(trailers);
}

async fn plugin(io: DuplexStream, fault: Option<Fault>) {
    let mut connection = h2::server::handshake(io).await.unwrap();
    let mut count = 0;
    while let Some(Ok((request, respond))) = connection.accept().await {
        count += 1;
        tokio::spawn(answer(request, respond, fault.filter(|_| count == WRONG)));
    }
}

/// A client whose plugin answers wrongly once.
async fn client(kind: Kind, fault: Option<Fault>) -> Client {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(plugin(far, fault));
    Client::connect(kind, near).await.unwrap()
}

#[tokio::test]
async fn a_turn_counts_its_calls_and_one_wrong_answer_lets_none_of_them_count() {
    for kind in KINDS {
        let client_of = async |fault| client(kind, fault).await;
        let outcome = make_calls(&client_of(None).await, TURN).await.unwrap();
        assert!(outcome.count >= TURN.at_once as u64, "{kind:?}: {outcome:?}");
        let [half, .., longest] = outcome.latency_us;
        assert!(0.0 < half && half <= longest, "{kind:?}: {outcome:?}");
        for fault in FAULTS {
            let outcome = make_calls(&client_of(Some(fault)).await, TURN).await;
            assert!(outcome.is_err(), "{kind:?}, {fault:?}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn the_benchmark_hears_what_came_of_each_turn() {
    for kind in KINDS {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let program = tokio::spawn(serve(listener, client(kind, None).await));
        let mut control = Control::open(addr).await.unwrap();
        for _ in 0..2 {
            assert!(control.take(TURN).await.unwrap().count > 0);
        }
        program.abort();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, client(kind, Some(Fault::Body)).await));
        let wrong = Control::open(addr).await.unwrap().take(TURN).await.unwrap_err().to_string();
        assert!(wrong.contains("caller 99999"), "{kind:?}: {wrong}");
    }
}

#[test]
fn what_is_said_is_read_and_nothing_else() {
    assert_eq!(TURN.to_string().parse::<Turn>().unwrap(), TURN);
    let outcome = Outcome { count: 7, latency_us: [1.5, 2.0, 3.25, 4.0] };
    assert_eq!(outcome.to_string().parse::<Outcome>().unwrap(), outcome);
    for other in ["", "done 7 1 2 3", "failed 7 1 2 3 4", "7 1 2 3 4"] {
        assert!(other.parse::<Outcome>().is_err(), "{other}");
    }
    assert!("64".parse::<Turn>().is_err() && "x 1".parse::<Turn>().is_err());
    assert!(KINDS.iter().all(|kind| kind.name().parse::<Kind>().unwrap() == *kind));
    assert!("h3".parse::<Kind>().is_err());
}
