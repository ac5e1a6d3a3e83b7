//! Whatever is put in for a variable, the query stays the one that was written. The text is a
//! query, a tab, and the value of each of its variables.

#![no_main]

use std::convert::Infallible;

use datadog_query::{Query, QueryTemplate, Unresolved, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // The seeds are lines.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let (written, value) = text.split_once('\t').unwrap_or((text, "x"));
    let written = written.trim();
    let places = 1..=written.chars().count() + 1;
    let template = match QueryTemplate::written(written) {
        Ok(template) => template,
        Err(why) => return assert!(why.place().is_none_or(|at| places.contains(&at))),
    };
    let resolved = match template.resolve(|_| Ok::<_, Infallible>(value)) {
        Ok(query) => query,
        Err(Unresolved::NoValue { why, .. }) => match why {},
        Err(why) => return assert!(places.contains(&why.place()), "{why:?}"),
    };
    assert_eq!(Query::written(resolved.text()), Ok(resolved.clone()));
    if let (Ok(before), Ok(after)) = (parse(template.text()), parse(resolved.text())) {
        // The trees differ in what was put in alone.
        let value = format!("{value:?}");
        let value = &value[1..value.len() - 1];
        let before = format!("{:?}", before.expression);
        let (mut put_in, mut rest) = (String::new(), &*before);
        for variable in template.variables() {
            if let Some((passed, behind)) = rest.split_once(&variable.to_string()) {
                put_in.extend([passed, value]);
                rest = behind;
            }
        }
        put_in.push_str(rest);
        assert_eq!(format!("{:?}", after.expression), put_in);
    }
});
