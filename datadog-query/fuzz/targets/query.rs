//! Any text is judged without a panic, at a place that it has; what is understood is printed
//! as a text that means the same; and what may be sent is one query.

#![no_main]

use datadog_query::{Query, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let places = 1..=text.chars().count() + 1;
    match parse(text) {
        Err(mistake) => assert!(places.contains(&mistake.place), "{mistake:?}"),
        Ok(parsed) => {
            for warning in &parsed.warnings {
                assert!(places.contains(&warning.place), "{warning:?}");
            }
            let printed = parsed.expression.to_string();
            let again = parse(&printed).map(|again| again.expression);
            assert_eq!(again, Ok(parsed.expression), "{printed}");
        }
    }
    if let Ok(query) = Query::written(text) {
        assert_eq!(commas_at_the_top(query.text()), 0);
    }
});

/// The commas outside of all brackets, for a reader that knows nothing of quotes.
fn commas_at_the_top(text: &str) -> usize {
    let mut depth = 0_i64;
    let at_the_top = text.chars().filter(|c| {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth -= 1,
            _ => {}
        }
        *c == ',' && depth == 0
    });
    at_the_top.count()
}
