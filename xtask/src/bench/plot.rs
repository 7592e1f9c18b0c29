//! The plot: a bar a program, on a scale of tens.

use std::fmt::Write as _;

/// Width of the whole drawing, of the names, and of a bar of [`SCALE_MAX_US`].
const WIDTH: f64 = 720.0;
const NAMES: f64 = 190.0;
const BAR: f64 = 420.0;
/// Microseconds at both ends of the scale.
const SCALE_MIN_US: f64 = 10.0;
const SCALE_MAX_US: f64 = 1000.0;
/// Height of a row.
const ROW: f64 = 34.0;

/// The bars, in the order given, in microseconds.
pub(super) fn svg(bars: &[(&str, f64)]) -> String {
    let rows = f64::from(u32::try_from(bars.len()).unwrap_or(u32::MAX));
    let height = rows.mul_add(ROW, 60.0);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"14\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\">CPU time a database, µs (each line ten times the last)</text>\n"
    );
    let length = |us: f64| {
        let tens = (us.max(SCALE_MIN_US) / SCALE_MIN_US).log10();
        BAR * tens / (SCALE_MAX_US / SCALE_MIN_US).log10()
    };
    for line in [SCALE_MIN_US, 100.0, SCALE_MAX_US] {
        let x = NAMES + length(line);
        let end = height - 22.0;
        let _ = writeln!(
            text,
            "<line x1=\"{x}\" y1=\"32\" x2=\"{x}\" y2=\"{end}\" stroke=\"#ccc\"/>\
             <text x=\"{x}\" y=\"{}\" fill=\"#666\" text-anchor=\"middle\">{line:.0}</text>",
            height - 6.0
        );
    }
    let mut y = 38.0;
    for (name, us) in bars {
        let (width, middle) = (length(*us).max(1.0), y + 17.0);
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{NAMES}\" y=\"{y}\" width=\"{width:.1}\" height=\"24\" fill=\"#3b6ea5\"/>\
             <text x=\"{:.1}\" y=\"{middle}\">{us:.1}</text>",
            NAMES - 8.0,
            NAMES + width + 6.0
        );
        y += ROW;
    }
    text.push_str("</svg>\n");
    text
}
