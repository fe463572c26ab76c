//! The DET plot as SVG: both axes stretched by the normal distribution's quantiles, as ISO/IEC 19795-1 draws it.

use std::fmt::Write;

use crate::statistics::{Curve, Point, probit};

/// A line of the plot.
pub struct Line<'a> {
    /// What its legend says.
    pub name: String,
    /// What it shows.
    pub curve: &'a Curve,
}

/// Whole picture and the plot within it, in pixels.
const SIZE: [f64; 2] = [720.0, 640.0];
const LEFT: f64 = 80.0;
const TOP: f64 = 48.0;
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 520.0;
/// Rates that the axes are labelled with, and that they may end at.
const TICKS: [(f64, &str); 12] = [
    (1e-6, "1e-6"),
    (1e-5, "1e-5"),
    (1e-4, "0.01 %"),
    (1e-3, "0.1 %"),
    (2e-3, "0.2 %"),
    (5e-3, "0.5 %"),
    (1e-2, "1 %"),
    (2e-2, "2 %"),
    (5e-2, "5 %"),
    (0.1, "10 %"),
    (0.2, "20 %"),
    (0.5, "50 %"),
];
/// Told apart by their dashes too.
const STYLES: [(&str, &str); 6] = [
    ("#1b4f8c", ""),
    ("#b3401f", "8 4"),
    ("#2d7a3f", "2 3"),
    ("#7a3f8c", "10 3 2 3"),
    ("#8a6d00", "5 2"),
    ("#333333", "1 2"),
];

/// An axis from `low` to one half.
struct Axis {
    low: f64,
}

impl Axis {
    /// Down to the tick below the lowest rate that is drawn.
    fn down_to(lowest: f64) -> Self {
        let below = TICKS.iter().rev().find(|(rate, _)| *rate <= lowest);
        Self {
            low: below.unwrap_or(&TICKS[0]).0,
        }
    }

    /// Where a rate lies, 0 at the low end, 1 at one half.
    fn place(&self, rate: f64) -> f64 {
        let low = probit(self.low);
        (probit(rate.clamp(self.low, 0.5)) - low) / (probit(0.5) - low)
    }

    /// Labels with at least this share of the axis between them, from the high end, which has the round numbers.
    fn ticks(&self, apart: f64) -> Vec<(f64, &'static str)> {
        let mut last = f64::INFINITY;
        let mut kept = Vec::new();
        for (rate, label) in TICKS
            .into_iter()
            .rev()
            .filter(|(rate, _)| *rate >= self.low)
        {
            let place = self.place(rate);
            if last - place >= apart {
                last = place;
                kept.push((rate, label));
            }
        }
        kept
    }
}

