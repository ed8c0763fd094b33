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

fn whisker(svg: &mut String, (low, high): (f64, f64), y: u32, half: u32) {
    let (low, high) = (percent(low), percent(high));
    let (top, end) = (y - half, y + half);
    let _ = write!(svg, "<g class=\"wh\"><line x1=\"{low}%\" x2=\"{high}%\" y1=\"{y}\" y2=\"{y}\"/>");
    for x in [low, high] {
        let _ = write!(svg, "<line x1=\"{x}%\" x2=\"{x}%\" y1=\"{top}\" y2=\"{end}\"/>");
    }
    svg.push_str("</g>");
}

/// Parts of a whole from 0 to 100%, with intervals on them and what is usual below.
pub fn band(parts: &[(&str, f64)], intervals: &[(f64, f64)], usual: Option<(f64, f64)>) -> String {
    let mut svg = bar(parts, if usual.is_some() { 18 } else { 14 });
    svg.truncate(svg.len() - "</svg>".len());
    intervals.iter().for_each(|interval| whisker(&mut svg, *interval, 7, 4));
    if let Some((low, high)) = usual {
        let (x, width) = (percent(low), percent((high - low).max(0.004)));
        let _ = write!(svg, "<rect class=\"us\" x=\"{x}%\" width=\"{width}%\" y=\"14\" height=\"4\"/>");
    }
    svg + "</svg>"
}

/// A rate with its interval on a scale of its own, from 0, on grey that is what is usual.
pub fn gauge(rate: f64, interval: (f64, f64), usual: Option<(f64, f64)>) -> String {
    let scale = scale(usual.map_or(interval.1, |usual| usual.1.max(interval.1)) * 1.1);
    let mut svg = "<svg class=\"hb\" height=\"14\" aria-hidden=\"true\"><rect class=\"trk\" width=\"100%\" y=\"3\" height=\"8\" rx=\"2\"/>".to_owned();
    if let Some((low, high)) = usual {
        let (x, width) = (percent(low / scale), percent(((high - low) / scale).max(0.01)));
        let _ = write!(svg, "<rect class=\"us\" x=\"{x}%\" width=\"{width}%\" y=\"3\" height=\"8\"/>");
    }
    whisker(&mut svg, (interval.0 / scale, interval.1 / scale), 7, 4);
    let _ = write!(svg, "<circle class=\"pt\" cx=\"{}%\" cy=\"7\" r=\"4.5\"/>", percent(rate / scale));
    svg + "</svg>"
}

/// A rate with its interval as a bar, on a scale that all rows of a table share.
pub fn measured(rate: f64, interval: (f64, f64), scale: f64) -> String {
    let mut svg = bar(&[("f-human", rate / scale)], 14);
    svg.truncate(svg.len() - "</svg>".len());
    whisker(&mut svg, (interval.0 / scale, interval.1 / scale), 7, 4);
    svg + "</svg>"
}

/// The next round number above a share, at most 1.
pub fn scale(most: f64) -> f64 {
    let steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.1, 0.16, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8];
    steps.into_iter().find(|step| *step >= most).unwrap_or(1.0)
}

/// A place in hundredths of the width, inside.
fn percent(share: f64) -> f64 {
    ((share * 10_000.0).round() / 100.0).clamp(0.0, 100.0)
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
    fn a_gauge_holds_its_interval_and_what_is_usual() {
        let svg = gauge(0.09, (0.085, 0.095), Some((0.056, 0.11)));
        // 0.11 and some room: the scale is 0.16.
        for part in ["x=\"35%\" width=\"33.75%\"", "x1=\"53.13%\" x2=\"59.38%\"", "cx=\"56.25%\""] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
        assert!(!gauge(0.0, (0.0, 0.0), None).contains("NaN"));
        let all = gauge(1.0, (0.2, 1.0), Some((0.98, 1.0)));
        assert!(all.contains("cx=\"100%\"") && all.contains("x=\"98%\""), "{all}");
        let svg = band(&[("f-human", 0.4), ("f-prefetch", 0.2)], &[(0.39, 0.41)], Some((0.3, 0.35)));
        assert!(svg.contains("class=\"us\" x=\"30%\" width=\"5%\"") && svg.contains("x1=\"39%\" x2=\"41%\""), "{svg}");
        assert!(svg.starts_with("<svg class=\"hb\" height=\"18\"") && svg.ends_with("</svg>"), "{svg}");
    }

    #[test]
    fn a_chart_of_one_point_or_none_is_drawn() {
        let line = |values| [Line { class: "l-human", name: "Opened", values }];
        assert!(lines("a", "t", "d", &["0 h".into()], &line(vec![3])).contains("M0.00"));
        assert!(!lines("a", "t", "d", &[], &line(vec![])).contains("NaN"));
    }
}
