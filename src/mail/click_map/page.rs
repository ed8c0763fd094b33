//! An HTML part of a mail, drawn.

use std::cell::RefCell;
use std::rc::Rc;

use lol_html::html_content::{ContentType, Element, TextChunk, TextType};
use lol_html::{MemorySettings, Settings, doc_comments, doc_text, doctype, element, rewrite_str};

use super::person::Person;
use super::{Legend, badge, escaped, place, style};

/// The parser's own memory, in octets.
const MEMORY_MAX: usize = 8 << 20;
/// Links that are marked as not tracked.
const QUIET_MAX: usize = 1_000;

/// Elements that lay out a page; all others give way to what is in them.
const KEPT: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "body",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "nobr",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];
/// Elements that go with all that is in them: they load, run, ask, or are no HTML.
const GONE: &[&str] = &[
    "applet",
    "audio",
    "base",
    "canvas",
    "embed",
    "frame",
    "frameset",
    "iframe",
    "input",
    "link",
    "math",
    "meta",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "plaintext",
    "portal",
    "script",
    "select",
    "source",
    "svg",
    "template",
    "textarea",
    "title",
    "track",
    "video",
    "xmp",
];
/// Attributes that lay out a page; their values load nothing.
const ATTRIBUTES: &[&str] = &[
    "align",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "class",
    "color",
    "colspan",
    "dir",
    "face",
    "height",
    "lang",
    "nowrap",
    "role",
    "rowspan",
    "scope",
    "size",
    "start",
    "style",
    "type",
    "valign",
    "width",
];

/// Ends whatever a page leaves open at its end, a quoted value, a tag or a comment: the parser hands on as it is what is
/// not whole.
const ENDS: &str = "\"'>-->";
/// What is drawn of it, where it was text and where it ended a tag.
const ENDS_DRAWN: [&str; 2] = ["&quot;'&gt;--&gt;", "--&gt;"];

/// What happens to an element.
enum Fate {
    Kept,
    Link,
    Image,
    Gone,
    Opened,
}

fn fate(name: &str) -> Fate {
    match name {
        "a" | "area" => Fate::Link,
        "img" | "image" => Fate::Image,
        _ if KEPT.contains(&name) => Fate::Kept,
        _ if GONE.contains(&name) => Fate::Gone,
        _ => Fate::Opened,
    }
}

struct Work<'a> {
    legend: &'a Legend<'a>,
    person: &'a Person,
    /// What belongs behind the link that is open.
    behind: Rc<RefCell<Option<String>>>,
    /// A text so far, since it may come in pieces.
    text: String,
    quiet: usize,
}

/// Draws a page. None when it cannot be read.
pub(super) fn draw(html: &str, legend: &Legend<'_>, person: &Person) -> Option<String> {
    // No page holds a NUL (WHATWG HTML, 13.2.5).
    let html = html.replace('\0', "\u{fffd}") + ENDS;
    let behind = Rc::new(RefCell::new(None));
    let work = RefCell::new(Work { legend, person, behind: Rc::clone(&behind), text: String::new(), quiet: 0 });
    let settings = Settings::new()
        .with_strict(false)
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX))
        .append_element_content_handler(element!("*", |element| {
            work.borrow_mut().element(element);
            Ok(())
        }))
        .append_document_content_handler(doc_text!(|chunk| {
            work.borrow_mut().text(chunk);
            Ok(())
        }))
        .append_document_content_handler(doc_comments!(|comment| {
            comment.remove();
            Ok(())
        }))
        .append_document_content_handler(doctype!(|doctype| {
            doctype.remove();
            Ok(())
        }));
    let mut drawn = rewrite_str(&html, settings).ok()?;
    if let Some(ends) = ENDS_DRAWN.iter().find(|ends| drawn.ends_with(**ends)) {
        drawn.truncate(drawn.len() - ends.len());
    }
    // A link that was not closed ends with the page.
    drawn += behind.borrow_mut().take().unwrap_or_default().as_str();
    Some(drawn)
}

