//! Shares over hours as lines, drawn on the server: from 0, with a few gridlines, each line named at its right end.

use std::fmt::Write as _;

const HEIGHT: f64 = 356.0;
const TOP: f64 = 14.0;
const BASE: f64 = 330.0;
/// Gridlines above 0, at most.
const STEPS_MAX: f64 = 4.0;
/// Names at the right end stand so far apart, in pixels.
const NAME_ROOM: f64 = 15.0;
/// Markers whose names stand below each other before they begin at the top again.
const MARKER_ROWS: usize = 4;

/// One line: its class, its name in the key and at its end, and its points: hours and share.
pub struct Series<'a> {
    pub class: &'a str,
    pub name: &'a str,
    pub end: &'a str,
    pub points: Vec<(f64, f64)>,
}

/// The whole. Neither title, summary nor names hold text from outside.
pub struct Curve<'a> {
    pub id: &'a str,
    pub title: &'a str,
    /// What a reader who sees no picture is told.
    pub summary: &'a str,
    /// How far the axis goes; above 0.
    pub hours: f64,
    /// At most four; the space between the first two is filled.
    pub series: &'a [Series<'a>],
    /// When a setting changed, in hours, and how.
    pub markers: &'a [(f64, String)],
}

impl Curve<'_> {
    /// As HTML: the key and the picture.
    pub fn draw(&self) -> String {
        let mut html = String::from("<div class=\"key\">");
        for line in self.series {
            let _ = write!(
                html,
                "<span><svg aria-hidden=\"true\"><line class=\"ln {}\" x1=\"1\" x2=\"23\" y1=\"4\" y2=\"4\"/></svg>{}</span>",
                line.class, line.name
            );
        }
        let (id, title, summary) = (self.id, self.title, self.summary);
        let _ = write!(
            html,
            "</div><svg class=\"chart\" height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"{id}t {id}d\"><title id=\"{id}t\">{title}</title>\
             <desc id=\"{id}d\">{summary}</desc><g class=\"grid\">"
        );
        let most = self.series.iter().flat_map(|line| &line.points).map(|(_, share)| *share).fold(0.0, f64::max);
        let (step, top) = grid(most);
        html.push_str(&levels(step, top));
        html.push_str(&ticks(self.hours));
        html.push_str("</g>");
        html.push_str(&self.marked());
        html.push_str(&self.lines(top));
        html.push_str(&self.names(top));
        html + "</svg>"
    }

    fn x(&self, hours: f64) -> f64 {
        (hours / self.hours * 100.0).clamp(0.0, 100.0)
    }

    fn marked(&self) -> String {
        let mut svg = String::new();
        for (n, (hours, name)) in self.markers.iter().enumerate() {
            let x = self.x(*hours);
            let _ = write!(svg, "<line class=\"ev\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{TOP}\" y2=\"{BASE}\"/>");
            let (side, away) = if x > 70.0 { (" fin", -5) } else { ("", 5) };
            let y = 24 + 15 * (n % MARKER_ROWS);
            let _ = write!(svg, "<text class=\"p2x{side}\" x=\"{x:.2}%\" dx=\"{away}\" y=\"{y}\">{name}</text>");
        }
        svg
    }

    /// The curves stretch with the page; the words around them do not.
    fn lines(&self, top: f64) -> String {
        let tall = BASE - TOP;
        let point = |(hours, share): &(f64, f64)| format!("{:.2},{:.1}", self.x(*hours), tall - height(*share, top));
        let joined = |points: &mut dyn Iterator<Item = &(f64, f64)>| points.map(point).collect::<Vec<_>>().join(" ");
        let mut svg = format!(
            "<svg x=\"0\" y=\"{TOP}\" width=\"100%\" height=\"{tall}\" viewBox=\"0 0 100 {tall}\" preserveAspectRatio=\"none\" overflow=\"visible\">"
        );
        if let [upper, lower, ..] = self.series {
            let mut around = upper.points.iter().chain(lower.points.iter().rev());
            let _ = write!(svg, "<polygon class=\"area\" points=\"{}\"/>", joined(&mut around));
        }
        for line in self.series {
            let points = joined(&mut line.points.iter());
            let _ = write!(svg, "<polyline class=\"ln {}\" points=\"{points}\"/>", line.class);
        }
        svg + "</svg>"
    }

    /// The lines' names at their right end, from below, none upon another.
    fn names(&self, top: f64) -> String {
        let mut ends: Vec<_> = self
            .series
            .iter()
            .filter_map(|line| Some((line, BASE - height(line.points.last()?.1, top) + 4.0)))
            .collect();
        ends.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let (mut svg, mut below) = (String::new(), f64::INFINITY);
        for (line, y) in ends {
            let y = y.min(below - NAME_ROOM);
            below = y;
            let share = line.points.last().map_or(0.0, |(_, share)| *share);
            let (end, share) = (line.end, written(share, 0.001));
            let _ = write!(
                svg,
                "<text class=\"endt\" x=\"100%\" dx=\"8\" y=\"{y:.1}\">{end} <tspan>{share}</tspan></text>"
            );
        }
        svg
    }
}

