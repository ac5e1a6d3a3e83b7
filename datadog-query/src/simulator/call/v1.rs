//! The parameters of `GET /api/v1/query`.

use super::{QueryCall, decoded};
use crate::{
    api_version::ApiVersion,
    simulator::{asked::Asked, window::Window},
};

pub(super) fn read(parameters: &str) -> QueryCall {
    let value = |name: &str| {
        let mut pairs = parameters
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .map(|(_, value)| decoded(&value.replace('+', " ")))
    };
    let text = value("query");
    let asked = Asked::all(text.as_deref().unwrap_or_default());
    QueryCall {
        version: ApiVersion::V1,
        texts: text.into_iter().collect(),
        window: Window::of(value("from").as_deref(), value("to").as_deref()),
        asked: asked.map_err(|refused| refused.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::call::Call;

    fn queries(parameters: &str) -> Vec<String> {
        Call::Query(read(parameters)).queries()
    }

    #[test]
    fn a_query_is_decoded_and_split() {
        let call = read("from=1&to=2&query=avg%3Aa%7B*%7D+%2C+max:b{x:1%2cy:2}&x");
        assert_eq!(call.window, Ok(Window { from: 1, to: 2 }));
        assert_eq!(call.texts, ["avg:a{*} , max:b{x:1,y:2}"]);
        assert_eq!(Call::Query(call).queries(), ["avg:a{*}", "max:b{x:1,y:2}"]);
    }

    #[test]
    fn what_cannot_be_read_is_told_as_it_came() {
        assert_eq!(queries("query=avg:a,b"), ["avg:a,b"]);
    }
}
