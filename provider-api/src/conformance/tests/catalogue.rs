//! docs/conformance.md lists every case.

use super::*;

const PAGE: &str = include_str!("../../../../docs/conformance.md");

/// The list as the page has it.
fn list() -> String {
    let mut text = String::new();
    for family in FAMILIES {
        text += &format!("### {}\n\n{}\n\n", family.name, family.about);
        text += "| case | holds when |\n| --- | --- |\n";
        for case in family.cases() {
            let promise = case.promise.replace('|', "\\|");
            text += &format!("| `{}` | {promise} |\n", case.name);
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[test]
fn the_page_lists_every_case_with_its_promise() {
    let after = PAGE
        .split_once("<!-- cases -->\n\n")
        .map(|(_, after)| after);
    let (listed, _) = after
        .unwrap()
        .split_once("\n\n<!-- end of cases -->")
        .unwrap();
    let list = list();
    assert!(listed == list, "docs/conformance.md should list:\n\n{list}");
}
