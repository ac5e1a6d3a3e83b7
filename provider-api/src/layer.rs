//! The layers between the socket and the service.

mod around;

pub use self::around::{Answer, Answering, Around, Within};
