use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn listed(before: &str, after: &str) -> Vec<String> {
    let listing = compare(before.as_bytes(), after.as_bytes(), 1 << 20, str::len);
    assert!(!listing.cut);
    let sign = |fate| match fate {
        Fate::Same => ' ',
        Fate::Removed => '-',
        Fate::Added => '+',
    };
    let row = |row: &Row| match row {
        Row::Line(fate, text, 0, 0) => format!("{}{text}", sign(*fate)),
        Row::Line(fate, text, front, behind) => format!("{}{front}..{text}..{behind}", sign(*fate)),
        Row::Folded(fate, count) => format!("{}[{count}]", sign(*fate)),
    };
    listing.rows.iter().map(row).collect()
}

#[test]
fn what_is_equal_is_folded_and_what_is_not_stands_between() {
    let before =
        "Subject: x\r\nX-Postrider-Track: opens\r\n\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n<a>\r\nz\r\n";
    let after = "Received: y\r\nSubject: x\r\n\r\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n<b>\r\nz\r\n";
    let wanted = [
        "+Received: y",
        " Subject: x",
        "-X-Postrider-Track: opens",
        " ",
        " 1",
        " 2",
        " [4]",
        " 7",
        " 8",
        " 9",
        "-<a>",
        "+<b>",
        " z",
    ];
    assert_eq!(listed(before, after), wanted);
    assert_eq!(listed(before, before), [" [14]"]);
    assert!(listed("", "").is_empty());
    assert_eq!(listed("a\r\n", ""), ["-a"]);
}

#[test]
fn a_long_line_is_shown_where_it_differs() {
    let (lead, tail) = ("a".repeat(5_000), "b".repeat(3_000));
    let rows = listed(&format!("{lead}x{tail}"), &format!("{lead}y{tail}"));
    assert_eq!(rows.len(), 2);
    let around = format!("{}y{}", "a".repeat(120), "b".repeat(479));
    assert_eq!(rows[1], format!("+4880..{around}..2521"));
}

#[test]
fn what_cannot_be_seen_is_written_out() {
    assert_eq!(listed("", "a\0\u{202e}b\u{1b}\r\n"), ["+a\u{2400}\u{2039}U+202E\u{203a}b\u{241b}"]);
}

#[test]
fn a_large_mail_that_is_all_different_is_cut_in_time() {
    // Each second line is empty in both, so that there is always something equal and never two lines in a row.
    let lines = |of: &str| {
        (0..400_000).fold(String::new(), |mut text, n| {
            write!(text, "{of}{n}\r\n\r\n").unwrap();
            text
        })
    };
    let listing = compare(lines("a").as_bytes(), lines("b").as_bytes(), 10_000, |text| text.len() + 40);
    assert!(listing.cut && !listing.rows.is_empty() && listing.rows.len() <= 250, "{}", listing.rows.len());
}

proptest! {
    #[test]
    fn each_side_is_its_own_lines_in_order(old in "[ab]{0,3}(\n[abc]{0,2}){0,60}", new in "[ab]{0,3}(\n[abc]{0,2}){0,60}") {
        let listing = compare(old.as_bytes(), new.as_bytes(), usize::MAX, str::len);
        let lines = |fate| listing.rows.iter().map(|row| match row {
            Row::Line(is, ..) => usize::from(*is == Fate::Same || *is == fate),
            Row::Folded(is, count) => if *is == Fate::Same || *is == fate { *count } else { 0 },
        }).sum::<usize>();
        let counted = |text: &str| text.split_inclusive('\n').count();
        prop_assert_eq!((lines(Fate::Removed), lines(Fate::Added)), (counted(&old), counted(&new)));
        let shown = |fate| listing.rows.iter().filter_map(|row| match row {
            Row::Line(is, text, ..) if *is == fate => Some(text.as_str()),
            _ => None,
        }).collect::<Vec<_>>();
        for (fate, text) in [(Fate::Removed, &old), (Fate::Added, &new)] {
            let mut lines = text.lines();
            prop_assert!(shown(fate).iter().all(|wanted| lines.any(|line| line == *wanted)));
        }
    }
}