/// Draws the lines. A line ends where the counts behind it end: at the lowest FMR that its pairs of people show, and
/// at the last genuine comparison that fails.
pub fn draw(title: &str, lines: &[Line]) -> String {
    let drawn: Vec<(&Line, Vec<Point>)> = lines
        .iter()
        .map(|line| (line, within(&line.curve.points())))
        .collect();
    let lowest = |of: fn(&Point) -> f64| {
        let all = drawn.iter().flat_map(|(_, points)| points).map(of);
        all.fold(0.1, f64::min)
    };
    let (across, up) = (
        Axis::down_to(lowest(|point| point.fmr)),
        Axis::down_to(lowest(|point| point.fnmr)),
    );
    let x = |rate: f64| LEFT + WIDTH * across.place(rate);
    let y = |rate: f64| TOP + HEIGHT * (1.0 - up.place(rate));

    let mut svg = head(title);
    for (rate, label) in across.ticks(44.0 / WIDTH) {
        let x = x(rate);
        push(
            &mut svg,
            format_args!(
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                TOP + HEIGHT,
                TOP + HEIGHT + 18.0
            ),
        );
    }
    for (rate, label) in up.ticks(16.0 / HEIGHT) {
        let y = y(rate);
        push(
            &mut svg,
            format_args!(
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT + WIDTH,
                LEFT - 6.0,
                y + 4.0
            ),
        );
    }
    for ((line, points), (place, (colour, dashes))) in
        drawn.iter().zip(STYLES.iter().cycle().enumerate())
    {
        let path: Vec<String> = points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.fmr), y(point.fnmr)))
            .collect();
        let stroke =
            format!("stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"");
        push(
            &mut svg,
            format_args!(
                "<polyline fill=\"none\" {stroke} points=\"{}\"/>",
                path.join(" ")
            ),
        );
        let at = TOP + 20.0 + 20.0 * place as f64;
        let name = escaped(&line.name);
        let nothing = if points.is_empty() {
            " (nothing to draw)"
        } else {
            ""
        };
        push(
            &mut svg,
            format_args!(
                "<line x1=\"{:.1}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\" {stroke}/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}{nothing}</text>",
                LEFT + WIDTH - 44.0,
                LEFT + WIDTH - 10.0,
                LEFT + WIDTH - 52.0,
                at + 4.0
            ),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// The points that a probit axis has room for: a rate of 0 lies infinitely far down.
fn within(points: &[Point]) -> Vec<Point> {
    let drawable = |rate: f64| rate > 0.0 && rate <= 0.5;
    points
        .iter()
        .copied()
        .filter(|point| drawable(point.fmr) && drawable(point.fnmr))
        .collect()
}

fn head(title: &str) -> String {
    let [width, height] = SIZE;
    let middle = LEFT + WIDTH / 2.0;
    let (bottom, centre) = (TOP + HEIGHT + 42.0, TOP + HEIGHT / 2.0);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{middle}\" y=\"28\" text-anchor=\"middle\" font-size=\"16\">{}</text>\n\
         <text x=\"{middle}\" y=\"{bottom}\" text-anchor=\"middle\">FMR, false match rate</text>\n\
         <text x=\"20\" y=\"{centre}\" text-anchor=\"middle\" transform=\"rotate(-90 20 {centre})\">\
         FNMR, false non-match rate</text>\n\
         <rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\"/>\n",
        escaped(title)
    )
}

fn push(svg: &mut String, line: std::fmt::Arguments) {
    writeln!(svg, "{line}").expect("writing to a string can't fail");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve() -> Curve {
        let mut curve = Curve::within(0.0, 2.0);
        for one in 0..1000 {
            curve.add_impostors(one, one + 1, 0.5 + 0.0005 * one as f64);
        }
        for person in 0..100 {
            curve.add_genuine(person, 0.01 * person as f64);
        }
        curve
    }

    #[test]
    fn axes_are_probit_and_end_at_ticks() {
        let axis = Axis::down_to(0.0031);
        assert_eq!(axis.low, 2e-3);
        assert_eq!((axis.place(2e-3), axis.place(0.5)), (0.0, 1.0));
        // 15.87 % is one standard deviation from one half.
        let place = 1.0 + 1.0 / probit(2e-3);
        assert!((axis.place(0.158_655_254) - place).abs() < 1e-6);
    }

    #[test]
    fn the_plot_is_labelled_and_its_lines_lie_inside() {
        let curve = curve();
        let svg = draw(
            "a < b",
            &[Line {
                name: "x & y".to_owned(),
                curve: &curve,
            }],
        );
        for wanted in [
            "a &lt; b",
            "x &amp; y",
            "FMR, false match rate",
            "FNMR, false non-match rate",
            "0.5 %",
        ] {
            assert!(svg.contains(wanted), "{wanted}");
        }
        let path = svg
            .split("points=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let mut count = 0;
        for point in path.split(' ') {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((LEFT..=LEFT + WIDTH).contains(&x) && (TOP..=TOP + HEIGHT).contains(&y));
            count += 1;
        }
        assert!(count > 50, "{count} points");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let none = Curve::within(0.0, 2.0);
        let svg = draw(
            "t",
            &[Line {
                name: "n".to_owned(),
                curve: &none,
            }],
        );
        assert!(svg.contains("nothing to draw") && svg.contains("points=\"\""));
    }
}