impl Work<'_> {
    fn element(&mut self, element: &mut Element<'_, '_>) {
        match fate(&element.tag_name()) {
            Fate::Kept => keep(element),
            Fate::Gone => element.remove(),
            Fate::Opened => element.remove_and_keep_content(),
            Fate::Image => {
                let drawn = self.image(element);
                element.replace(&drawn, ContentType::Html);
            }
            Fate::Link => self.link(element),
        }
    }

    fn link(&mut self, element: &mut Element<'_, '_>) {
        // Of two attributes of a name browsers take the first.
        let href = element.attributes().iter().find(|attribute| attribute.name() == "href");
        let href = href.map(|attribute| htmlize::unescape_attribute(attribute.value().as_str()).into_owned());
        let number = href.and_then(|href| self.number(&href));
        // A link that was not closed ends where the next one begins.
        if let Some(before) = self.behind.borrow_mut().take() {
            element.before(&before, ContentType::Html);
        }
        if element.tag_name() == "area" {
            let alt = self.attribute(element, "alt");
            let drawn = number.map(|number| format!("<span>{}</span>{number}", escaped(&alt)));
            element.replace(&drawn.unwrap_or_default(), ContentType::Html);
            return;
        }
        keep(element);
        let Some(number) = number else { return };
        *self.behind.borrow_mut() = Some(number);
        let behind = Rc::clone(&self.behind);
        if let Some(handlers) = element.end_tag_handlers() {
            handlers.push(Box::new(move |end| {
                end.after(&behind.borrow_mut().take().unwrap_or_default(), ContentType::Html);
                Ok(())
            }));
        }
    }

    /// What stands behind a link with this address.
    fn number(&mut self, href: &str) -> Option<String> {
        let href: String = href.trim_matches(|c: char| c <= ' ').split(['\t', '\r', '\n']).collect();
        if let Some(place) = place(&href, self.legend) {
            return Some((self.legend.badge)(&place).html(place.0));
        }
        if href.is_empty() || href.starts_with('#') || self.quiet >= QUIET_MAX {
            return None;
        }
        self.quiet += 1;
        let scheme = href.split(':').next().unwrap_or_default().to_ascii_lowercase();
        Some(badge::quiet(match scheme.as_str() {
            "mailto" => "It writes a mail.",
            "tel" | "sms" => "It makes a call.",
            _ => "It was left alone; the receipt of the mail says why.",
        }))
    }

    /// A box of an image's size with its text; nothing for what cannot be seen, as pixels.
    fn image(&self, element: &Element<'_, '_>) -> String {
        let attribute = |name| element.get_attribute(name).unwrap_or_default();
        let number = |name| attribute(name).trim().trim_end_matches("px").parse::<u32>().ok();
        let (width, height) = (number("width"), number("height"));
        if width.is_some_and(|n| n <= 2) || height.is_some_and(|n| n <= 2) {
            return String::new();
        }
        let mut size = match (width, height) {
            (Some(width), Some(height)) => format!("width:{width}px;aspect-ratio:{width}/{height};"),
            (Some(width), None) => format!("width:{width}px;min-height:48px;"),
            (None, Some(height)) => format!("min-width:{height}px;height:{height}px;"),
            (None, None) => "min-width:48px;min-height:48px;".to_owned(),
        };
        if attribute("width").trim().ends_with('%') {
            size = "width:100%;min-height:48px;".to_owned();
        }
        let own = style::tame(&htmlize::unescape_attribute(attribute("style").as_str()));
        // A box has no ratio that `auto` could keep to, but for the one given above.
        let own = own.split(';').filter(|line| !is_auto_height(line)).collect::<Vec<_>>().join(";");
        let class = attribute("class");
        let alt = self.attribute(element, "alt");
        format!(
            "<span class=\"{}\" style=\"display:inline-block;max-width:100%;{size}{};box-sizing:border-box;overflow:hidden;\
             background:#e9eeeb;border:1px dashed #84908a;color:#33413b;font:12px/1.3 Arial,sans-serif;padding:3px;\
             white-space:normal;text-align:center;vertical-align:middle\">{}</span>",
            escaped(&htmlize::unescape_attribute(class.as_str())),
            escaped(&own),
            escaped(&alt)
        )
    }

    /// An attribute as text for readers.
    fn attribute(&self, element: &Element<'_, '_>, name: &str) -> String {
        let value = element.get_attribute(name).unwrap_or_default();
        self.person.blanked(&htmlize::unescape_attribute(value.as_str()))
    }

    fn text(&mut self, chunk: &mut TextChunk<'_>) {
        self.text.push_str(chunk.as_str());
        if !chunk.last_in_text_node() {
            chunk.remove();
            return;
        }
        let text = std::mem::take(&mut self.text);
        let drawn = match chunk.text_type() {
            TextType::RawText => style::tame(&text),
            TextType::Data => escaped(&self.person.blanked(&htmlize::unescape(text.as_str()))),
            TextType::PlainText | TextType::RCData | TextType::ScriptData | TextType::CDataSection => String::new(),
        };
        chunk.replace(&drawn, ContentType::Html);
    }
}

fn is_auto_height(declaration: &str) -> bool {
    declaration.split_once(':').is_some_and(|(name, value)| {
        name.trim().eq_ignore_ascii_case("height") && value.trim_start().to_ascii_lowercase().starts_with("auto")
    })
}

/// Keeps an element with what lays it out.
fn keep(element: &mut Element<'_, '_>) {
    let names: Vec<_> = element.attributes().iter().map(lol_html::html_content::Attribute::name).collect();
    for name in names {
        if !ATTRIBUTES.contains(&name.as_str()) {
            element.remove_attribute(&name);
        }
    }
    // A name that no page could give an attribute by script cannot be taken away either; then the tag goes.
    if element.attributes().iter().any(|attribute| !ATTRIBUTES.contains(&attribute.name().as_str())) {
        return element.remove_and_keep_content();
    }
    if let Some(own) = element.get_attribute("style") {
        let tamed = style::tame(&htmlize::unescape_attribute(own.as_str())).replace('&', "&amp;");
        if element.set_attribute("style", &tamed).is_err() {
            element.remove_attribute("style");
        }
    }
}

/// Whether a drawn page may have such an element.
#[cfg(test)]
pub(super) fn is_kept(element: &str, attributes: &[String]) -> bool {
    KEPT.contains(&element) && attributes.iter().all(|attribute| ATTRIBUTES.contains(&attribute.as_str()))
}
