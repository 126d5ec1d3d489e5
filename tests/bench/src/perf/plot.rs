//! A plot of what grows, as SVG, both axes logarithmic: what is flat is a level line, whatever it costs.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 45.0;
const COLOURS: [&str; 7] = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b"];

/// Something that was measured at each size.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
}

/// Where a value is between the least and the most, from 0 to 1.
fn along(value: f64, (least, most): (f64, f64)) -> f64 {
    (value.max(1.0).ln() - least.ln()) / (most.ln() - least.ln())
}

/// The powers of ten that hold all values.
fn decades(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let least = values.clone().fold(f64::INFINITY, f64::min).max(1.0);
    let most = values.fold(1.0, f64::max);
    (10_f64.powf(least.log10().floor()), 10_f64.powf(most.log10().ceil().max(least.log10().floor() + 1.0)))
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, colour: &str, said: &str) {
    let _ =
        writeln!(svg, r#"<text x="{x:.0}" y="{y:.0}" text-anchor="{anchor}" fill="{colour}">{said}</text>"#);
}

/// The plot of some lines over `sizes`.
pub(super) fn svg(title: &str, (of, sizes): (&str, &[f64]), unit: &str, lines: &[Line]) -> String {
    let (across, up) =
        (decades(sizes.iter().copied()), decades(lines.iter().flat_map(|line| line.values.iter().copied())));
    let x = |size: f64| LEFT + along(size, across) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - along(value, up) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    text(&mut svg, (LEFT, 18.0), "start", "#000", title);
    let mut tick = up.0;
    while tick <= up.1 * 1.01 {
        let at = y(tick);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{:.0}\" stroke=\"#ddd\"/>", WIDTH - RIGHT);
        text(&mut svg, (LEFT - 8.0, at + 4.0), "end", "#555", &format!("{tick:.0} {unit}"));
        tick *= 10.0;
    }
    for size in sizes {
        text(&mut svg, (x(*size), HEIGHT - BOTTOM + 16.0), "middle", "#555", &format!("{size:.0}"));
    }
    text(&mut svg, (LEFT + (WIDTH - LEFT - RIGHT) / 2.0, HEIGHT - 10.0), "middle", "#555", of);
    // Names keep a distance, in the order of where their lines end.
    let mut order: Vec<_> = lines.iter().zip(COLOURS.iter().cycle()).collect();
    let end = |line: &Line| line.values.last().map_or(0.0, |value| y(*value));
    order.sort_by(|one, other| end(one.0).total_cmp(&end(other.0)));
    let mut free = TOP;
    for (line, colour) in order {
        let points: Vec<_> = sizes
            .iter()
            .zip(&line.values)
            .map(|(size, value)| format!("{:.1},{:.1}", x(*size), y(*value)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        let at = (end(line) + 4.0).max(free);
        free = at + 13.0;
        text(&mut svg, (WIDTH - RIGHT + 8.0, at), "start", colour, &line.name);
    }
    svg + "</svg>\n"
}
