//! Charts as SVG, drawn on the server; each page puts a table of the same numbers beside them.

use std::fmt::Write as _;

use super::format::Written as _;

const HEIGHT: f64 = 200.0;
const TOP: f64 = 12.0;
const BASE: f64 = 176.0;
/// How far a line goes that has one point only, in hundredths of the width.
const ALONE: f64 = 4.0;

/// A horizontal bar in parts of a whole: class and share.
pub fn bar(parts: &[(&str, f64)], height: u32) -> String {
    let mut svg = format!("<svg class=\"hb\" height=\"{height}\" aria-hidden=\"true\">");
    let (y, thick) = if height > 20 { (2, 20) } else { (3, 8) };
    let _ = write!(svg, "<rect class=\"trk\" width=\"100%\" y=\"{y}\" height=\"{thick}\" rx=\"2\"/>");
    let mut x = 0.0;
    for (class, share) in parts {
        let width = (share * 100.0).clamp(0.0, 100.0 - x);
        if width > 0.0 {
            let _ = write!(
                svg,
                "<rect class=\"{class} gap\" x=\"{x:.2}%\" y=\"{y}\" width=\"{width:.2}%\" height=\"{thick}\"/>"
            );
        }
        x += width;
    }
    svg + "</svg>"
}

/// One line of a chart: its class, its name and its values.
pub struct Line<'a> {
    /// The style's class.
    pub class: &'a str,
    /// For the key.
    pub name: &'a str,
    /// One per label.
    pub values: Vec<i64>,
}

/// Lines over labelled points, with a key. `title` and `summary` are what a reader who sees no picture is told; neither
/// they nor the names hold text from outside.
pub fn lines(id: &str, title: &str, summary: &str, labels: &[String], lines: &[Line<'_>]) -> String {
    let mut svg = String::from("<div class=\"key\">");
    for line in lines {
        let mark = format!(
            "<svg aria-hidden=\"true\"><line class=\"ln {}\" x1=\"1\" x2=\"23\" y1=\"4\" y2=\"4\"/></svg>",
            line.class
        );
        let _ = write!(svg, "<span>{mark}{}</span>", line.name);
    }
    let _ = write!(
        svg,
        "</div><svg class=\"chart full\" height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"{id}t {id}d\"><title id=\"{id}t\">{title}</title>\
         <desc id=\"{id}d\">{summary}</desc><g class=\"grid\">"
    );
    let top = lines.iter().flat_map(|line| line.values.iter().copied()).max().unwrap_or(0).max(1);
    let y = |value: i64| BASE - (BASE - TOP) * ratio(value, top);
    for value in [0, top] {
        let (at, text) = (y(value), value.grouped());
        let _ = write!(svg, "<line x1=\"0\" x2=\"100%\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        let _ = write!(svg, "<text class=\"ax\" x=\"-8\" y=\"{:.1}\">{text}</text>", at + 4.0);
    }
    if let (Some(first), Some(end)) = (labels.first(), labels.last()) {
        let _ = write!(svg, "<text x=\"0\" y=\"194\">{first}</text>");
        if labels.len() > 1 {
            let _ = write!(svg, "<text class=\"fin\" x=\"100%\" y=\"194\">{end}</text>");
        }
    }
    // The curves stretch with the page; the words around them do not.
    let _ = write!(
        svg,
        "</g><svg viewBox=\"0 0 100 {HEIGHT}\" preserveAspectRatio=\"none\" width=\"100%\" height=\"{HEIGHT}\">"
    );
    let last = i64::try_from(labels.len().max(2) - 1).unwrap_or(1);
    let x = |n: usize| 100.0 * ratio(i64::try_from(n).unwrap_or(0), last);
    for line in lines {
        let mut path = String::new();
        for (n, value) in line.values.iter().enumerate() {
            let _ = write!(path, "{}{:.2} {:.1}", if n == 0 { "M" } else { "L" }, x(n), y(*value));
        }
        if let [only] = line.values.as_slice() {
            let _ = write!(path, "L{ALONE:.2} {:.1}", y(*only));
        }
        let _ = write!(svg, "<path class=\"ln {}\" d=\"{path}\"/>", line.class);
    }
    svg + "</svg></svg>"
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_pass_the_whole() {
        let svg = bar(&[("f-ink", 0.7), ("f-bad", 0.7)], 14);
        assert!(svg.contains("width=\"70.00%\"") && svg.contains("width=\"30.00%\""), "{svg}");
    }

    #[test]
    fn a_chart_of_one_point_or_none_is_drawn() {
        let line = |values| [Line { class: "l-human", name: "Opened", values }];
        assert!(lines("a", "t", "d", &["0 h".into()], &line(vec![3])).contains("M0.00"));
        assert!(!lines("a", "t", "d", &[], &line(vec![])).contains("NaN"));
    }
}
