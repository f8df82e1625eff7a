//! RFC 9112 as it is written, with the stricter rules of this gateway (docs/compatibility.md): slow, and
//! shared with nobody.

use super::library::Seen;
use crate::verdict::{ensure, same};
use sidegate_gateway::fuzzing::HeadLimits;

/// What a literal reader makes of all bytes of a connection.
#[derive(Debug)]
pub struct Reading {
    /// The requests, the last of which may be unfinished.
    pub messages: Vec<Message>,
    /// How many bytes are sound.
    pub approved: usize,
    /// What follows them.
    pub end: End,
    /// Why that is not sound.
    pub why: &'static str,
}

/// How the bytes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// With the last byte of a message.
    Clean,
    /// Within something that can still become sound.
    Open,
    /// Within something that cannot, which shows only when all of it is there.
    Hopeless,
    /// With something that is not sound.
    Refused,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Its method.
    pub method: Vec<u8>,
    /// Its target.
    pub target: Vec<u8>,
    /// Names in lower case, and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// What came of its body.
    pub body: Vec<u8>,
    /// Whether all of it came.
    pub is_whole: bool,
    is_http_10: bool,
    is_chunked: bool,
}

impl Message {
    /// What it says besides names, values and content.
    pub fn shape(&self) -> (Vec<u8>, usize, bool, bool, bool) {
        let body = self.body.len().min(3);
        (self.method.clone(), body, self.is_whole, self.is_http_10, self.is_chunked)
    }

    fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = self.fields.iter().filter(|(known, _)| known == name.as_bytes());
        named.map(|(_, value)| &value[..]).collect()
    }

    /// Whether the connection may end with it.
    pub fn may_be_last(&self) -> bool {
        self.is_http_10
            || ["connection", "upgrade"].iter().any(|name| !self.values(name).is_empty())
    }
}

type Found<T> = Result<T, Stop>;

/// Why reading does not go on.
#[derive(Debug, Clone, Copy)]
struct Stop(End, &'static str);

const OPEN: Stop = Stop(End::Open, "");

fn refuse<T>(why: &'static str) -> Found<T> {
    Err(Stop(End::Refused, why))
}

/// The reader, with how far it has come.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: &'a HeadLimits,
    messages: Vec<Message>,
}

impl Reading {
    /// Reads all bytes of a connection.
    pub fn of(bytes: &[u8], limits: &HeadLimits) -> Self {
        let mut reader = Reader { bytes, at: 0, limits, messages: Vec::new() };
        let Stop(end, why) = loop {
            match reader.message() {
                Ok(()) if reader.at == bytes.len() => break Stop(End::Clean, ""),
                Ok(()) => {}
                Err(stop) => break stop,
            }
        };
        Self { messages: reader.messages, approved: reader.at, end, why }
    }

    /// Demands that somebody else saw the same requests, up to the first that may be the last.
    ///
    /// # Errors
    /// The first difference.
    pub fn agrees_with(&self, seen: &[Seen], refusals: &[u16]) -> Result<(), String> {
        let whole: Vec<&Message> = self.messages.iter().filter(|m| m.is_whole).collect();
        let due = whole.iter().position(|m| m.may_be_last()).map_or(whole.len(), |at| at + 1);
        ensure(seen.len() <= whole.len(), || {
            format!("{} requests are seen, and there are {}", seen.len(), whole.len())
        })?;
        ensure(seen.len() >= due, || {
            format!("{} requests are seen of {due}; refusals: {refusals:?}", seen.len())
        })?;
        for (theirs, ours) in seen.iter().zip(whole) {
            same("a method", &theirs.method, &ours.method)?;
            same("a body", &theirs.body, &ours.body)?;
            same("header fields", &theirs.fields, &sorted(&ours.fields))?;
            ensure(ours.target.ends_with(&theirs.path), || {
                format!("the target {:?} is read as {:?}", ours.target, theirs.path)
            })?;
        }
        Ok(())
    }
}

