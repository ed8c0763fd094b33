use super::*;

fn with_text_plan<T>(with: impl FnOnce(&Plan<'_>) -> T) -> T {
    with_plan(|plan| with(&Plan { switches: &Switches { text: true, ..plan.switches.clone() }, ..*plan }))
}

fn text_copy_of(raw: &[u8]) -> (Vec<u8>, Stencil) {
    let stencil = with_text_plan(|plan| Stencil::compile(raw, plan));
    (stencil.stamp(raw, DELIVERY, keys().current()), stencil)
}

fn prove_text(raw: &[u8], copy: &[u8]) -> Result<(), String> {
    with_text_plan(|plan| proof::check(raw, copy, plan, &keys(), DELIVERY)).map_err(|e| e.to_string())
}

#[test]
fn an_opt_out_in_the_html_holds_for_the_text() {
    let raw = PAGE.replace("\r\n\r\nhttps://a.example/\r\n", "\r\n\r\nhttps://a.example/\r\nhttps://a.example/no\r\n");
    let (copy, stencil) = text_copy_of(raw.as_bytes());
    assert_eq!(prove_text(raw.as_bytes(), &copy), Ok(()));
    let links: Vec<_> = stencil.receipt().links.iter().map(|link| (link.in_text, link.position)).collect();
    let wanted = [(true, Some(1)), (true, None), (false, Some(2)), (false, None), (false, Some(3))];
    assert_eq!(links, wanted);
    assert_eq!(stencil.receipt().links[1].left_alone, "the sender asked for it in the HTML part");
}

#[test]
fn a_text_alone_is_tracked_in_every_encoding() {
    let text = "See https://a.example/?q=1&amp;r=2. And (https://b.example/x_(y)).\r\n";
    let quoted = "See https://a.exa=\r\nmple/?q=3D1&amp;r=3D2. And (https://b.example/x_(y)).\r\n";
    let encoded =
        "U2VlIGh0dHBzOi8vYS5leGFtcGxlLz9xPTEmYW1wO3I9Mi4gQW5kIChodHRwczovL2IuZXhhbXBs\r\nZS94Xyh5KSkuDQo=\r\n";
    let long = format!("{}{text}", "x ".repeat(400));
    for (encoding, body) in [
        ("", text),
        ("Content-Transfer-Encoding: 7bit\r\n", long.as_str()),
        ("Content-Transfer-Encoding: quoted-printable\r\n", quoted),
        ("Content-Transfer-Encoding: base64\r\n", encoded),
    ] {
        let raw = format!("Subject: x\r\n{encoding}\r\n{body}");
        let (copy, stencil) = text_copy_of(raw.as_bytes());
        assert_eq!(prove_text(raw.as_bytes(), &copy), Ok(()), "{encoding}");
        let targets: Vec<_> = stencil.links().iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["https://a.example/?q=1&amp;r=2", "https://b.example/x_(y)"], "{encoding}");
        assert!(!stencil.has_pixel() && stencil.receipt().untracked.is_empty(), "{encoding}");
        assert!(copy.is_ascii() && copy.split(|b| *b == b'\n').all(|line| line.len() <= 999), "{encoding}");
    }
}

#[test]
fn texts_that_no_one_reads_or_edits_in_place_stay() {
    for kind in [
        "text/plain; name=notes.txt",
        "text/plain\r\nContent-Disposition: attachment",
        "text/plain; charset=utf-16",
        "text/plain; charset=iso-2022-jp",
        "text/plain; charset=hz-gb-2312",
        "text/calendar",
        "message/rfc822",
    ] {
        let raw = format!("Subject: x\r\nContent-Type: {kind}\r\n\r\nSubject: y\r\n\r\nhttps://a.example/\r\n");
        let (copy, stencil) = text_copy_of(raw.as_bytes());
        assert_eq!(copy.strip_prefix(PREPEND), Some(raw.as_bytes()), "{kind}");
        assert_eq!(stencil.receipt().untracked, "nothing in it can be tracked");
        assert_eq!(stencil.receipt().limits.len(), usize::from(kind.contains("charset")), "{kind}");
    }
    let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: y\r\n\r\nhttps://a.example/\r\n--b--\r\n";
    let armour = "Subject: x\r\n\r\nhttps://a.example/\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n";
    let shifts = "Subject: x\r\n\r\nhttps://a.example/ \u{1b}$B\r\n";
    for raw in [digest, armour, shifts] {
        assert_eq!(text_copy_of(raw.as_bytes()).0.strip_prefix(PREPEND), Some(raw.as_bytes()), "{raw}");
    }
}

#[test]
fn the_proof_catches_what_a_rewriter_could_do_wrong_in_text() {
    let raw = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=latin1\r\n\r\n\
        one https://a.example/1, two \u{e9} (https://a.example/2)\r\n--b\r\nContent-Type: text/csv\r\n\r\na,b\r\n--b--\r\n";
    let (copy, stencil) = text_copy_of(raw.as_bytes());
    assert_eq!((prove_text(raw.as_bytes(), &copy), stencil.links().len()), (Ok(()), 2));
    let other = text_copy_of(raw.replace("example/1", "example/9").as_bytes()).0;
    let foreign = stencil.stamp(raw.as_bytes(), DeliveryId::from_raw(78), keys().current());
    let text = String::from_utf8(copy.clone()).unwrap();
    let place = |n: usize| text.match_indices("https://track.example/c/").nth(n).unwrap().0;
    let (one, two) = (place(0)..text.find(", two").unwrap(), place(1)..text.find(")\r\n").unwrap());
    let (first, second) = (&text[one.clone()], &text[two.clone()]);
    let changed = |from: &str, to: &str| text.replacen(from, to, 1).into_bytes();
    let swapped = [&text[..one.start], second, &text[one.end..two.start], first, &text[two.end..]].concat();
    let octet = [&text.as_bytes()[..text.find('\u{e9}').unwrap()], b"\xc3\xaa", &text.as_bytes()[one.end..]].concat();
    for (fault, bad) in [
        ("a link leads elsewhere", other),
        ("tokens of another delivery", foreign),
        ("two links changed places", swapped.into_bytes()),
        ("a URL cut too short", changed(", two", "1, two")),
        ("punctuation swallowed", changed(", two", " two")),
        ("a token cut", changed("/c/", "/c/x")),
        ("an original lost its line break", changed(")\r\n--b", ")\r\n\r\n--b")),
        ("lines joined", changed("two", "two\r\n")),
        ("another octet", octet),
        ("a text that is not plain changed", changed("a,b", "a;b")),
        ("a link doubled", changed(first, &format!("{first} {first}"))),
    ] {
        assert_ne!(bad, copy, "{fault} was not seeded");
        assert!(prove_text(raw.as_bytes(), &bad).is_err(), "{fault} was not caught");
    }
    assert!(prove(raw, &text).is_err(), "text changed though nobody asked was not caught");
}
