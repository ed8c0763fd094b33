//! A mail's HTML as a page may show it. The frame that holds it loads nothing; but browsers connect ahead of time to what
//! some elements name, policy or not, and a connection alone tells somebody that the mail was looked at.

use lol_html::{Settings, element, rewrite_str};

/// Elements that make a browser connect before anything is loaded, or that never show anything in such a frame. What
/// stands in `noscript` is no markup to the parser here, but it is to a browser without script.
const NOT_SHOWN: &str = "link, meta, base, script, noscript, iframe, frame, frameset, object, embed, portal";

/// The HTML without them; none when it cannot be read.
pub fn quiet(html: &str) -> Option<String> {
    let settings = Settings::new().with_strict(false).append_element_content_handler(element!(NOT_SHOWN, |element| {
        element.remove();
        Ok(())
    }));
    rewrite_str(html, settings).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_that_connect_are_gone() {
        for gone in [
            "<link rel=preconnect href=//a.example>",
            "<IFRAME src=//a.example>x</IFRAME>",
            "<noscript><link rel=preconnect href=//a.example></noscript>",
            "<meta http-equiv=refresh content=0>",
        ] {
            assert_eq!(quiet(&format!("<p>a</p>{gone}<p>b</p>")).as_deref(), Some("<p>a</p><p>b</p>"), "{gone}");
        }
    }
}