fn sorted(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields = fields.to_vec();
    // Stable: values of one name stay in order.
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    fn message(&mut self) -> Found<()> {
        let begin = self.at;
        // Empty lines before a head are handed on with it.
        let message = self.begin_message().inspect_err(|_| self.at = begin)?;
        let length = message.values("content-length").first().map(|value| number(value));
        let is_chunked = message.is_chunked;
        self.messages.push(message);
        if is_chunked {
            self.chunks()?;
        } else {
            self.sized(length.unwrap_or(0))?;
        }
        self.last().is_whole = true;
        Ok(())
    }

    fn begin_message(&mut self) -> Found<Message> {
        let mut empty = 0;
        while self.rest().starts_with(b"\r\n") {
            empty += 1;
            if empty > 4 {
                return refuse("empty lines");
            }
            self.at += 2;
        }
        if self.rest().is_empty() {
            return Err(Stop(End::Clean, ""));
        }
        let head = self.head()?;
        let message = read_head(head, self.limits)?;
        self.at += head.len();
        Ok(message)
    }

    fn last(&mut self) -> &mut Message {
        if self.messages.is_empty() {
            self.messages.push(Message::default());
        }
        let last = self.messages.len() - 1;
        &mut self.messages[last]
    }

    /// From the request line to the empty line.
    fn head(&mut self) -> Found<&'a [u8]> {
        let rest = self.rest();
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let head = &rest[..end.unwrap_or(rest.len())];
        for (at, byte) in head.iter().enumerate() {
            let lone = match byte {
                b'\r' => head.get(at + 1).is_some_and(|next| *next != b'\n'),
                b'\n' => at == 0 || head[at - 1] != b'\r',
                _ => false,
            };
            if lone {
                return refuse("a lone CR or LF");
            }
        }
        if head.len() > self.limits.max_bytes {
            return refuse("a large head");
        }
        if end.is_none() && !may_become_head(head) {
            return Err(Stop(End::Hopeless, "no beginning of a head"));
        }
        end.map(|_| head).ok_or(OPEN)
    }

    fn sized(&mut self, length: u64) -> Found<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let taken = length.min(self.rest().len());
        let body = self.rest()[..taken].to_vec();
        self.last().body.extend_from_slice(&body);
        self.at += taken;
        if taken == length { Ok(()) } else { Err(OPEN) }
    }

    fn chunks(&mut self) -> Found<()> {
        let mut extensions = 0;
        loop {
            let line = self.line(256)?;
            let size = chunk_size(line)?;
            extensions += line.iter().skip_while(|byte| byte.is_ascii_hexdigit()).count();
            if extensions > 16 * 1024 {
                return refuse("many extensions");
            }
            self.at += line.len() + 2;
            if size == 0 {
                return self.trailers();
            }
            self.sized(size)?;
            match self.rest() {
                [b'\r', b'\n', ..] => self.at += 2,
                [] | [b'\r'] => return Err(OPEN),
                _ => return refuse("a long chunk"),
            }
        }
    }

    fn trailers(&mut self) -> Found<()> {
        let (mut left, mut fields) = (8 * 1024_usize, 0);
        loop {
            let line = self.line(left)?;
            if line.is_empty() {
                self.at += 2;
                return Ok(());
            }
            if fields == self.limits.max_headers {
                return refuse("many trailers");
            }
            let (name, _) = read_field(line)?;
            let framing = ["content-length", "transfer-encoding", "host", "authorization"];
            if framing.iter().any(|known| name == known.as_bytes()) {
                return refuse("a trailer that frames");
            }
            self.at += line.len() + 2;
            left = left.saturating_sub(line.len() + 2);
            fields += 1;
        }
    }

    /// A line of at most so many bytes, without its CR LF.
    fn line(&self, most: usize) -> Found<&'a [u8]> {
        let rest = self.rest();
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            let begun = rest.strip_suffix(b"\r").unwrap_or(rest);
            let hopeless = begun.len() > most || begun.contains(&b'\r');
            return Err(if hopeless { Stop(End::Hopeless, "a broken line") } else { OPEN });
        };
        match rest[..end].strip_suffix(b"\r") {
            Some(line) if line.len() <= most && !line.contains(&b'\r') => Ok(line),
            _ => refuse("a broken line"),
        }
    }
}

