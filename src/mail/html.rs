//! Finds, in one HTML part, where links, the pixel and opt-out attributes stand, as byte ranges. It changes nothing: the
//! page is read by a streaming parser, and whoever wants a change splices bytes.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use encoding_rs::Encoding;
use lol_html::errors::SelectorError;
use lol_html::html_content::{Element, TextChunk, TextType};
use lol_html::{
    AsciiCompatibleEncoding, ElementContentHandlers, HtmlRewriter, MemorySettings, Selector, Settings, doc_comments,
};

use super::conditional;
use super::link::{self, Rules};
use super::tags;

/// The parser's own memory, in octets.
const MEMORY_MAX: usize = 8 << 20;
/// A link's text is kept up to here, in characters.
const LABEL_MAX: usize = 200;
/// Elements whose content is no HTML.
const RAW_TEXT: &str = "script, style, title, textarea, xmp, iframe, noembed, noframes, noscript, plaintext";

/// Anchors and areas of image maps; in what Outlook alone reads, also the shapes of VML: its vector buttons are links.
const LINKS: &[&str] = &[
    "a",
    "area",
    "v\\:arc",
    "v\\:curve",
    "v\\:group",
    "v\\:image",
    "v\\:line",
    "v\\:oval",
    "v\\:polyline",
    "v\\:rect",
    "v\\:roundrect",
    "v\\:shape",
];

/// What is looked for.
struct Places {
    links: Selector,
    images: Selector,
    raw_texts: Selector,
    bodies: Selector,
}

impl Places {
    fn parse(names: &[&str]) -> Result<Self, SelectorError> {
        let each =
            |behind: &str| names.iter().map(|name| format!("{name}[href]{behind}")).collect::<Vec<_>>().join(", ");
        let (links, images) = (each("").parse()?, each(" img[alt]").parse()?);
        Ok(Self { links, images, raw_texts: RAW_TEXT.parse()?, bodies: "body".parse()? })
    }
}

/// Parsed once.
type Parsed = LazyLock<Result<Places, SelectorError>>;
static OF_PAGES: Parsed = LazyLock::new(|| Places::parse(&LINKS[..2]));
static OF_CONDITIONALS: Parsed = LazyLock::new(|| Places::parse(LINKS));

/// A link found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLink {
    /// Its attribute's value, without quotes.
    pub value: Range<usize>,
    /// What is shown: its text, else its image's alternative text.
    pub label: String,
    /// Where it leads, or why it is left alone together with how it was written.
    pub verdict: Result<String, (String, &'static str)>,
}

/// What one part holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// In document order.
    pub links: Vec<FoundLink>,
    /// Opt-out attributes, to be cut out.
    pub opt_outs: Vec<Range<usize>>,
    /// Where a pixel belongs at the bottom, and which place that is.
    pub pixel: Option<(usize, &'static str)>,
    /// Where one belongs at the top; a page without `<body>` has no such place.
    pub pixel_on_top: Option<usize>,
}

#[derive(Debug)]
struct Raw {
    value: Range<usize>,
    label: String,
    alt: String,
    opted_out: bool,
}

#[derive(Debug, Default)]
struct Seen {
    links: Vec<Raw>,
    opt_outs: Vec<Range<usize>>,
    comments: Vec<Range<usize>>,
    raw_texts: Vec<Range<usize>>,
    body: Option<usize>,
}

/// Reads a part. The error says why it must stay as it is.
pub fn find(page: &[u8], encoding: &'static Encoding, rules: Rules<'_>) -> Result<Found, String> {
    let ascii = AsciiCompatibleEncoding::new(encoding)
        .ok_or_else(|| format!("its charset {} cannot be edited in place", encoding.name()))?;
    let mut seen = read(page, ascii, &OF_PAGES)?;
    let conditionals: Vec<_> = seen.comments.iter().filter_map(|comment| conditional::shown(page, comment)).collect();
    for inner in conditionals {
        let within = page.get(inner.clone()).unwrap_or_default();
        let deeper = read(within, ascii, &OF_CONDITIONALS)?;
        let shift = |range: Range<usize>| range.start + inner.start..range.end + inner.start;
        seen.opt_outs.extend(deeper.opt_outs.into_iter().map(shift));
        seen.links.extend(deeper.links.into_iter().map(|raw| Raw { value: shift(raw.value.clone()), ..raw }));
    }
    seen.links.sort_by_key(|raw| raw.value.start);
    let (pixel, pixel_on_top) = (pixel_place(page, &seen), seen.body.map(|body| behind_body(page, body, &seen)));
    let links = seen.links.into_iter().map(|raw| judge(page, encoding, raw, rules)).collect();
    Ok(Found { links, opt_outs: seen.opt_outs, pixel, pixel_on_top })
}

