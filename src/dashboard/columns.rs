//! Columns over time and small ones in a table's row, as SVG: from zero, with gridlines at round numbers, never smooth.
//! Across the width is measured in percent and down in pixels, so that type keeps its size.

use std::fmt::Write as _;

use super::format::Written as _;

const HEIGHT: f64 = 220.0;
const TOP: f64 = 26.0;
const BASE: f64 = 194.0;
/// A column's part of its place.
const WIDE: f64 = 0.76;
/// That of a column within another.
const NARROW: f64 = 0.26;
/// Gridlines above zero, at most.
const GRID_MAX: i64 = 4;
/// Names along the bottom, at most.
const NAMES_MAX: usize = 8;
/// What is there is seen, however little it is.
const SEEN_MIN: f64 = 1.0;
const SPARK_HEIGHT: f64 = 22.0;

/// One row of values, one for each place; its names hold no text from outside.
pub struct Part {
    /// The style's class.
    pub class: &'static str,
    /// The class of its mark in the key.
    pub key: &'static str,
    /// Its name in the key.
    pub name: &'static str,
    /// The values.
    pub values: Vec<i64>,
}

/// A chart of columns.
pub struct Columns<'a> {
    /// The start of its ids.
    pub id: &'a str,
    /// What it shows.
    pub title: &'a str,
    /// Its shape and its last values in words.
    pub summary: &'a str,
    /// What is counted.
    pub unit: &'a str,
    /// What the places are called.
    pub names: &'a [String],
    /// Drawn one upon the other.
    pub stacked: &'a [Part],
    /// Drawn within them.
    pub within: Option<&'a Part>,
    /// Drawn as a line across its place.
    pub line: Option<&'a Part>,
}

impl Columns<'_> {
    /// As SVG, with its key.
    pub fn draw(&self) -> String {
        let places = self.names.len();
        let stack = |n: usize| self.stacked.iter().map(|part| at(part, n)).sum::<i64>();
        let others = || self.within.iter().chain(&self.line);
        let most = (0..places).map(|n| others().map(|part| at(part, n)).fold(stack(n), i64::max)).max().unwrap_or(0);
        let step = grid_step(most);
        let top = step * steps_to(most, step).max(2);
        let mut svg = self.key();
        let (id, title, summary) = (self.id, self.title, self.summary);
        let _ = write!(
            svg,
            "<svg class=\"chart full\" height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"{id}t {id}d\"><title id=\"{id}t\">{title}</title>\
             <desc id=\"{id}d\">{summary}</desc><g class=\"grid\"><text x=\"0\" y=\"12\">{}</text>",
            self.unit
        );
        for value in (0..).map(|n| n * step).take_while(|value| *value <= top) {
            let (y, class) = (y(value, top), if value == 0 { " class=\"base\"" } else { "" });
            let _ = write!(svg, "<line{class} x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>");
            let _ = write!(svg, "<text class=\"ax\" x=\"-8\" y=\"{:.1}\">{}</text>", y + 4.0, on_axis(value));
        }
        self.write_names(&mut svg);
        svg += "</g>";
        for n in 0..places {
            let mut below = 0;
            for part in self.stacked {
                write_column(&mut svg, part.class, (n, places, WIDE), (below, at(part, n), top));
                below += at(part, n);
            }
            if let Some(part) = self.within {
                write_column(&mut svg, part.class, (n, places, NARROW), (0, at(part, n), top));
            }
            if let Some(part) = self.line.filter(|part| at(part, n) > 0) {
                let ((x, width), y) = (place(n, places, WIDE), y(at(part, n), top));
                let (class, end) = (part.class, x + width);
                let _ = write!(
                    svg,
                    "<line class=\"{class}\" x1=\"{x:.2}%\" x2=\"{end:.2}%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
                );
            }
        }
        svg + "</svg>"
    }

    fn key(&self) -> String {
        let mut key = String::from("<div class=\"key\">");
        for part in self.stacked.iter().chain(self.within) {
            let _ = write!(key, "<span class=\"b {}\">{}</span>", part.key, part.name);
        }
        if let Some(part) = self.line {
            let mark = format!("<line class=\"{}\" x1=\"1\" x2=\"23\" y1=\"4\" y2=\"4\"/>", part.class);
            let _ = write!(key, "<span><svg aria-hidden=\"true\">{mark}</svg>{}</span>", part.name);
        }
        key + "</div>"
    }

    /// Every so many places, and on narrow pages every second of these.
    fn write_names(&self, svg: &mut String) {
        let places = self.names.len();
        let every = places.div_ceil(NAMES_MAX).max(1);
        for (n, name) in self.names.iter().enumerate().step_by(every) {
            let (x, width) = place(n, places, WIDE);
            let class = if n / every % 2 == 1 && places > 2 { "mid p2x" } else { "mid" };
            let _ = write!(svg, "<text class=\"{class}\" x=\"{:.2}%\" y=\"214\">{name}</text>", x + width / 2.0);
        }
    }
}

fn at(part: &Part, n: usize) -> i64 {
    part.values.get(n).copied().unwrap_or(0)
}

/// From where to how far, in percent, a column of this width reaches.
fn place(n: usize, places: usize, width: f64) -> (f64, f64) {
    let each = 100.0 / real(places.max(1));
    (each * (real(n) + (1.0 - width) / 2.0), each * width)
}

fn write_column(svg: &mut String, class: &str, across: (usize, usize, f64), (from, value, top): (i64, i64, i64)) {
    if value > 0 {
        let (x, width) = place(across.0, across.1, across.2);
        let height = (y(from, top) - y(from + value, top)).max(SEEN_MIN);
        let _ = write!(
            svg,
            "<rect class=\"{class}\" x=\"{x:.2}%\" y=\"{:.1}\" width=\"{width:.2}%\" height=\"{height:.1}\"/>",
            y(from, top) - height
        );
    }
}

