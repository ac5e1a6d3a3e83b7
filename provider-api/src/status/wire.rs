//! `v1` `Status` in JSON and in protobuf.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{Cause, Status, StatusDetails};
use crate::encode::{Document, Message};

const FAILURE: &str = "Failure";

impl Document for Status {
    const API_VERSION: &'static str = "v1";
    const KIND: &'static str = "Status";

    fn protobuf(&self, status: &mut Message) {
        status
            .empty_metadata()
            .text(2, FAILURE)
            .text(3, &self.message)
            .display(4, &self.reason);
        if let Some(details) = &self.details {
            status.message(5, |message| details.protobuf(message));
        }
        status.number(6, self.code().as_u16().into());
    }
}

impl StatusDetails {
    fn protobuf(&self, details: &mut Message) {
        details
            .text(1, &self.name)
            .text(2, &self.group)
            .text(3, &self.kind);
        for cause in &self.causes {
            details.message(4, |message| cause.protobuf(message));
        }
        details
            .number(5, self.retry_after_seconds.unwrap_or(0).into())
            .text(6, "");
    }
}

impl Cause {
    fn protobuf(&self, cause: &mut Message) {
        cause
            .text(1, self.reason)
            .text(2, &self.message)
            .text(3, &self.field);
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut status = serializer.serialize_struct(Self::KIND, 8)?;
        status.serialize_field("kind", Self::KIND)?;
        status.serialize_field("apiVersion", Self::API_VERSION)?;
        status.serialize_field("metadata", &BTreeMap::<&str, &str>::new())?;
        status.serialize_field("status", FAILURE)?;
        status.serialize_field("message", &self.message)?;
        status.serialize_field("reason", &self.reason.to_string())?;
        match &self.details {
            Some(details) => status.serialize_field("details", details)?,
            None => status.skip_field("details")?,
        }
        status.serialize_field("code", &self.code().as_u16())?;
        status.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{encode::bytes_of, status::Reason};

    fn throttled() -> Status {
        let details = StatusDetails {
            group: "g".to_owned(),
            retry_after_seconds: Some(7),
            ..StatusDetails::default()
        };
        Status {
            reason: Reason::TooManyRequests,
            message: "wait".to_owned(),
            details: Some(Box::new(details)),
        }
    }

    #[test]
    fn json_holds_what_there_is_to_say() {
        let written = |status: &Status| serde_json::to_string(status).unwrap();
        assert_eq!(
            written(&throttled()),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"wait","reason":"TooManyRequests","details":{"group":"g","retryAfterSeconds":7},"code":429}"#
        );
        assert_eq!(
            written(&Status::unauthorized()),
            r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#
        );
        assert!(written(&Status::not_found()).contains(r#""details":{},"#));
    }

    #[test]
    fn protobuf_holds_the_same() {
        let written = bytes_of(|message| throttled().protobuf(message));
        let expected = [
            b"\x0a\x06\x0a\x00\x12\x00\x1a\x00".as_slice(),
            b"\x12\x07Failure\x1a\x04wait\x22\x0fTooManyRequests",
            b"\x2a\x0b\x0a\x00\x12\x01g\x1a\x00\x28\x07\x32\x00",
            b"\x30\xad\x03",
        ];
        assert_eq!(written, expected.concat());
    }
}