fn judge(page: &[u8], encoding: &'static Encoding, raw: Raw, rules: Rules<'_>) -> FoundLink {
    let text = clean(&htmlize::unescape(raw.label.as_str()));
    // Where images are not loaded, the alternative text is what is shown.
    let text = if text.is_empty() { clean(&htmlize::unescape(raw.alt.as_str())) } else { text };
    let bytes = page.get(raw.value.clone()).unwrap_or_default();
    let verdict = match link::target(bytes, encoding) {
        Ok(target) if raw.opted_out => Err((target.url, link::OPTED_OUT)),
        Ok(target) => match link::objection(&target, &text, rules) {
            None => Ok(target.url),
            Some(why) => Err((target.url, why)),
        },
        Err(why) => {
            let written = encoding.decode_without_bom_handling(bytes).0;
            Err((shorten(&clean(&htmlize::unescape_attribute(written))), why))
        }
    };
    let label = shorten(&text);
    FoundLink { value: raw.value, label, verdict }
}

fn clean(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

fn shorten(text: &str) -> String {
    text.chars().take(LABEL_MAX).collect()
}

fn read(page: &[u8], encoding: AsciiCompatibleEncoding, places: &Parsed) -> Result<Seen, String> {
    let places = places.as_ref().map_err(ToString::to_string)?;
    let seen = RefCell::new(Seen::default());
    {
        let memory = MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX);
        let handlers = ElementContentHandlers::default;
        let links = handlers()
            .element(|element: &mut Element<'_, '_>| {
                found(page, element, &mut seen.borrow_mut());
                Ok(())
            })
            .text(|chunk: &mut TextChunk<'_>| {
                let seen = &mut *seen.borrow_mut();
                if let Some(raw) = seen.links.last_mut().filter(|raw| raw.label.len() < LABEL_MAX * 8) {
                    raw.label.push_str(chunk.as_str());
                }
                Ok(())
            });
        let images = handlers().element(|image: &mut Element<'_, '_>| {
            let seen = &mut *seen.borrow_mut();
            if let Some(raw) = seen.links.last_mut().filter(|raw| raw.alt.is_empty()) {
                raw.alt = image.get_attribute("alt").unwrap_or_default();
            }
            Ok(())
        });
        let raw_texts = handlers()
            .element(|element: &mut Element<'_, '_>| {
                let end = element.source_location().bytes().end;
                seen.borrow_mut().raw_texts.push(end..end);
                Ok(())
            })
            .text(|chunk: &mut TextChunk<'_>| {
                if chunk.text_type() != TextType::Data {
                    seen.borrow_mut().raw_texts.push(chunk.source_location().bytes());
                }
                Ok(())
            });
        let bodies = handlers().element(|body: &mut Element<'_, '_>| {
            let end = body.source_location().bytes().end;
            seen.borrow_mut().body.get_or_insert(end);
            Ok(())
        });
        let settings = Settings::new()
            .with_encoding(encoding)
            .with_strict(false)
            .with_memory_settings(memory)
            .append_element_content_handler((Cow::Borrowed(&places.links), links))
            .append_element_content_handler((Cow::Borrowed(&places.images), images))
            .append_element_content_handler((Cow::Borrowed(&places.raw_texts), raw_texts))
            .append_element_content_handler((Cow::Borrowed(&places.bodies), bodies))
            .append_document_content_handler(doc_comments!(|comment| {
                seen.borrow_mut().comments.push(comment.source_location().bytes());
                Ok(())
            }));
        let mut reader = HtmlRewriter::new(settings, |_: &[u8]| {});
        reader.write(page).map_err(|e| format!("its HTML could not be read: {e}"))?;
        reader.end().map_err(|e| format!("its HTML could not be read: {e}"))?;
    }
    Ok(seen.into_inner())
}

