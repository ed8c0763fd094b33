use super::*;
use crate::domain::TokenKeys;
use crate::mail::plan::Switches;
use crate::mail::proof;
use crate::mail::receipt::Growth;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

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
    let switches = Switches::default();
    with(&Plan {
        vendor_headers: true,
        prepend: PREPEND,
        base_url: "https://track.example",
        unsubscribe: false,
        switches: &switches,
        signing_domains: &[],
    })
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

/// What a rewriter could do that keeps the copy a sound mail.
#[test]
fn the_proof_catches_edits_that_are_on_no_list() {
    let raw = "Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<head><link href=\"https://a.example/css\"></head><body>\r\n\
        <!--[if mso]><a href=\"https://a.example/m\">m</a><![endif]--><!--[if false]><a href=\"https://a.example/d\">d</a><![endif]-->\r\n\
        <!-- <a href=\"https://a.example/o\"> --><a href=\"https://a.example/?x=1&amp;y=2\">one</a>\r\n\
        <a data-no-track href=\"https://a.example/no\">two</a><p data-no-track>p</p><a href=\"https://a.example\">3</a></body>\r\n";
    let (copy, _) = copy_of(raw);
    assert_eq!(prove(raw, &copy), Ok(()), "{copy}");
    let tracked = |position: u16, target: &str| {
        let purpose = Purpose::Click { position, target: target.to_owned() };
        format!("\"https://track.example/c/{}\"", Token { delivery: DELIVERY, purpose }.sign(keys().current()))
    };
    let wrapped = |target: &str| copy.replace(&format!("\"{target}\""), &tracked(1, target));
    let led = |position: u16, from: &str, to: &str| copy.replace(&tracked(position, from), &tracked(position, to));
    let pixel = &copy[copy.find("<img").unwrap()..copy.find("</body>").unwrap()];
    let moved = |to: &str| copy.replace(pixel, "").replace(to, &format!("{pixel}{to}"));
    let seeded = [
        ("a stylesheet became a link", wrapped("https://a.example/css")),
        ("a dead condition was rewritten", wrapped("https://a.example/d")),
        ("a comment was rewritten", wrapped("https://a.example/o")),
        ("an opt-out was passed over", wrapped("https://a.example/no")),
        ("an opt-out of no link was cut", copy.replace("<p data-no-track>", "<p>")),
        ("entities were kept", led(2, "https://a.example/?x=1&y=2", "https://a.example/?x=1&amp;y=2")),
        ("a target was normalised", led(3, "https://a.example", "https://a.example/")),
        ("the pixel stands in a conditional comment", moved("<![endif]--><!--[if false]")),
        ("the pixel says something", copy.replace("alt=\"\" width", "alt=\"x\" width")),
        ("a letter is no ASCII", copy.replace(">one<", ">\u{f6}ne<")),
    ];
    for (fault, bad) in seeded {
        assert_ne!(bad, copy, "{fault} was not seeded");
        assert!(prove(raw, &bad).is_err(), "{fault} was not caught");
    }
    let (long, fits) = (format!("{PAGE}{}\r\n", "x".repeat(999)), copy_of(PAGE).0);
    assert!(prove(PAGE, &format!("{fits}{}\r\n", "x".repeat(999))).is_err() && prove(&long, &copy_of(&long).0).is_ok());
}

#[test]
fn the_pixel_goes_to_the_top_of_what_gmail_would_cut() {
    // Close to the limit: what is put in counts.
    let page = |n: usize| {
        format!(
            "Content-Type: text/html\r\n\r\n<body><a href=\"https://a.example/\">x</a>{}</body>\r\n",
            "<p>x</p>\r\n".repeat(n)
        )
    };
    let place = |n: usize, pixel: PixelPlace| {
        with_plan(|plan| {
            let switches = Switches { pixel, ..plan.switches.clone() };
            let raw = page(n);
            let stencil = Stencil::compile(raw.as_bytes(), &Plan { switches: &switches, ..*plan });
            let copy = String::from_utf8(stencil.stamp(raw.as_bytes(), DELIVERY, keys().current())).unwrap();
            assert_eq!(prove(&raw, &copy), Ok(()));
            let size = copy.len() - copy.find("<body>").unwrap();
            let warned = stencil.receipt().limits.iter().any(|limit| limit.contains("Gmail hides"));
            assert_eq!(warned, size > 95_000, "{size}: {:?}", stencil.receipt().limits);
            let top = copy.contains("<body><img ");
            assert_eq!(stencil.receipt().pixel, if top { "behind <body>" } else { "before </body>" });
            (top, size, raw.len())
        })
    };
    let few = (9_450..9_500).find(|n| place(*n, PixelPlace::Auto).1 > 95_000).unwrap();
    let (top, _, came) = place(few, PixelPlace::Auto);
    assert!(top && came < 95_000, "{came} octets came");
    assert!(
        !place(few - 1, PixelPlace::Auto).0 && place(few - 1, PixelPlace::Top).0 && !place(few, PixelPlace::Bottom).0
    );
}

