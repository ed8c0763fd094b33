//! Charts as SVG, drawn on the server; each page puts a table of the same numbers beside them.

use std::fmt::Write as _;

const HEIGHT: f64 = 200.0;
const TOP: f64 = 12.0;
const BASE: f64 = 176.0;

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
        "</div><svg class=\"chart\" viewBox=\"0 0 640 {HEIGHT}\" preserveAspectRatio=\"none\" height=\"{HEIGHT}\" role=\"img\" \
         aria-labelledby=\"{id}t {id}d\"><title id=\"{id}t\">{title}</title><desc id=\"{id}d\">{summary}</desc>"
    );
    let top = lines.iter().flat_map(|line| line.values.iter().copied()).max().unwrap_or(0).max(1);
    let y = |value: i64| BASE - (BASE - TOP) * ratio(value, top);
    for value in [0, top] {
        let at = y(value);
        let _ = write!(
            svg,
            "<g class=\"grid\"><line x1=\"46\" x2=\"632\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text x=\"40\" y=\"{:.1}\" text-anchor=\"end\">{value}</text></g>",
            at + 4.0
        );
    }
    let last = i64::try_from(labels.len().max(2) - 1).unwrap_or(1);
    let x = |n: usize| 46.0 + 586.0 * ratio(i64::try_from(n).unwrap_or(0), last);
    for line in lines {
        let mut path = String::new();
        for (n, value) in line.values.iter().enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if n == 0 { "M" } else { "L" }, x(n), y(*value));
        }
        if let [only] = line.values.as_slice() {
            let _ = write!(path, "L{:.1} {:.1}", x(1), y(*only));
        }
        let _ = write!(svg, "<path class=\"ln {}\" fill=\"none\" d=\"{path}\"/>", line.class);
    }
    if let (Some(first), Some(end)) = (labels.first(), labels.last()) {
        let _ = write!(svg, "<g class=\"grid\"><text x=\"46\" y=\"194\">{first}</text>");
        if labels.len() > 1 {
            let _ = write!(svg, "<text x=\"632\" y=\"194\" text-anchor=\"end\">{end}</text>");
        }
        svg.push_str("</g>");
    }
    svg + "</svg>"
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
        assert!(lines("a", "t", "d", &["0 h".into()], &line(vec![3])).contains("M46.0"));
        assert!(!lines("a", "t", "d", &[], &line(vec![])).contains("NaN"));
    }
}