fn found(page: &[u8], element: &Element<'_, '_>, seen: &mut Seen) {
    let mut opted_out = false;
    let mut href = None;
    for attribute in element.attributes() {
        let name = attribute.name();
        // Browsers take the first of several attributes of a name.
        if name == "href" && href.is_none() {
            href = Some(attribute.value_source_location().map(|place| place.bytes()));
        } else if link::is_opt_out(&name, &attribute.value())
            && let Some(place) = attribute.name_source_location()
        {
            opted_out = true;
            seen.opt_outs.push(attribute_range(page, place.bytes()));
        }
    }
    if let Some(Some(value)) = href {
        let ranges = Raw { value, label: String::new(), alt: String::new(), opted_out };
        seen.links.push(ranges);
    }
}

/// An attribute with the blanks before it, from where its name stands; where nothing else would part its neighbours, the
/// blanks stay.
fn attribute_range(page: &[u8], name: Range<usize>) -> Range<usize> {
    let at = |n: usize| page.get(n).copied().unwrap_or(b'>');
    let blank = |n: usize| at(n).is_ascii_whitespace();
    let mut end = name.end;
    let mut probe = end;
    while blank(probe) {
        probe += 1;
    }
    if at(probe) == b'=' {
        end = probe + 1;
        while blank(end) {
            end += 1;
        }
        let quote = at(end);
        if quote == b'"' || quote == b'\'' {
            end = page.get(end + 1..).and_then(|rest| memchr::memchr(quote, rest)).map_or(end, |n| end + n + 2);
        } else {
            while !blank(end) && at(end) != b'>' {
                end += 1;
            }
        }
    }
    let mut start = name.start;
    let parted = blank(end) || at(end) == b'>';
    while parted && start > 0 && blank(start - 1) {
        start -= 1;
    }
    start..end
}

/// Before the last `</body>`, else before the last `</html>`, else at the end, before the white space there: a mail that ended
/// without a line break would get another on its way (RFC 5321 section 4.1.1.4), and blanks at the end of a line may be
/// dropped on it (RFC 2045 section 6.7). Never inside a tag, a comment, a script or a style, where nobody would load it.
fn pixel_place(page: &[u8], seen: &Seen) -> Option<(usize, &'static str)> {
    let mut hidden: Vec<_> = seen.comments.iter().chain(&seen.raw_texts).cloned().collect();
    hidden.sort_by_key(|range| (range.start, range.end));
    let ends = tags::walk(page, hidden.into_iter());
    if let Some(at) = ends.body {
        return Some((at, "before </body>"));
    }
    if let Some(at) = ends.html {
        return Some((at, "before </html>"));
    }
    let at_end = |range: &&Range<usize>| range.end >= page.len();
    let open = |comment: &Range<usize>| {
        let text = page.get(comment.clone()).unwrap_or_default();
        !(text.ends_with(b"-->") || text.ends_with(b"--!>") || (text.ends_with(b">") && !text.starts_with(b"<!--")))
    };
    let swallowed = seen.comments.iter().filter(at_end).any(open) || seen.raw_texts.iter().any(|text| at_end(&text));
    (!swallowed && !ends.open).then_some((page.trim_ascii_end().len(), "at the end"))
}