fn y(value: i64, top: i64) -> f64 {
    BASE - (BASE - TOP) * share(value, top)
}

/// The smallest of 1, 2, 5, 10, 20 and so on with which at most four lines stand above zero.
fn grid_step(most: i64) -> i64 {
    let decades = std::iter::successors(Some(1_i64), |decade| decade.checked_mul(10));
    let mut steps = decades.flat_map(|decade| [1, 2, 5].map(|n| decade.saturating_mul(n)));
    steps.find(|step| steps_to(most, *step) <= GRID_MAX).unwrap_or(i64::MAX / 8)
}

/// How many steps reach as far.
fn steps_to(most: i64, step: i64) -> i64 {
    (most.max(1) - 1) / step + 1
}

/// `500`, `1.5k`, `20k`, `3M`.
fn on_axis(value: i64) -> String {
    let short = |unit: i64, letter: char| match (value / unit, value % unit * 10 / unit) {
        (whole, 0) => format!("{}{letter}", whole.grouped()),
        (whole, tenth) => format!("{}.{tenth}{letter}", whole.grouped()),
    };
    match value {
        1_000_000.. => short(1_000_000, 'M'),
        1_000.. => short(1_000, 'k'),
        _ => value.to_string(),
    }
}

/// A row's columns without axis or words: its numbers stand in the row. So many have room, whether they are there or not.
pub fn spark(values: &[i64], room: usize) -> String {
    let most = values.iter().copied().max().unwrap_or(0);
    if most <= 0 {
        return String::new();
    }
    let mut path = format!("M0 {SPARK_HEIGHT}");
    for (n, value) in values.iter().enumerate() {
        let _ = write!(path, "V{:.0}H{}", SPARK_HEIGHT * (1.0 - share(*value, most)), n + 1);
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 {} {SPARK_HEIGHT}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <path class=\"f-human\" d=\"{path}V{SPARK_HEIGHT}z\"/></svg>",
        values.len().max(room)
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn share(part: i64, whole: i64) -> f64 {
    if whole > 0 { part as f64 / whole as f64 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "places are few")]
fn real(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(class: &'static str, values: Vec<i64>) -> Part {
        Part { class, key: "k", name: class, values }
    }

    fn draw(names: &[&str], stacked: &[Part], within: Option<&Part>, line: Option<&Part>) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Columns { id: "a", title: "t", summary: "s", unit: "people", names: &names, stacked, within, line }.draw()
    }

    /// The values of an attribute, in order.
    fn all(svg: &str, start: &str) -> Vec<String> {
        svg.split(start).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn gridlines_are_at_round_numbers_and_three_to_five_with_zero() {
        for (most, lines) in [(0, "0 1 2"), (1, "0 1 2"), (3, "0 1 2 3"), (7, "0 2 4 6 8"), (41, "0 20 40 60")] {
            let svg = draw(&["x"], &[part("f", vec![most])], None, None);
            let found: Vec<_> =
                svg.split("class=\"ax\"").skip(1).map(|rest| rest.split(['>', '<']).nth(1).unwrap()).collect();
            assert_eq!(found.join(" "), lines, "{most}");
        }
        for most in 1..3_000 {
            let lines = 1 + steps_to(most, grid_step(most)).max(2);
            assert!((3..=5).contains(&lines), "{most}: {lines}");
        }
        assert_eq!([0, 999, 1_500, 20_000, 3_000_000].map(on_axis), ["0", "999", "1.5k", "20k", "3M"]);
    }

    #[test]
    fn columns_stand_on_zero_and_on_each_other() {
        let svg = draw(&["1 Nov", "2 Nov"], &[part("low", vec![2, 0]), part("more", vec![2, 0])], None, None);
        // The axis ends at 4: two quarters of the height each, the second upon the first; nothing where there is nothing.
        assert_eq!(all(&svg, "<rect class=\""), ["low", "more"]);
        assert_eq!(
            (all(&svg, " height=\"")[1..].to_vec(), all(&svg, "%\" y=\"")[2..4].to_vec()),
            (vec!["84.0".to_owned(); 2], vec!["110.0".to_owned(), "26.0".to_owned()])
        );
        let (inner, line) = (part("inner", vec![1, 1]), part("line", vec![4, 0]));
        let svg = draw(&["1 Nov", "2 Nov"], &[part("low", vec![1_000_000, 1])], Some(&inner), Some(&line));
        assert_eq!(all(&svg, "<line class=\"line\" x1=\"").len(), 2, "in the key and once in the chart");
        assert!(all(&svg, " height=\"").iter().all(|height| height.parse::<f64>().unwrap() >= 1.0), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert!(!draw(&[], &[part("f", vec![])], None, None).contains("NaN"));
        assert_eq!((spark(&[], 48), spark(&[0, 0], 48)), (String::new(), String::new()));
        let svg = spark(&[2, 0, 1], 48);
        assert!(
            svg.contains("viewBox=\"0 0 48 22\"")
                && svg.contains("d=\"M0 22V0H1V22H2V11H3V22z\"")
                && svg.contains("aria-hidden"),
            "{svg}"
        );
    }

    #[test]
    fn at_most_eight_names_stand_below() {
        let names: Vec<_> = (0..90).map(|n| format!("{n}")).collect();
        let columns = Columns {
            id: "a",
            title: "t",
            summary: "s",
            unit: "u",
            names: &names,
            stacked: &[],
            within: None,
            line: None,
        };
        assert!((5..=8).contains(&columns.draw().matches("class=\"mid").count()));
    }
}
