//! Event-stream bytes that are odd but valid, in pieces that fit nothing: whoever passes them on
//! must not read them.

use std::sync::Arc;

use sidegate_sdk::{Request, Response, ResponseStream, Result};

use crate::stats::Lab;

/// Every line end, comments, fields without value, a field that nobody knows, several lines of
/// data, empty data, text of two, three and four bytes a character, and no blank line at the end.
const ODDITIES: &str = concat!(
    "\u{feff}: a byte order mark, then a comment\r\n",
    "\r\n",
    "id: 1\rdata: lines end with CR\r\r",
    "data: first line\ndata:second line, without the space\ndata:  two spaces\n\n",
    "data\n\n",
    "data:\r\n\r\n",
    ":\n:\r:\r\n",
    "event: ünïcödé\ndata: €€€ 😀😀😀 äöü ☃ 日本語\n\n",
    "retry: 2500\nid\nunknown-field: x\nno colon at all\n\n\n\n",
    "data: {\"a\": \"b\\n\"}\r\nid: 2\n\r\n",
    "data: the last event, which no blank line ends",
);

/// Cuts characters as well as line ends. In bytes.
const PIECE: usize = 7;

/// `/sse-exact`.
pub(crate) async fn stream(req: Request, mut out: ResponseStream, lab: Arc<Lab>) -> Result<()> {
    lab.saw(&req);
    let open = lab.open_stream(req.query("id"));
    let outcome = async {
        out.headers(Response::event_stream()).await?;
        for piece in ODDITIES.as_bytes().chunks(PIECE) {
            out.send(piece).await?;
            open.sent(piece.len());
        }
        Ok(())
    }
    .await;
    open.close(&outcome);
    outcome
}

/// `/sse-exact.bin`: the same bytes as a whole.
pub(crate) fn whole() -> Response {
    Response::bytes(ODDITIES).header("Content-Type", "application/octet-stream")
}
