use super::*;

/// Tokens of these tests: a letter and the position.
fn open(token: &str) -> Option<Place> {
    let digits = token.strip_prefix('T')?;
    let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((digits.parse().ok()?, format!("https://shop.example/{digits}?for=anna@own.example")))
}

fn badge((position, _): &Place) -> Badge {
    Badge {
        text: format!("{}", i64::from(*position) * 10),
        detail: "by people; \"7\" scanners".to_owned(),
        heat: Heat::of(i64::from(*position), 4),
    }
}

fn drawn_of(mail: &[u8]) -> Result<Drawing, &'static str> {
    draw(mail, &Legend { recipient: "anna@own.example", open: &open, badge: &badge })
}

fn drawn(page: &str) -> Drawing {
    let head =
        "From: a@b.example\r\nTo: Anna Lind <anna@own.example>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
    drawn_of(format!("{head}{page}").as_bytes()).unwrap()
}

/// What was made of the mail's own markup, numbers shortened.
fn inside(page: &str) -> String {
    let html = drawn(page).html;
    let (_, body) = html.split_once("</head>").unwrap();
    let mut short = String::new();
    let mut rest = body;
    while let Some((before, behind)) = rest.split_once("<postrider-badge ") {
        let (tag, behind) = behind.split_once('>').unwrap();
        assert!(tag.contains("display:inline-block!important"), "{tag}");
        let (text, behind) = behind.split_once("</postrider-badge>").unwrap();
        short += &format!("{before}({text})");
        rest = behind;
    }
    short + rest
}

#[test]
fn numbers_stand_behind_the_links_they_count() {
    for (page, wanted) in [
        (
            "<p><a href=\"https://t.example/c/T1\">One</a> and <a href='https://t.example/c/T1'>one</a></p>",
            "<p><a>One</a>(10) and <a>one</a>(10)</p>",
        ),
        ("<a href=https://old.example/c/T2>x</a>", "<a>x</a>(20)"),
        ("<a href=\" https://t.exam\nple/c&#47;T3 \"><b>x</b></a>y", "<a><b>x</b></a>(30)y"),
        ("<a href=\"https://t.example/c/T1\" href=\"https://t.example/c/T2\">x</a>", "<a>x</a>(10)"),
        ("<map><area alt=Anna href=\"https://t.example/c/T4\"></map>", "<span>[recipient]</span>(40)"),
        // Not closed, closed by the next one, or nested.
        ("<a href=https://t.example/c/T1>x <a href=https://t.example/c/T2>y", "<a>x (10)<a>y(20)"),
        ("<a href=https://t.example/c/T1>x<a href=https://t.example/c/T2>y</a></a>", "<a>x(10)<a>y</a>(20)</a>"),
        // Left alone.
        (
            "<a href=\"mailto:x@y.example\">m</a><a href=\"https://shop.example/c/\">s</a><a href=#top>t</a><a name=n>n</a>",
            "<a>m</a>(not tracked)<a>s</a>(not tracked)<a>t</a><a>n</a>",
        ),
        ("<a href=\"https://t.example/c/forged\">x</a>", "<a>x</a>(not tracked)"),
    ] {
        assert_eq!(inside(page), wanted, "{page}");
    }
    let both = drawn("<a href=https://t.example/c/T1>x</a><a href=https://t.example/c/T9>y</a>");
    assert_eq!(both.placed.into_iter().collect::<Vec<_>>(), [1, 9]);
    assert!(both.html.contains("title=\"by people; &quot;7&quot; scanners\""));
}

