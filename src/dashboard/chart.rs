//! Charts as SVG, drawn on the server; each page puts a table of the same numbers beside them.

use std::fmt::Write as _;

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
}