/// Just behind `<body …>`, and where that is itself shown on a condition, behind the condition's end.
fn behind_body(page: &[u8], body: usize, seen: &Seen) -> usize {
    let blanks = page.get(body..).unwrap_or_default().iter().take_while(|b| b.is_ascii_whitespace()).count();
    let ends = |comment: &&Range<usize>| {
        let text = page.get((**comment).clone()).unwrap_or_default().to_ascii_lowercase();
        comment.start == body + blanks && memchr::memmem::find(&text, b"<![endif]").is_some()
    };
    seen.comments.iter().find(ends).map_or(body, |comment| comment.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::plan::Switches;
    use encoding_rs::UTF_8;

    fn find_in(page: &str) -> Found {
        let switches = Switches::default();
        let rules = Rules { switches: &switches, tracking_host: "track.example", unsubscribe_urls: &[] };
        find(page.as_bytes(), UTF_8, rules).unwrap()
    }

    fn targets(page: &str) -> Vec<String> {
        find_in(page).links.into_iter().filter_map(|link| link.verdict.ok()).collect()
    }

    #[test]
    fn links_of_every_spelling_are_found() {
        let page = "<A HREF='https://a.example/1'>x</A><a class=b href = https://a.example/2>y</a>\
            <area href=\"https://a.example/3\"><a href=\"https://a.example/4\" href=\"https://a.example/no\">z</a>\
            <link href=\"https://a.example/no\"><base href=\"https://a.example/no\"><script>\"<a href='https://no.example'>\"</script>\
            <!-- <a href=\"https://a.example/no\">old</a> -->\
            <!--[if mso]><v:roundrect href=\"https://a.example/5\"><a href=\"https://a.example/6\">b</a></v:roundrect><![endif]-->\
            <!--[if !mso]><!--><a href=\"https://a.example/7\">c</a><!--<![endif]-->";
        let wanted: Vec<_> = (1..=7).map(|n| format!("https://a.example/{n}")).collect();
        assert_eq!(targets(page), wanted);
        for link in find_in(page).links {
            assert!(page[link.value.clone()].starts_with("https://a.example/"), "{link:?}");
        }
    }

    #[test]
    fn labels_are_texts_or_alternative_texts() {
        let page = "<a href=\"https://a.example/\"> Read <b>all</b>\r\n of &amp; it</a>\
            <a href=\"https://a.example/\"><img src=x alt=\"A shoe\"></a><img alt=other><a href=\"https://a.example/\"></a>";
        let labels: Vec<_> = find_in(page).links.into_iter().map(|link| link.label).collect();
        assert_eq!(labels, ["Read all of & it", "A shoe", ""]);
    }

    #[test]
    fn opt_outs_are_cut_and_obeyed() {
        for (page, left) in [
            ("<a href=\"https://a.example/\" data-no-track>x</a>", "<a href=\"https://a.example/\">x</a>"),
            ("<a data-pm-no-track=\"\" href=https://a.example/>x</a>", "<a href=https://a.example/>x</a>"),
            ("<a clicktracking = off href=https://a.example/>x</a>", "<a href=https://a.example/>x</a>"),
            ("<a href=https://a.example ses:no-track/>x</a>", "<a href=https://a.example />x</a>"),
        ] {
            let found = find_in(page);
            assert!(found.links.iter().all(|link| link.verdict.is_err()), "{page}");
            let cut = &found.opt_outs[0];
            assert_eq!(format!("{}{}", &page[..cut.start], &page[cut.end..]), left);
        }
    }

    #[test]
    fn the_pixel_goes_where_it_is_loaded() {
        for (page, at) in [
            ("<html><body>x</body></html>", "</body></html>"),
            ("<body>x</BODY >y", "</BODY >y"),
            ("<p>x</p>", ""),
            ("<p>x</p>\r\n", "\r\n"),
            ("<p>x</p>\r\n   \r\n  ", "\r\n   \r\n  "),
            ("<p>x</html>", "</html>"),
            ("<body>x</body><!-- </body> -->", "</body><!-- </body> -->"),
            ("<script>'</body>'</script>x", ""),
            ("<!-- </body> -->x", ""),
        ] {
            let (found, _) = find_in(page).pixel.unwrap();
            assert_eq!(&page[found..], at, "{page}");
        }
        assert_eq!(find_in("x<style>a").pixel, None);
        assert_eq!(find_in("x<!-- a").pixel, None);
        assert_eq!(find_in("<p>x</").pixel, None);
    }

    #[test]
    fn odd_pages_are_read_without_harm() {
        for page in ["", "<", "<a href=", "<a href=\"", "<!--[if mso]>", "<!--[if mso]><![", "\0<a\0href=\0>"] {
            find_in(page);
        }
    }
}