#[test]
fn nothing_of_a_page_acts_or_loads() {
    for (page, wanted) in [
        ("<script>x()</script>a", "a"),
        ("<p onclick=\"x()\" id=a style=\"color:red\">a</p>", "<p style=\"color:red\">a</p>"),
        ("<svg><a href=\"https://t.example/c/T1\"><text>x</text></a></svg>a", "a"),
        ("<math><mtext><style>a</style></mtext></math>a", "a"),
        ("<base href=//x.example><meta http-equiv=refresh content=0><link rel=preconnect href=//x.example>a", "a"),
        ("<iframe srcdoc=\"<p>x\"></iframe><object data=x></object><embed src=x>a", "a"),
        ("<form action=//x.example><input name=q><button formaction=x>Go</button><textarea>t</textarea></form>", "Go"),
        ("<video poster=//x.example></video><audio src=x></audio><picture><source srcset=//x.example>a</picture>", "a"),
        ("<noscript><p>x</noscript><template><p>y</template>a", "a"),
        (
            "<div style=\"position:fixed;inset:0;background:url(//x.example)\">a</div>",
            "<div style=\"-not-position:fixed;inset:0;background: \">a</div>",
        ),
        ("<div style=\"posi&#116;ion:absolute\">a</div>", "<div style=\"-not-position:absolute\">a</div>"),
        (
            "<style>@import '//x.example';p{position:sticky;background:url(//x.example)}</style>a",
            "<style> p{-not-position:sticky;background: }</style>a",
        ),
        ("<style>a{}</sty\\le><b>x</b></style>a", "<style>a{}/sty le>b>x/b></style>a"),
        ("<table background=\"//x.example\" bgcolor=\"#fff\"><td>a</table>", "<table bgcolor=\"#fff\"><td>a</table>"),
        ("<postrider-badge data-link=\"5\">999</postrider-badge>a", "999a"),
        ("&lt;postrider-badge data-link=\"5\">a", "&lt;postrider-badge data-link=&quot;5&quot;&gt;a"),
        (
            "<!--[if mso]><a href=\"https://t.example/c/T1\">x</a><![endif]-->a<!--[if !mso]><!-->b<!--<![endif]-->",
            "ab",
        ),
        ("<![if !mso]>a<![endif]><?php x ?><!doctype html>", "a"),
        ("<o:p>a</o:p><v:rect href=\"https://t.example/c/T1\">b</v:rect>", "ab"),
        ("a\0b<p\0>c", "a\u{fffd}bc"),
        // Not whole at the end.
        ("a<p onclick=x src=//x.example", "a<p>"),
        ("a<p title=\"<img src=//x.example>", "a<p>"),
        ("a<p title='<img src=//x.example>", "a<p>"),
        ("a<!-- <img src=//x.example>", "a"),
        ("a<", "a&lt;"),
        ("a</", "a"),
        ("a\"'>-->", "a&quot;'&gt;--&gt;"),
    ] {
        assert_eq!(inside(page), wanted, "{page}");
    }
    assert!(
        drawn("<svg><a href=https://t.example/c/T1>x</a></svg>").placed.is_empty(),
        "what is not shown is not placed"
    );
}

#[test]
fn images_are_boxes_with_their_text() {
    let drawn = |page: &str| inside(page);
    let hero = drawn(
        "<a href=https://t.example/c/T1><img src=//x.example/a.png width=600 height=\"300\" alt=\"A &lt;shoe&gt;\" style=\"display:block;height:auto;border:0\" class=hero></a>",
    );
    assert!(hero.starts_with("<a><span class=\"hero\" style=\"display:inline-block;max-width:100%;width:600px;aspect-ratio:600/300;display:block;border:0;"), "{hero}");
    assert!(hero.ends_with(">A &lt;shoe&gt;</span></a>(10)"), "{hero}");
    assert!(drawn("<img src=cid:x width=\"100%\">").contains("width:100%;"));
    assert!(drawn("<img alt='\" onload=\"x'>").contains("&quot; onload=&quot;x</span>"));
    assert_eq!(drawn("<img src=https://t.example/o/x.gif width=1 height=1>a<img width=600 height=1>"), "a");
}

#[test]
fn the_recipient_is_taken_out() {
    assert_eq!(
        inside("<p title=\"anna@own.example\">Dear Anna, anna&#64;own.example</p><p>https://x.example/?u=81</p>"),
        "<p>Dear [recipient], [recipient]</p><p>https://x.example/?u=*</p>"
    );
    let html = drawn("<a href=https://t.example/c/T1>x</a>").html;
    assert!(!html.contains("own.example"), "{html}");
}