fn height(share: f64, top: f64) -> f64 {
    (BASE - TOP) * (share / top).clamp(0.0, 1.0)
}

/// The distance of gridlines, and the highest.
fn grid(most: f64) -> (f64, f64) {
    let steps = (-4..=0).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)));
    let step = steps.into_iter().find(|step| most <= step * STEPS_MAX).unwrap_or(1.0);
    (step, step * (most / step).ceil().max(2.0))
}

fn levels(step: f64, top: f64) -> String {
    let mut svg = String::new();
    for n in 0..=4_u32 {
        let share = f64::from(n) * step;
        if share > top * 1.001 {
            break;
        }
        let (y, class) = (BASE - height(share, top), if n == 0 { " class=\"base\"" } else { "" });
        let _ = write!(svg, "<line{class} x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
        let _ = write!(svg, "<text class=\"ax\" x=\"-8\" y=\"{:.1}\">{}</text>", y + 4.0, written(share, step));
    }
    svg
}

/// With as many decimals as the step has.
fn written(share: f64, step: f64) -> String {
    let digits = if step < 0.000_9 { 2 } else { usize::from(step < 0.009) };
    format!("{:.digits$}%", share * 100.0)
}

fn ticks(hours: f64) -> String {
    let mut svg = "<text x=\"0\" y=\"350\">0 h</text>".to_owned();
    let end = if hours < 1.0 { format!("{:.0} min", hours * 60.0) } else { format!("{hours:.0} h") };
    let _ = write!(svg, "<text class=\"fin\" x=\"100%\" y=\"350\">{end}</text>");
    let steps = [1_u32, 2, 3, 6, 12, 24, 48, 72, 96];
    let Some(step) = steps.into_iter().find(|step| f64::from(*step) * 7.0 >= hours) else { return svg };
    for n in 1..7 {
        let at = f64::from(n * step);
        // Not into the word at the end.
        if at > hours * 0.88 {
            break;
        }
        let rare = if n % 2 == 1 { " p2x" } else { "" };
        let _ = write!(svg, "<text class=\"mid{rare}\" x=\"{:.2}%\" y=\"350\">{at:.0}</text>", at / hours * 100.0);
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_to_five_gridlines_whatever_is_drawn() {
        for (most, step, top) in [
            (0.0, "0.0001", 0.0002),
            (0.0034, "0.0010", 0.004),
            (0.09, "0.0500", 0.1),
            (0.629, "0.2000", 0.8),
            (1.0, "0.5000", 1.0),
        ] {
            let (found, highest) = grid(most);
            assert_eq!(
                (format!("{found:.4}").as_str(), (highest - top).abs() < 1e-9),
                (step, true),
                "{most}: {highest}"
            );
            let lines = levels(found, highest).matches("<line").count();
            assert!((3..=5).contains(&lines), "{most}: {lines}");
        }
        assert_eq!(
            (written(0.2, 0.2), written(0.005, 0.005), written(0.0005, 0.0005)),
            ("20%".into(), "0.5%".into(), "0.05%".into())
        );
    }

    #[test]
    fn a_young_curve_ends_where_its_hours_end_and_names_keep_apart() {
        let line = |class, end, share| Series { class, name: end, end, points: vec![(0.0, 0.0), (3.5, share)] };
        let series = [line("l-high", "High", 0.5), line("l-human", "Low", 0.5), line("l-ink", "Clicked", 0.49)];
        let markers = [(1.75, "text_links on".to_owned()), (9.0, "opens off".to_owned())];
        let curve = Curve { id: "c", title: "t", summary: "s", hours: 7.0, series: &series, markers: &markers };
        let html = curve.draw();
        assert!(html.contains("points=\"0.00,316.0 50.00,"), "{html}");
        assert!(html.contains("x1=\"25.00%\" x2=\"25.00%\"") && html.contains(">text_links on</text>"), "{html}");
        let mut places: Vec<f64> = html
            .split("class=\"endt\"")
            .skip(1)
            .map(|text| text.split("y=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        places.sort_by(f64::total_cmp);
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= NAME_ROOM - 0.11), "{places:?}");
        // Nothing at all, and minutes.
        let none = Curve { hours: 0.25, series: &[line("l-ink", "Clicked", 0.0)], markers: &[], ..curve }.draw();
        assert!(none.contains("15 min") && !none.contains("NaN"), "{none}");
    }
}
