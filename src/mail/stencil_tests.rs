use super::*;
use crate::domain::TokenKeys;
use crate::mail::proof;

const PREPEND: &[u8] = b"Received: from here\r\n";
const PAGE: &str = "From: a@own.example\r\nBcc: secret@b.example\r\nX-Postrider-Campaign: c\r\nSubject: x\r\n\
    Content-Type: multipart/alternative; boundary=b\r\n\r\npreamble\r\n--b\r\nContent-Type: text/plain\r\n\r\nhttps://a.example/\r\n--b\r\n\
    Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<body><p>=C3=A9 text</p>\r\n\
    <a href=3D\"https://a.example/?x=3D1&amp;y=3D2\">one</a> <a data-no-track href=3D\"https://a.example/no\">two</a> and then some =\r\nmore\r\n\
    <!--[if mso]><a href=3D\"https://a.example/mso\">m</a><![endif]--></body>\r\n--b--\r\nepilogue\r\n";

fn keys() -> TokenKeys {
    TokenKeys::new(TokenKey::new(1, [3; 32]), Vec::new())
}

fn with_plan<T>(with: impl FnOnce(&Plan<'_>) -> T) -> T {
    let switches = Switches {
        opens: true,
        clicks: true,
        text: false,
        exclude_hosts: Vec::new(),
        visible_url_links: VisibleUrlLinks::Leave,
    };
    with(&Plan {
        prepend: PREPEND,
        base_url: "https://track.example",
        unsubscribe: false,
        switches: &switches,
        signing_domains: &[],
    })
}

fn with_text_plan<T>(with: impl FnOnce(&Plan<'_>) -> T) -> T {
    with_plan(|plan| with(&Plan { switches: &Switches { text: true, ..plan.switches.clone() }, ..*plan }))
}

const DELIVERY: DeliveryId = DeliveryId::from_raw(77);

fn copy_of(raw: &str) -> (String, Stencil) {
    let stencil = with_plan(|plan| Stencil::compile(raw.as_bytes(), plan));
    let copy = stencil.stamp(raw.as_bytes(), DELIVERY, keys().current());
    (String::from_utf8(copy).unwrap(), stencil)
}

fn prove(raw: &str, copy: &str) -> Result<(), String> {
    with_plan(|plan| proof::check(raw.as_bytes(), copy.as_bytes(), plan, &keys(), DELIVERY)).map_err(|e| e.to_string())
}

#[test]
fn only_what_must_change_changes() {
    let (copy, stencil) = copy_of(PAGE);
    assert_eq!(prove(PAGE, &copy), Ok(()), "{copy}");
    let targets: Vec<_> = stencil.links().iter().map(|link| (link.position, link.target.as_str())).collect();
    assert_eq!(targets, [(1, "https://a.example/?x=1&y=2"), (2, "https://a.example/mso")]);
    assert!(!copy.contains("Bcc") && !copy.contains("X-Postrider") && !copy.contains("data-no-track"));
    assert!(copy.starts_with("Received: from here\r\nFrom: a@own.example\r\nSubject: x\r\n"));
    assert!(copy.contains("\r\n\r\npreamble\r\n--b\r\nContent-Type: text/plain\r\n\r\nhttps://a.example/\r\n--b\r\n"));
    assert!(copy.contains("<body><p>=C3=A9 text</p>\r\n") && copy.ends_with("</body>\r\n--b--\r\nepilogue\r\n"));
    assert!(copy.lines().all(|line| line.len() <= 76), "{copy}");
    assert_eq!(stencil.receipt().size_out, copy.len() as u64);
    assert_eq!(stencil.receipt().links.len(), 3);
}

#[test]
fn the_proof_catches_what_a_rewriter_could_do_wrong() {
    let raw = "Subject: x\r\nContent-Type: text/html\r\n\r\n<body><a href=\"https://a.example/1\">one</a><a title=\"t\" href=\"https://a.example/2\">two</a></body>\r\n";
    let (copy, stencil) = copy_of(raw);
    assert_eq!(prove(raw, &copy), Ok(()));
    let other = with_plan(|plan| Stencil::compile(raw.replace("example/1", "example/9").as_bytes(), plan));
    let other =
        String::from_utf8(other.stamp(raw.replace("example/1", "example/9").as_bytes(), DELIVERY, keys().current()))
            .unwrap();
    let foreign = stencil.stamp(raw.as_bytes(), DeliveryId::from_raw(78), keys().current());
    let pixel = &copy[copy.find("<img").unwrap()..copy.find("</body>").unwrap()];
    let seeded = [
        ("a link leads elsewhere", other),
        ("tokens of another delivery", String::from_utf8(foreign).unwrap()),
        ("two pixels", copy.replace(pixel, &format!("{pixel}{pixel}"))),
        ("a lost attribute", copy.replace(" title=\"t\"", "")),
        ("lost text", copy.replace("two", "tow")),
        ("a lost element", copy.replace("<body>", "")),
        ("a changed header", copy.replace("Subject: x", "Subject: y")),
        ("an added header", copy.replace("Subject: x", "Subject: x\r\nX-More: y")),
        ("a token cut", copy.replacen("/c/", "/c/x", 1)),
        ("an unplanned top", copy.replace("from here", "from there")),
    ];
    for (fault, bad) in seeded {
        assert_ne!(bad, copy, "{fault} was not seeded");
        assert!(prove(raw, &bad).is_err(), "{fault} was not caught");
    }
}

#[test]
fn one_click_stands_on_top_with_a_token_of_its_own() {
    with_plan(|plan| {
        let plan = Plan { unsubscribe: true, ..*plan };
        let prove = |copy: &str| proof::check(PAGE.as_bytes(), copy.as_bytes(), &plan, &keys(), DELIVERY);
        let stencil = Stencil::compile(PAGE.as_bytes(), &plan);
        let stamp = |id| String::from_utf8(stencil.stamp(PAGE.as_bytes(), id, keys().current())).unwrap();
        let copy = stamp(DELIVERY);
        assert_eq!(prove(&copy), Ok(()), "{copy}");
        let rest = copy.strip_prefix("Received: from here\r\nList-Unsubscribe: <https://track.example/u/").unwrap();
        let (token, rest) = rest.split_once('>').unwrap();
        assert!(rest.starts_with("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nFrom: a@own.example\r\n"));
        let leave = Token { delivery: DELIVERY, purpose: Purpose::Unsubscribe };
        assert_eq!(keys().open(token), Some(leave));
        assert_eq!(stencil.receipt().size_out, copy.len() as u64);
        let foreign = stamp(DeliveryId::from_raw(78));
        let foreign = foreign.split_once("/u/").unwrap().1.split_once('>').unwrap().0;
        for bad in [copy.replace(token, foreign), copy.replace("One-Click", "Two-Click"), copy.replace("/u/", "/c/")] {
            assert!(prove(&bad).is_err(), "{bad}");
        }
        // Not planned, so not allowed.
        assert!(with_plan(|plan| proof::check(PAGE.as_bytes(), copy.as_bytes(), plan, &keys(), DELIVERY)).is_err());
        let plain = Stencil::compile_untracked(PAGE.as_bytes(), &plan, "so");
        let plain = String::from_utf8(plain.stamp(PAGE.as_bytes(), DELIVERY, keys().current())).unwrap();
        assert!(plain.contains(token) && !plain.contains("/c/"));
    });
}

#[test]
fn every_encoding_is_proved() {
    use base64::Engine as _;
    let page = "<html><body>\u{e9}<a href='https://a.example/?q=1'>x</a></body></html>\r\n";
    let base64 = base64::engine::general_purpose::STANDARD.encode(page);
    let long = format!("<body>{}<a href=\"https://a.example/\">x</a></body>", "y".repeat(950));
    for (encoding, body) in [
        ("8bit", page.to_owned()),
        ("base64", format!("{base64}\r\n")),
        ("quoted-printable", quoted_printable::encode_to_str(page)),
        ("7bit", long),
    ] {
        let raw = format!(
            "Subject: x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
        );
        let (copy, stencil) = copy_of(&raw);
        assert_eq!(prove(&raw, &copy), Ok(()), "{encoding}: {copy}");
        assert!(stencil.has_pixel() && stencil.links().len() == 1, "{encoding}");
        assert_eq!(stencil.receipt().size_out, copy.len() as u64, "{encoding}");
        assert!(copy.lines().all(|line| line.len() <= 998), "{encoding}");
    }
}

#[test]
fn what_is_not_tracked_keeps_its_bytes() {
    for raw in [
        "Subject: x\r\n\r\nhttps://a.example/\r\n",
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<a href=\"https://a.example/\">\r\n--b--\r\n",
        "Content-Type: text/html; charset=utf-16\r\n\r\n<a href=\"https://a.example/\">\r\n",
    ] {
        let (copy, stencil) = copy_of(raw);
        assert_eq!(copy.strip_prefix("Received: from here\r\n"), Some(raw));
        assert!(!stencil.receipt().untracked.is_empty() && !stencil.has_pixel());
    }
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
