//! The little of protobuf that three kinds of document need.

use std::{
    fmt::{Display, Write},
    time::Duration,
};

use time::OffsetDateTime;

use super::time::seconds;
use crate::Quantity;

/// A message under construction: fields in the order in which they are added. All of
/// a document is written into one buffer.
#[derive(Debug, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// Adds text. Empty text is written too, as Kubernetes does.
    pub(crate) fn text(&mut self, field: u8, text: &str) -> &mut Self {
        self.0.push(field << 3 | 2);
        self.varint(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds what is printed.
    pub(crate) fn display(&mut self, field: u8, printed: &impl Display) -> &mut Self {
        self.message(field, |text| {
            write!(Text(text), "{printed}").expect("a buffer in memory takes whatever comes");
        })
    }

    /// Adds a message, which is written where it belongs.
    pub(crate) fn message(&mut self, field: u8, write: impl FnOnce(&mut Self)) -> &mut Self {
        self.0.push(field << 3 | 2);
        let start = self.0.len();
        write(self);
        // The length stands before what it counts. Most need one byte for it.
        let length = self.0.len() - start;
        self.varint(length as u64);
        let digits = self.0.len() - start - length;
        self.0[start..].rotate_right(digits);
        self
    }

    /// Adds a whole number.
    pub(crate) fn number(&mut self, field: u8, number: i64) -> &mut Self {
        self.0.push(field << 3);
        // A negative number is written as the unsigned one of the same bits.
        self.varint(number.cast_unsigned());
        self
    }

    /// Adds an instant.
    pub(crate) fn time(&mut self, field: u8, instant: OffsetDateTime) -> &mut Self {
        self.message(field, |time| {
            time.number(1, instant.unix_timestamp()).number(2, 0);
        })
    }

    /// Adds a span, where there is one.
    pub(crate) fn optional_seconds(&mut self, field: u8, span: Option<Duration>) -> &mut Self {
        match span {
            Some(span) => self.number(field, seconds(span)),
            None => self,
        }
    }

    /// Adds a quantity.
    pub(crate) fn quantity(&mut self, field: u8, quantity: &Quantity) -> &mut Self {
        self.message(field, |message| {
            message.display(1, quantity);
        })
    }

    /// Adds the metadata of a document that has none.
    pub(crate) fn empty_metadata(&mut self) -> &mut Self {
        self.message(1, |metadata| {
            metadata.text(1, "").text(2, "").text(3, "");
        })
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

/// Text as part of a message.
struct Text<'a>(&'a mut Message);

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Kubernetes' envelope, which names the document: four fixed bytes and a
/// [`runtime.Unknown`](https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/runtime/generated.proto).
pub(super) fn envelope(
    api_version: &str,
    kind: &str,
    document: impl FnOnce(&mut Message),
) -> Vec<u8> {
    let mut unknown = Message(Vec::with_capacity(256));
    unknown.0.extend_from_slice(b"k8s\0");
    unknown
        .message(1, |type_meta| {
            type_meta.text(1, api_version).text(2, kind);
        })
        .message(2, document)
        .text(3, "")
        .text(4, "");
    unknown.0
}

/// The bytes of a message.
#[cfg(test)]
pub(crate) fn bytes_of(write: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = Message::default();
    write(&mut message);
    message.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_seven_bits_at_a_time() {
        let written = |number| {
            bytes_of(|message| {
                message.number(1, number);
            })
        };
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
    fn a_length_stands_before_what_it_counts_however_long_it_is() {
        let text = "a".repeat(200);
        let long = bytes_of(|message| {
            message.text(2, &text);
        });
        assert_eq!(long, [b"\x12\xc8\x01", text.as_bytes()].concat());
        assert_eq!(
            long,
            bytes_of(|message| {
                message.display(2, &text);
            })
        );
        let nested = bytes_of(|message| {
            message.number(1, 1).message(3, |inner| {
                inner.text(2, &text);
            });
        });
        assert_eq!(nested, [b"\x08\x01\x1a\xcb\x01", &*long].concat());
    }
}