#[test]
fn marks_that_turn_text_round_turn_no_number() {
    let html = drawn("<p dir=rtl>\u{202e}<a href=https://t.example/c/T1>x</a></p>").html;
    assert!(html.contains("unicode-bidi:isolate!important;direction:ltr!important"), "{html}");
}

#[test]
fn any_charset_is_read() {
    let mail = b"Content-Type: text/html; charset=iso-8859-1\r\n\r\n<meta charset=iso-8859-1><p>caf\xe9 <a href=https://t.example/c/T1>th\xe9</a></p>";
    let html = drawn_of(mail).unwrap().html;
    assert!(html.contains("<p>caf\u{e9} <a>th\u{e9}</a><postrider-badge"), "{html}");
}

#[test]
fn a_mail_of_text_has_numbers_behind_its_links() {
    let mail = "To: anna@own.example\r\n\r\nDear Anna <b>\r\nsee https://t.example/c/T1.\r\n(https://t.example/c/T2) https://shop.example/?c=8\r\n";
    let drawing = drawn_of(mail.as_bytes()).unwrap();
    assert!(!drawing.is_page);
    assert_eq!(drawing.placed.into_iter().collect::<Vec<_>>(), [1, 2]);
    let html = drawing.html;
    assert!(
        html.contains("Dear [recipient] &lt;b&gt;\nsee https://shop.example/1?for=* <postrider-badge")
            || html.contains("Dear [recipient] &lt;b&gt;\r\nsee https://shop.example/1?for=* <postrider-badge"),
        "{html}"
    );
    assert!(html.contains(") https://shop.example/?c=*"), "{html}");
}

#[test]
fn ten_thousand_links_and_broken_markup_are_survived() {
    let page = "<a href=https://x.example/>x</a>".repeat(10_000);
    let html = drawn(&page).html;
    assert_eq!(html.matches("not tracked").count(), 1_000);
    let tracked: String = (1..=1_000).map(|n| format!("<a href=https://t.example/c/T{n}>x</a>")).collect();
    assert_eq!(drawn(&tracked).placed.len(), 1_000);
    for page in [
        "",
        "<",
        "<a href=",
        "<a href=\"",
        "<style>",
        "<!--",
        "</a></a>",
        "<table><a href=https://t.example/c/T1>",
        "<svg><svg>",
    ] {
        drawn(page);
    }
    drawn(&"<div>".repeat(20_000));
    let long = format!("Content-Type: text/html\r\n\r\n{}", "x".repeat(PAGE_MAX + 1));
    assert!(drawn_of(long.as_bytes()).is_err());
}

#[test]
fn heat_is_a_share_of_the_most() {
    let heats = [0, 1, 25, 26, 51, 76, 100].map(|n| Heat::of(n, 100));
    assert_eq!(heats, [Heat::None, Heat::Low, Heat::Low, Heat::Middle, Heat::High, Heat::Most, Heat::Most]);
    assert_eq!(Heat::of(0, 0), Heat::None);
}

proptest::proptest! {
    #[test]
    fn whatever_comes_nothing_acts(page in "(<|</|>|\"|'|=|a |href|style|svg|script|img src|on|-->|<!--|&|\\\\|x|\\PC){0,40}") {
        let mail = format!("Content-Type: text/html; charset=utf-8\r\n\r\n{page}");
        let html = drawn_of(mail.as_bytes()).unwrap().html;
        let (_, body) = html.split_once("</head>").unwrap();
        // Read by another parser than the one that drew it.
        for token in html5gum::Tokenizer::new(body).flatten() {
            let name = |name: &html5gum::HtmlString| String::from_utf8_lossy(name).into_owned();
            match token {
                html5gum::Token::StartTag(tag) => {
                    let attributes: Vec<_> = tag.attributes.keys().map(name).collect();
                    let element = name(&tag.name);
                    proptest::prop_assert!(page::is_kept(&element, &attributes), "{} {:?}", element, attributes);
                }
                html5gum::Token::Comment(comment) => proptest::prop_assert!(false, "{}", name(&comment)),
                _ => {}
            }
        }
    }
}
