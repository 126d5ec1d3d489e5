//! Tables, printed and, with `BENCH_WRITE=1`, written into `docs/performance.md` where the file has a place for
//! them: between `<!-- NAME -->` and `<!-- /NAME -->`.

use std::time::Duration;

/// Whether what is measured is to be written down.
#[expect(clippy::disallowed_methods, reason = "it is no setting of the product")]
pub(super) fn is_written() -> bool {
    std::env::var("BENCH_WRITE").as_deref() == Ok("1")
}

/// Prints a table, and writes it down if that is wanted.
pub(super) fn publish(name: &str, heads: &[&str], rows: &[Vec<String>]) {
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let mut table = line(heads.to_vec()) + &line(vec!["---"; heads.len()]).replace(' ', "");
    for row in rows {
        table += &line(row.iter().map(String::as_str).collect());
    }
    println!("{table}");
    if !is_written() {
        return;
    }
    let path = it::repository().join("docs/performance.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    std::fs::write(path, format!("{before}{begin}{table}{end}{after}")).unwrap();
}

/// In milliseconds, with two digits behind the point.
pub(super) fn ms(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// In whole microseconds.
pub(super) fn us(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e6)
}

/// The median of figures.
pub(super) fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// How many times as much.
pub(super) fn times(of: Duration, floor: Duration) -> f64 {
    of.as_secs_f64() / floor.as_secs_f64()
}
