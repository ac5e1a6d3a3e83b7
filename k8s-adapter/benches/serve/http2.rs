//! As much of HTTP/2 as a client needs that asks the same thing again and again.

use crate::{
    Outcome,
    scene::{HEADERS, PATH},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD: usize = 9;

const DATA: u8 = 0;
const HEADERS_FRAME: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The largest window there is: enough for a run, so that nobody waits for it.
const WINDOW: u32 = i32::MAX as u32;
const USUAL_WINDOW: u32 = 65_535;

/// The client's side of a connection.
pub(crate) struct Http2 {
    next_stream: u32,
    /// Headers that the server has been told before are named by their place in its table.
    has_asked: bool,
    body: Vec<u8>,
}

impl Http2 {
    pub(crate) fn begin(outgoing: &mut Vec<u8>) -> Self {
        outgoing.extend_from_slice(PREFACE);
        let mut settings = Vec::new();
        settings.extend_from_slice(&4_u16.to_be_bytes()); // the window of a new stream
        settings.extend_from_slice(&WINDOW.to_be_bytes());
        frame(outgoing, SETTINGS, 0, 0, &settings);
        let more = (WINDOW - USUAL_WINDOW).to_be_bytes();
        frame(outgoing, WINDOW_UPDATE, 0, 0, &more);
        Self {
            next_stream: 1,
            has_asked: false,
            body: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, outgoing: &mut Vec<u8>) {
        let block = match self.has_asked {
            true => headers_known(),
            false => headers_told(),
        };
        self.has_asked = true;
        let flags = END_STREAM | END_HEADERS;
        frame(outgoing, HEADERS_FRAME, flags, self.next_stream, &block);
        self.next_stream += 2;
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes whole frames, and tells how many answers they ended.
    pub(crate) fn understand(
        &mut self,
        incoming: &mut Vec<u8>,
        outgoing: &mut Vec<u8>,
    ) -> Outcome<usize> {
        let (mut read, mut answers) = (0, 0);
        while let Some(head) = incoming.get(read..read + FRAME_HEAD) {
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let (kind, flags) = (head[3], head[4]);
            let begin = read + FRAME_HEAD;
            let Some(payload) = incoming.get(begin..begin + length) else {
                break;
            };
            match kind {
                DATA if self.body.is_empty() => self.body.extend_from_slice(payload),
                DATA if !payload.is_empty() && payload != self.body => {
                    return Err(format!("answered {}", String::from_utf8_lossy(payload)).into());
                }
                SETTINGS if flags & ACK == 0 => frame(outgoing, SETTINGS, ACK, 0, &[]),
                PING if flags & ACK == 0 => frame(outgoing, PING, ACK, 0, payload),
                DATA | HEADERS_FRAME | SETTINGS | PING | WINDOW_UPDATE => {}
                other => return Err(format!("an unexpected frame of kind {other}").into()),
            }
            if matches!(kind, DATA | HEADERS_FRAME) && flags & END_STREAM != 0 {
                answers += 1;
            }
            read = begin + length;
        }
        incoming.drain(..read);
        Ok(answers)
    }
}

fn frame(outgoing: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("our frames are short");
    outgoing.extend_from_slice(&length.to_be_bytes()[1..]);
    outgoing.extend_from_slice(&[kind, flags]);
    outgoing.extend_from_slice(&stream.to_be_bytes());
    outgoing.extend_from_slice(payload);
}

fn fields() -> impl DoubleEndedIterator<Item = (&'static str, &'static str)> + ExactSizeIterator {
    const PSEUDO: [(&str, &str); 2] = [(":authority", "localhost"), (":path", PATH)];
    let all: Vec<_> = PSEUDO.into_iter().chain(HEADERS).collect();
    all.into_iter()
}

/// `:method: GET` and `:scheme: https` stand in everybody's table.
const METHOD_AND_SCHEME: [u8; 2] = [0x82, 0x87];
/// The first place after everybody's table.
const FIRST_PLACE: u8 = 62;

/// Every header in full, for the server to remember.
fn headers_told() -> Vec<u8> {
    let mut block = METHOD_AND_SCHEME.to_vec();
    for (name, value) in fields() {
        block.push(0x40);
        for text in [name, value] {
            length_of(&mut block, text);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// What was told last has the first place.
fn headers_known() -> Vec<u8> {
    let mut block = METHOD_AND_SCHEME.to_vec();
    let last = FIRST_PLACE + u8::try_from(fields().len()).expect("a dozen headers") - 1;
    block.extend((FIRST_PLACE..=last).rev().map(|place| 0x80 | place));
    block
}

/// A length with a prefix of seven bits, and no Huffman code.
fn length_of(block: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(short) if short < 127 => block.push(short),
        _ => {
            block.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
}