#[test]
fn links_past_the_thousandth_stay_and_are_told() {
    let links: String = (0..1_003).map(|n| format!("<a href=\"https://a.example/{n}\">x</a>\r\n")).collect();
    let raw = format!("Content-Type: text/html\r\n\r\n{links}");
    let (copy, stencil) = copy_of(&raw);
    assert_eq!(prove(&raw, &copy), Ok(()));
    assert_eq!((stencil.links().len(), copy.matches("https://a.example/").count()), (1_000, 3));
    assert!(stencil.receipt().limits.contains(&"3 links past the thousandth were left alone".to_owned()));
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

/// What pages are made of, in any order.
const SHREDS: &[&str] = &[
    "<a href=\"https://a.example/?x=1&amp;y=2\">",
    "<a href='https://a.example/a b'>",
    "<A HREF=https://a.example/>",
    "<a data-no-track href=\"https://a.example/no\">",
    "<a href=\"https://a.example/x\"ses:no-track\nclass=y>",
    "<a href=\"https://b\u{fc}cher.example/\u{fc}?\u{fc}\">",
    "</a>",
    "<area href=https://a.example/area/>",
    "<v:rect href=\"https://a.example/v\"/>",
    "<!--[if mso]>",
    "<!--[if !mso]><!-->",
    "<![endif]-->",
    "<!--<![endif]-->",
    "<!-- ",
    "-->",
    "<body class=\"x\">",
    "</body>",
    "</html>",
    "<p title=\"</body>\">",
    "<p title='",
    "\"",
    "'",
    ">",
    "<",
    "</",
    "<style>",
    "</style>",
    "<script>",
    "</script>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<noscript>",
    "</noscript>",
    "<table><tr><td>",
    "text ",
    "\u{fc}\u{df}",
    "\r\n",
    "&amp;",
    "&copy=",
    "<img alt=\"https://a.example/\" src=x>",
    "<br/>",
    "<?x ?>",
    "<!DOCTYPE html>",
    "<![CDATA[",
    "<plaintext>",
    "<xmp>",
    "</xmp>",
    "<iframe>",
    "</iframe>",
    "<!--[if mso]><body><![endif]-->",
    " href=\"https://a.example/\"",
    " clicktracking=off",
    "\0",
    "\t= ",
    "<!-->",
    "--!>",
    "<![if mso]>",
    "<a\r\nhref=\r\n",
    "http://[::1]/",
    "www.other.com",
    "]]>",
];

fn page_of(shreds: &[usize]) -> String {
    shreds.iter().map(|n| SHREDS[n % SHREDS.len()]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Two readers that share no code agree on what a page is.
    #[test]
    fn pages_of_any_shreds_stand_their_proof(shreds in proptest::collection::vec(0..1_000_usize, 0..60), form in 0..3_usize, top in any::<bool>()) {
        let page = page_of(&shreds);
        let (encoding, body) = match form {
            0 => ("8bit", page),
            1 => ("quoted-printable", quoted_printable::encode_to_str(&page)),
            _ => ("base64", STANDARD.encode(&page)),
        };
        let raw = format!("Subject: x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}");
        let copy = with_plan(|plan| {
            let switches = Switches { pixel: if top { PixelPlace::Top } else { PixelPlace::Bottom }, ..plan.switches.clone() };
            let stencil = Stencil::compile(raw.as_bytes(), &Plan { switches: &switches, ..*plan });
            let copy = String::from_utf8(stencil.stamp(raw.as_bytes(), DELIVERY, keys().current())).unwrap();
            assert_eq!(stencil.receipt().size_out, copy.len() as u64);
            copy
        });
        prop_assert_eq!(prove(&raw, &copy), Ok(()), "{}\n{}", raw, copy);
    }
}

#[test]
fn every_charset_is_read_alike_by_both_readers() {
    let iso: Vec<_> = (1..17).filter(|n| *n != 12).map(|n| format!("iso-8859-{n}")).collect();
    let windows: Vec<_> = (1250..1259).map(|n| format!("windows-{n}")).collect();
    let others = "us-ascii latin1 koi8-r koi8-u macintosh x-mac-cyrillic ibm866 tis-620 cp1252 gbk gb2312 gb18030 big5 \
        big5-hkscs euc-jp shift_jis sjis windows-31j x-sjis euc-kr ks_c_5601-1987 utf-8 utf8";
    for label in iso.iter().chain(&windows).map(String::as_str).chain(others.split_whitespace()) {
        let encoding =
            Encoding::for_label_no_replacement(label.as_bytes()).unwrap_or_else(|| panic!("{label} is known"));
        let fits = |c: &char| !encoding.encode(&c.to_string()).2;
        let letter = "\u{e9}\u{448}\u{3b1}\u{5d0}\u{627}\u{e01}\u{8868}\u{c548}".chars().find(fits).unwrap();
        let page = format!(
            "<p>{letter}</p><a href=\"https://a.example/\">x</a><a href=\"https://a.example/{letter}?q={letter}\">x</a>"
        );
        let body = STANDARD.encode(encoding.encode(&page).0);
        let raw =
            format!("Content-Type: text/html; charset={label}\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n");
        let (copy, stencil) = copy_of(&raw);
        assert_eq!((prove(&raw, &copy), stencil.links().len()), (Ok(()), 2), "{label}");
    }
}

#[path = "stencil_text_tests.rs"]
mod in_text;

#[test]
fn what_a_mail_grew_by_is_told_by_cause() {
    with_plan(|plan| {
        let growth = |raw: &str, plan: &Plan<'_>| {
            let stencil = Stencil::compile(raw.as_bytes(), plan);
            let (copy, receipt) =
                (stencil.stamp(raw.as_bytes(), DeliveryId::from_raw(1), keys().current()), stencil.receipt());
            let growth = receipt.growth;
            let all = growth.links + growth.pixel + growth.encoding + growth.headers;
            assert_eq!(i64::try_from(copy.len()).unwrap() - i64::try_from(raw.len()).unwrap(), all, "{raw}");
            growth
        };
        let link = "<a href=\"https://a.example/\">x</a>";
        let html = |encoding: &str, body: &str| {
            format!("Subject: x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n")
        };
        let plain = growth(&html("7bit", link), plan);
        let prepended = i64::try_from(PREPEND.len()).unwrap();
        assert_eq!((plain.encoding, plain.headers), (0, prepended), "{plain:?}");
        assert!(plain.links > 50 && plain.pixel > 150, "{plain:?}");
        // Encoded otherwise, the same is put in.
        let quoted = growth(&html("quoted-printable", &link.replace('=', "=3D")), plan);
        let base64 = growth(&html("base64", &STANDARD.encode(link)), plan);
        assert_eq!([(quoted.links, quoted.pixel), (base64.links, base64.pixel)], [(plain.links, plain.pixel); 2]);
        assert!(quoted.encoding > 0 && base64.encoding > (plain.links + plain.pixel) / 3 - 4);
        // Fields that go count as fields, and an attribute that goes as a link's.
        let opted_out = growth(&html("7bit", "<a href=\"https://a.example/\" data-no-track>x</a>"), plan);
        assert_eq!((opted_out.links, opted_out.pixel), (-14, plain.pixel), "{opted_out:?}");
        let off = Switches { opens: false, clicks: false, ..Switches::default() };
        let untracked = growth("Bcc: b@b.example\r\nSubject: x\r\n\r\nx\r\n", &Plan { switches: &off, ..*plan });
        assert_eq!(untracked, Growth { headers: prepended - 18, ..Growth::default() });
    });
}
