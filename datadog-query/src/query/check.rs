//! What a written query must be at least, so that it can share a call.

/// Why a text is not one metric query. Places count characters from 1, as
/// Datadog's own messages do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// There is no text.
    #[error("the query is empty")]
    Empty,
    /// No metric is followed by its scope.
    #[error("the query has no scope: write `{{*}}` or `{{key:value}}` after the metric")]
    NoScope,
    /// Braces with nothing in them.
    #[error("the braces that open at character {0} are empty: write `{{*}}` for every series")]
    EmptyScope(usize),
    /// A bracket is never closed.
    #[error("{bracket:?} at character {place} is never closed")]
    Unclosed {
        /// The bracket.
        bracket: char,
        /// Its place.
        place: usize,
    },
    /// A bracket closes what was not opened.
    #[error("{bracket:?} at character {place} closes nothing that is open there")]
    Unopened {
        /// The bracket.
        bracket: char,
        /// Its place.
        place: usize,
    },
    /// A quoted text has no end.
    #[error("the quote at character {0} is never closed")]
    UnclosedQuote(usize),
    /// A quoted text where none can be.
    #[error("the quoted text at character {0} is not within brackets, or holds a bracket")]
    MisplacedQuote(usize),
    /// A comma between two queries.
    #[error("the comma at character {0} separates two queries: write one")]
    SeveralQueries(usize),
}

/// One left-to-right reading with the open brackets as its memory.
///
/// Quotes are the delicate part: Datadog takes quoted texts as arguments of
/// functions, and whether it honours a quote within braces is not known. So a
/// quoted text stands within brackets and holds none. Then the brackets pair
/// up as they do here, and no comma comes to the top, however Datadog reads
/// the quotes.
pub(super) fn check(text: &str) -> Result<(), InvalidQuery> {
    if text.is_empty() {
        return Err(InvalidQuery::Empty);
    }
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut scopes = 0;
    let mut blank = true;
    let mut characters = (1..).zip(text.chars());
    while let Some((place, character)) = characters.next() {
        match character {
            '(' | '{' => {
                open.push((character, place));
                blank = true;
                continue;
            }
            ')' | '}' => match (open.pop(), character) {
                (Some(('(', _)), ')') => {}
                (Some(('{', at)), '}') if blank => return Err(InvalidQuery::EmptyScope(at)),
                (Some(('{', _)), '}') => scopes += 1,
                _ => {
                    return Err(InvalidQuery::Unopened {
                        bracket: character,
                        place,
                    });
                }
            },
            '\'' | '"' => match quoted(character, &mut characters) {
                None => return Err(InvalidQuery::UnclosedQuote(place)),
                Some(Quoted::Plain) if !open.is_empty() => {}
                Some(_) => return Err(InvalidQuery::MisplacedQuote(place)),
            },
            ',' if open.is_empty() => return Err(InvalidQuery::SeveralQueries(place)),
            _ => {}
        }
        blank &= character.is_whitespace();
    }
    match open.pop() {
        Some((bracket, place)) => Err(InvalidQuery::Unclosed { bracket, place }),
        None if scopes == 0 => Err(InvalidQuery::NoScope),
        None => Ok(()),
    }
}

enum Quoted {
    Plain,
    WithBrackets,
}

/// Reads up to the closing quote, if there is one.
fn quoted(quote: char, characters: &mut impl Iterator<Item = (usize, char)>) -> Option<Quoted> {
    let mut kind = Quoted::Plain;
    for (_, character) in characters {
        match character {
            '(' | ')' | '{' | '}' => kind = Quoted::WithBrackets,
            end if end == quote => return Some(kind),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Shapes that Datadog's server took or its documentation shows.
    #[test]
    fn no_legal_shape_is_refused() {
        for text in [
            "system.cpu.idle{*}",
            "avg:Test_TestMetrics_1618221195{bar:baz}by{host}",
            "sum:trace.express.request.hits{*}.as_rate()/avg:kubernetes.cpu.requests{*}.rollup(10)",
            "(sum:my.metric{status:good}.as_count()) + (sum:my.metric{status:bad}.as_count())",
            "top(avg:system.load.1{*} by {host}, 10, 'mean', 'desc')",
            "top(sum:hits{*} by {region},5,\"max\",\"desc\")",
            "anomalies(avg:cpu{name:db}, 'basic', 3, direction='above', interval=20)",
            "avg:cpu{env:staging AND (zone:a OR zone:b)} by {zone}",
            "avg:cpu{env:prod AND location NOT IN (atlanta,seattle)}",
            "avg:disk{!device:/dev/loop*} by {device}",
            "timeshift(avg:system.load.1{*}, -1209600)",
            "avg:load{*} by {host}.rollup(avg,60).fill(linear, 120)",
            "count(v: v<=1):metric.name{foo:bar}",
            "sum:metric.name{host:~\"web-.*\"}",
            "100 * avg:requests{*}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_one_query_is_refused_with_its_place() {
        use InvalidQuery::*;
        for (text, wrong) in [
            ("", Empty),
            ("avg:foo_metric", NoScope),
            ("avg:a{}", EmptyScope(6)),
            ("avg:a{ }", EmptyScope(6)),
            (
                "avg:a{*",
                Unclosed {
                    bracket: '{',
                    place: 6,
                },
            ),
            (
                "anomalies(avg:a{*}, 'basic', 2",
                Unclosed {
                    bracket: '(',
                    place: 10,
                },
            ),
            (
                "avg:a{*})",
                Unopened {
                    bracket: ')',
                    place: 9,
                },
            ),
            (
                "f({)}",
                Unopened {
                    bracket: ')',
                    place: 4,
                },
            ),
            ("top(avg:a{*}, 10, 'mean)", UnclosedQuote(19)),
            ("avg:a{*},avg:b{*}", SeveralQueries(9)),
            ("avg:é{*},avg:b{*}", SeveralQueries(9)),
            // However quotes within braces are read, these stay one query.
            ("avg:a{x:\"}, avg:b{*}, avg:c{y:\"}", MisplacedQuote(9)),
            (
                "avg:a{x IN (\")}, avg:b{*}, avg:c{y:(\")}",
                MisplacedQuote(13),
            ),
            ("avg:a{*} ',' avg:b{*}", MisplacedQuote(10)),
        ] {
            assert_eq!(check(text), Err(wrong), "{text}");
        }
    }

    /// Counts the top-level commas without any knowledge of quotes.
    fn commas_at_the_top(text: &str) -> usize {
        let mut depth = 0_i32;
        text.chars()
            .filter(|c| {
                depth += i32::from("({".contains(*c)) - i32::from(")}".contains(*c));
                *c == ',' && depth == 0
            })
            .count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_passes_is_one_query_with_and_without_quotes(
            head in prop::sample::select(&["m{x", "m{x}", "f(m{x}, "][..]),
            quote in prop::sample::select(&["'", "\""][..]),
            quoted in prop::collection::vec(
                prop::sample::select(&["},m{x", "),1,(", "m{x}", ",", "}", "("][..]), 0..4),
            tail in prop::sample::select(&["}", "", ")"][..]),
        ) {
            let text = format!("{head}{quote}{}{quote}{tail}", quoted.concat());
            if check(&text).is_ok() {
                prop_assert_eq!(commas_at_the_top(&text), 0, "{}", text);
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in any::<String>()) {
            let _ = check(&text);
        }
    }
}