/// Whether what is there can be the beginning of a head: its whole lines as they are, and of the first
/// line also what is there of it.
fn may_become_head(begun: &[u8]) -> bool {
    let mut lines: Vec<&[u8]> = begun.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().unwrap_or_default();
    let whole = |line: &&[u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
    let lines: Vec<Vec<u8>> = lines.iter().map(whole).collect();
    match lines.split_first() {
        Some((first, fields)) => {
            read_request_line(first).is_ok() && fields.iter().all(|field| read_field(field).is_ok())
        }
        None => {
            let begun = last.strip_suffix(b"\r").unwrap_or(last);
            let mut parts = begun.split(|byte| *byte == b' ');
            let method = parts.next().unwrap_or_default();
            let sound = method.len() <= 32 && method.iter().all(|byte| is_tchar(*byte));
            let visible = |part: &[u8]| !part.iter().any(|byte| *byte < b' ' || *byte == 0x7f);
            sound && (method.len() == begun.len() || !method.is_empty()) && parts.all(visible)
        }
    }
}

fn chunk_size(line: &[u8]) -> Found<u64> {
    let digits: Vec<u8> = line.iter().copied().take_while(u8::is_ascii_hexdigit).collect();
    let extension = &line[digits.len()..];
    let visible = |byte: &u8| matches!(byte, b'\t' | 0x20..=0x7e);
    if !(extension.is_empty() || extension[0] == b';' && extension.iter().all(visible)) {
        return refuse("a chunk's extension");
    }
    let text = String::from_utf8(digits).unwrap_or_default();
    match u64::from_str_radix(&text, 16) {
        Ok(size) if text.len() <= 15 => Ok(size),
        _ => refuse("a chunk's size"),
    }
}

fn number(digits: &[u8]) -> u64 {
    String::from_utf8_lossy(digits).parse().unwrap_or(u64::MAX)
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A name in lower case, and its value without the space around it.
fn read_field(line: &[u8]) -> Found<(Vec<u8>, Vec<u8>)> {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return refuse("a field without colon");
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_tchar(*byte)) {
        return refuse("a field's name");
    }
    if value.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127)) {
        return refuse("a field's value");
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    Ok((name.to_ascii_lowercase(), value[start..end].to_vec()))
}

fn read_head(head: &[u8], limits: &HeadLimits) -> Found<Message> {
    let text = &head[..head.len() - 4];
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut rest = text;
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    lines.push(rest);
    let mut message = read_request_line(lines[0])?;
    if lines.len() - 1 > limits.max_headers {
        return refuse("many fields");
    }
    for line in &lines[1..] {
        message.fields.push(read_field(line)?);
    }
    check_framing(&mut message)?;
    Ok(message)
}

fn check_framing(message: &mut Message) -> Found<()> {
    let hosts = message.values("host");
    let lengths = message.values("content-length");
    let codings = message.values("transfer-encoding");
    if hosts.len() > 1 || lengths.len() > 1 || codings.len() > 1 {
        return refuse("a field that must be alone");
    }
    if hosts.is_empty() && !message.is_http_10 || !hosts.iter().all(|host| is_host(host)) {
        return refuse("no one host");
    }
    let is_number =
        |digits: &&[u8]| (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if !lengths.iter().all(is_number) {
        return refuse("a length that is no number");
    }
    let is_chunked = !codings.is_empty();
    if !codings.iter().all(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
        return refuse("a coding that is not served");
    }
    if is_chunked && (message.is_http_10 || !lengths.is_empty()) {
        return refuse("two kinds of framing");
    }
    message.is_chunked = is_chunked;
    Ok(())
}

fn is_host(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).into_owned();
    let within = |text: &str, more: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let (host, port) = match text.rfind(']') {
        Some(end) if text.starts_with('[') => {
            let (address, rest) = text.split_at(end);
            if !within(&address[1..], ".-_~:[%") {
                return false;
            }
            ("address", &rest[1..])
        }
        Some(_) => return false,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let named = !host.is_empty() && within(host, ".-_~%");
    let port = match port.strip_prefix(':') {
        Some(digits) => digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()),
        None => port.is_empty(),
    };
    named && port && value.len() <= 300
}

fn read_request_line(line: &[u8]) -> Found<Message> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else {
        return refuse("a request line without three parts");
    };
    if !(1..=32).contains(&method.len()) || !method.iter().all(|byte| is_tchar(*byte)) {
        return refuse("a method");
    }
    let is_http_10 = version == b"HTTP/1.0";
    if !is_http_10 && version != b"HTTP/1.1" {
        return refuse("a version");
    }
    if method == b"CONNECT" || !is_target(method, target) {
        return refuse("a target");
    }
    Ok(Message {
        method: method.to_vec(),
        target: target.to_vec(),
        is_http_10,
        ..Message::default()
    })
}

/// Origin form, absolute form, or `*` of OPTIONS; which characters may stand in it the library knows
/// best, but for some that other readers cut at.
fn is_target(method: &[u8], target: &[u8]) -> bool {
    let lower = target.to_ascii_lowercase();
    let form = target.starts_with(b"/")
        || (target == b"*" && method == b"OPTIONS")
        || lower.starts_with(b"http://")
        || lower.starts_with(b"https://");
    let cut = |byte: &u8| *byte <= b' ' || *byte == 0x7f || b"#\"<>".contains(byte);
    // Browsers send it in a query as it is, and make a slash of it in a path.
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let sound = !target.iter().any(cut) && !path.contains(&b'\\');
    form && sound && http::Uri::try_from(target).is_ok()
}
