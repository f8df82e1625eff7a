//! The costs of a run as one picture: a group of bars for each case, the gateway's part dark and the
//! plugin's light. Each group has a scale of its own, its longest bar being as long as there is room.

use crate::results::{GATEWAY, PLUGIN, Row, Table};
use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const BARS_AT: f64 = 190.0;
const BARS: f64 = 470.0;
const BAR: f64 = 14.0;
const STEP: f64 = 19.0;
const TITLE: f64 = 26.0;
const MARGIN: f64 = 12.0;
/// Of the gateway and of the plugin.
const COLOURS: (&str, &str) = ("#24527a", "#a9c6de");

/// The picture as SVG.
pub fn svg(tables: &[Table]) -> String {
    let height: f64 = tables.iter().map(group_height).sum::<f64>() + 2.0 * MARGIN + TITLE;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut y = MARGIN + TITLE;
    let legend = "median µs of processor time: gateway (dark), plugin (light); shorter is cheaper";
    label(&mut text, MARGIN, MARGIN + 12.0, legend);
    for table in tables {
        group(&mut text, table, y);
        y += group_height(table);
    }
    text.push_str("</svg>\n");
    text
}

fn group_height(table: &Table) -> f64 {
    TITLE + STEP * table.rows.len() as f64 + MARGIN
}

fn group(text: &mut String, table: &Table, top: f64) {
    let _ = writeln!(text, "<g font-weight=\"bold\">");
    label(text, MARGIN, top + 14.0, &format!("{}, for each {}", table.case, table.unit));
    let _ = writeln!(text, "</g>");
    let longest = table.rows.iter().map(|row| sum(row).unwrap_or(0.0)).fold(0.0, f64::max);
    for (index, row) in table.rows.iter().enumerate() {
        let y = top + TITLE + STEP * index as f64;
        label(text, MARGIN, y + 11.0, &row.name);
        let Some(sum) = sum(row) else {
            label(text, BARS_AT, y + 11.0, "failed");
            continue;
        };
        let gateway = row.summary(GATEWAY).median;
        let scale = BARS / longest.max(f64::MIN_POSITIVE);
        bar(text, BARS_AT, y, gateway * scale, COLOURS.0);
        bar(text, BARS_AT + gateway * scale, y, (sum - gateway) * scale, COLOURS.1);
        let end = BARS_AT + sum * scale + 5.0;
        label(text, end, y + 11.0, &format!("{gateway:.1} + {:.1}", sum - gateway));
    }
}

/// Gateway and plugin together; `None` where nothing was measured.
fn sum(row: &Row) -> Option<f64> {
    let sum = row.summary(GATEWAY).median + row.summary(PLUGIN).median;
    (!row.slices.is_empty()).then_some(sum)
}

fn bar(text: &mut String, x: f64, y: f64, width: f64, colour: &str) {
    let _ = writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    );
}

fn label(text: &mut String, x: f64, y: f64, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Slice;

    #[test]
    fn the_longest_bar_fills_the_room_and_a_failure_is_told() {
        let mut table = Table::new("a < b", "request", ["one", "two", "three"]);
        for (row, gateway_us) in table.rows.iter_mut().zip([30.0, 15.0]) {
            row.slices.push(Slice { gateway_us, plugin_us: 10.0, ..Slice::default() });
        }
        let text = svg(&[table]);
        assert!(text.contains("width=\"352.5\"") && text.contains("width=\"117.5\""), "{text}");
        assert!(text.contains(">30.0 + 10.0<") && text.contains(">failed<"), "{text}");
        assert!(text.contains("a &lt; b") && text.ends_with("</svg>\n"));
    }
}
