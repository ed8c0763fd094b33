//! Styles of a mail without what loads, lifts or hides.

/// A style sheet or a list of declarations that names no address, imports nothing and positions nothing; the same text
/// otherwise. What is taken out leaves a blank, so that nothing grows together.
pub(super) fn tame(css: &str) -> String {
    // An escape could spell anything that is looked for below.
    let mut plain = without(css, "/*", "*/").replace('\\', " ");
    for mark in ["<!--", "-->"] {
        plain = plain.replace(mark, " ");
    }
    let plain = without_urls(&without_imports(&plain));
    ended_nowhere(&renamed(&plain, "position", "-not-position"))
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(open) {
        out.push_str(before);
        out.push(' ');
        rest = behind.split_once(close).map_or("", |(_, behind)| behind);
    }
    out + rest
}

fn without_imports(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = find(rest, "@import") {
        out.push_str(&rest[..at]);
        out.push(' ');
        rest = rest[at..].find([';', '}']).map_or("", |end| &rest[at + end + 1..]);
    }
    out + rest
}

/// `url(…)`, quoted or not, up to where it ends or the text does.
fn without_urls(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = find(rest, "url(") {
        out.push_str(&rest[..at]);
        out.push(' ');
        let inner = rest[at + 4..].trim_start();
        let behind = match inner.chars().next() {
            Some(quote @ ('"' | '\'')) => inner[1..].split_once(quote).map_or("", |(_, behind)| behind),
            _ => inner,
        };
        rest = behind.split_once(')').map_or("", |(_, behind)| behind);
    }
    out + rest
}

/// A property under another name, which none has.
fn renamed(css: &str, property: &str, name: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(at) = find(rest, property) {
        let (before, behind) = (&rest[..at], &rest[at + property.len()..]);
        let is_own_word = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii());
        out.push_str(before);
        if is_own_word && behind.trim_start().starts_with(':') {
            out.push_str(name);
        } else {
            out.push_str(&rest[at..at + property.len()]);
        }
        rest = behind;
    }
    out + rest
}

/// Where an ASCII word stands, whatever its case.
fn find(text: &str, word: &str) -> Option<usize> {
    let (bytes, word) = (text.as_bytes(), word.as_bytes());
    let (first, last) = (word.first()?, bytes.len().checked_sub(word.len())?);
    let starts = memchr::memchr2_iter(*first, first.to_ascii_uppercase(), bytes);
    starts.take_while(|at| *at <= last).find(|at| bytes[*at..*at + word.len()].eq_ignore_ascii_case(word))
}

/// No tag can begin in it, so that a style element ends where it ended.
fn ended_nowhere(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut chars = css.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '<' || matches!(chars.peek(), Some(' ' | '=')) {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_loads_or_lifts_is_gone() {
        for (css, wanted) in [
            ("color:red;margin:0 auto", "color:red;margin:0 auto"),
            ("background:#fff url(http://x.example/a.png) no-repeat", "background:#fff   no-repeat"),
            ("background:URL( \"a)b\" )", "background: "),
            ("a{background:url(x", "a{background: "),
            ("@import url(//x.example/a.css);p{color:red}", " p{color:red}"),
            ("@IMPORT \"x\"", " "),
            ("Position : fixed;top:0", "-not-position : fixed;top:0"),
            ("posi/**/tion:fixed", "posi tion:fixed"),
            ("po\\73ition:fixed", "po 73ition:fixed"),
            ("posurl(x)ition:fixed", "pos ition:fixed"),
            (
                "background-position:0 0;list-style-position:inside",
                "background-position:0 0;list-style-position:inside",
            ),
            ("--position:fixed", "--position:fixed"),
            ("<!-- p > b{x:y} -->", "  p > b{x:y}  "),
            ("p{}</sty\\le><script>", "p{}/sty le>script>"),
            ("@media (width <= 600px){}", "@media (width <= 600px){}"),
            ("<<</style", "/style"),
            ("/* open", " "),
        ] {
            assert_eq!(tame(css), wanted, "{css}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_left_that_was_looked_for(css in "[</!*\\\\ urlposition():;@importé\"'>-]{0,60}") {
            let tamed = tame(&css);
            let lower = tamed.to_ascii_lowercase();
            proptest::prop_assert!(!lower.contains("url(") && !lower.contains("@import") && !lower.contains("</"), "{}", tamed);
        }
    }
}
