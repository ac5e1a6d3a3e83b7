//! The little of protobuf that three kinds of document need.

use std::time::Duration;

use time::OffsetDateTime;

use super::time::seconds;
use crate::Quantity;

/// A message under construction: fields in the order in which they are added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    /// Adds text. Empty text is written too, as Kubernetes does.
    pub(crate) fn text(self, field: u8, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// Adds a message.
    pub(crate) fn message(self, field: u8, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// Adds a whole number.
    pub(crate) fn number(mut self, field: u8, number: i64) -> Self {
        self.0.push(field << 3);
        // A negative number is written as the unsigned one of the same bits.
        self.varint(number.cast_unsigned());
        self
    }

    /// Adds an instant.
    pub(crate) fn time(self, field: u8, instant: OffsetDateTime) -> Self {
        let time = Self::default().number(1, instant.unix_timestamp());
        self.message(field, &time.number(2, 0))
    }

    /// Adds a span, where there is one.
    pub(crate) fn optional_seconds(self, field: u8, span: Option<Duration>) -> Self {
        match span {
            Some(span) => self.number(field, seconds(span)),
            None => self,
        }
    }

    /// Adds a quantity.
    pub(crate) fn quantity(self, field: u8, quantity: &Quantity) -> Self {
        self.message(field, &Self::default().text(1, &quantity.to_string()))
    }

    /// The metadata of a document that has none.
    pub(crate) fn empty_metadata() -> Self {
        Self::default().text(1, "").text(2, "").text(3, "")
    }

    fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// Kubernetes' envelope, which names the document: four fixed bytes and a
/// `runtime.Unknown`.
pub(super) fn envelope(api_version: &str, kind: &str, document: &Message) -> Vec<u8> {
    let type_meta = Message::default().text(1, api_version).text(2, kind);
    let unknown = Message::default()
        .message(1, &type_meta)
        .message(2, document)
        .text(3, "")
        .text(4, "");
    [b"k8s\0", unknown.0.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_seven_bits_at_a_time() {
        let written = |number| Message::default().number(1, number).0;
        assert_eq!(written(0), [0x08, 0]);
        assert_eq!(written(127), [0x08, 127]);
        assert_eq!(written(300), [0x08, 0xac, 0x02]);
        assert_eq!(
            written(-1),
            [
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
            ]
        );
    }

    #[test]
    fn a_long_text_has_a_long_length() {
        let Message(written) = Message::default().text(2, &"a".repeat(200));
        assert_eq!(&written[..4], [0x12, 0xc8, 0x01, b'a']);
        assert_eq!(written.len(), 203);
    }
}
