use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

fn spliced(body: &str, transfer: Transfer, edit: (usize, usize)) -> (String, Vec<u8>, bool) {
    let decoded = decode(body.as_bytes(), transfer).unwrap();
    let token = "T".repeat(120);
    let pieces = vec![Piece::Bytes(b"https://x.example/c/".to_vec()), Piece::Token { slot: 0, len: 120 }];
    let edits = [Edit { range: edit.0..edit.1, pieces }];
    let edited = splice(body.as_bytes(), 0..body.len(), transfer, &decoded, &edits);
    let mut out = Vec::new();
    for segment in &edited.segments {
        segment.write(body.as_bytes(), std::slice::from_ref(&token), &mut out);
    }
    let mut wanted = decoded.page[..edit.0].to_vec();
    wanted.extend(b"https://x.example/c/");
    wanted.extend(token.bytes());
    wanted.extend(&decoded.page[edit.1..]);
    (String::from_utf8(out).unwrap(), wanted, edited.to_quoted_printable)
}

fn read(text: &str, transfer: Transfer) -> Vec<u8> {
    match transfer {
        Transfer::Identity => text.as_bytes().to_vec(),
        Transfer::QuotedPrintable => quoted_printable::decode(text, quoted_printable::ParseMode::Robust).unwrap(),
        Transfer::Base64 => STANDARD.decode(text.replace("\r\n", "")).unwrap(),
    }
}

#[test]
fn identity_keeps_all_around() {
    let (out, wanted, moved) = spliced("<a href=\"https://a.example/\">x</a>\r\n", Transfer::Identity, (9, 27));
    assert_eq!((out.into_bytes(), moved), (wanted, false));
}

#[test]
fn a_line_that_would_be_too_long_moves_the_part_to_quoted_printable() {
    let body = format!("<p>\u{e9} = </p> \r\n{}<a href=\"u\">\r\n", "x".repeat(900));
    let at = body.find("\"u\"").unwrap() + 1;
    let (out, wanted, moved) = spliced(&body, Transfer::Identity, (at, at + 1));
    assert!(moved && out.lines().all(|line| line.len() <= 76), "{out}");
    assert_eq!(read(&out, Transfer::QuotedPrintable), wanted);
}

#[test]
fn quoted_printable_changes_one_line_only() {
    let body = "first =C3=A9 line\r\n<a href=3D\"https://a.exam=\r\nple/\">x</a> and more to read on this line =\r\ngoes on\r\nlast=20\r\n";
    let start = "first \u{e9} line\r\n<a href=\"".len();
    let (out, wanted, _) = spliced(body, Transfer::QuotedPrintable, (start, start + "https://a.example/".len()));
    assert_eq!(read(&out, Transfer::QuotedPrintable), wanted, "{out}");
    assert!(out.starts_with("first =C3=A9 line\r\n<a href=3D\"https:") && out.ends_with("goes on\r\nlast=20\r\n"));
    assert!(out.lines().all(|line| line.len() <= 76), "{out}");
}

#[test]
fn base64_keeps_what_is_before_and_the_line_length() {
    let page = "<p>hello</p>".repeat(20) + "<a href=\"u\">x</a>";
    let flat = STANDARD.encode(&page);
    let body: String = flat.as_bytes().chunks(60).map(|c| format!("{}\r\n", std::str::from_utf8(c).unwrap())).collect();
    let at = page.find("\"u\"").unwrap() + 1;
    let (out, wanted, _) = spliced(&body, Transfer::Base64, (at, at + 1));
    assert_eq!(read(&out, Transfer::Base64), wanted);
    assert_eq!(out[..300], body[..300]);
    assert!(out.ends_with("\r\n") && out.lines().all(|line| line.len() <= 60));
}

#[test]
fn broken_encodings_are_told() {
    assert!(decode(b"a=4", Transfer::QuotedPrintable).is_err() && decode(b"=zz", Transfer::QuotedPrintable).is_err());
    assert!(decode(b"aGk", Transfer::Base64).is_err() && decode(b"aGk=aGk=", Transfer::Base64).is_err());
    assert_eq!(Transfer::parse("x-uuencode"), None);
    assert_eq!(Transfer::parse(" BASE64 "), Some(Transfer::Base64));
}

proptest! {
    #[test]
    fn any_edit_of_any_page_reads_back(page in "[a-z=\u{e9} .\"<>/\t]{0,300}(\r\n[a-z= \u{e9}]{0,120}){0,4}", a in 0..400_usize, b in 0..60_usize, line in 1..90_usize) {
        let bytes = page.as_bytes();
        // No edit divides a CRLF.
        let whole = |n: usize| n - usize::from(n > 0 && bytes.get(n) == Some(&b'\n'));
        let (start, end) = (whole(a.min(bytes.len())), whole((a + b).min(bytes.len())));
        let qp = quoted_printable::encode_to_str(bytes);
        let (out, wanted, _) = spliced(&qp, Transfer::QuotedPrintable, (start, end));
        prop_assert_eq!(&decode(out.as_bytes(), Transfer::QuotedPrintable).unwrap().page, &wanted);
        prop_assert!(out.split('\n').all(|line| line.len() <= 77), "{}", out);
        let decoded = decode(qp.as_bytes(), Transfer::QuotedPrintable).unwrap();
        let place = |n: usize| crate::mail::quoted::encoded_at(qp.as_bytes(), &decoded, n).unwrap_or(qp.len());
        let first_line = qp[..place(start)].rfind('\n').map_or(0, |n| n + 1);
        let last = if end > start { place(end - 1) } else { place(start) };
        let behind = qp[last..].find('\n').map_or(qp.len(), |n| last + n + 1);
        prop_assert!(out.starts_with(&qp[..first_line]) && out.ends_with(&qp[behind..]), "{}", out);
        let flat = STANDARD.encode(bytes);
        let (out, wanted, _) = spliced(&flat, Transfer::Base64, (start, end));
        prop_assert_eq!(read(&out, Transfer::Base64), &wanted[..]);
        for line in [line, 76] {
            let lines: Vec<_> = flat.as_bytes().chunks(line).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let body = lines.join("\r\n") + ["", "\r\n", "\r\n\r\n"][b % 3];
            let (out, wanted, _) = spliced(&body, Transfer::Base64, (start, end));
            prop_assert_eq!(read(&out, Transfer::Base64), &wanted[..]);
            // Cut into lines otherwise, it is read by the long way.
            let (odd, _, _) = spliced(&body.replace("\r\n", " \r\n"), Transfer::Base64, (start, end));
            prop_assert_eq!(read(&odd.replace(' ', ""), Transfer::Base64), &wanted[..]);
            if lines.len() > 1 {
                prop_assert_eq!(out.clone(), odd.replace(" \r\n", "\r\n"));
                prop_assert!(out.lines().all(|one| one.len() <= line.max(4)), "{}", out);
            }
        }
    }
}
