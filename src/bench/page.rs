//! A report as one HTML page that loads nothing: a table, and a plot for each kind of number.
//!
//! The plots are cumulative: where a line reaches half its height is the median, and its tail is
//! what the unlucky caller meets. One plot for each unit, so that no line hides another's scale.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Report, Series, number, percentile};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A bug in the template.
    #[error("the page could not be written: {0}")]
    Template(#[from] minijinja::Error),
    /// A bug in a plot.
    #[error("a plot could not be drawn: {0}")]
    Plot(String),
}

const SIZE: (u32, u32) = (900, 320);

/// Fewer values than this make no line.
const VALUES_MIN: usize = 3;

/// Colours that colour-blind people tell apart (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// The page of `report`.
///
/// # Errors
/// Only by a bug.
pub fn page(report: &Report) -> Result<String, PageError> {
    let mut environment = minijinja::Environment::new();
    environment.add_template("page.html", include_str!("page.html"))?;
    let rows: Vec<_> = report
        .series
        .iter()
        .map(|s| {
            let at = |share| number(percentile(&s.values, share));
            minijinja::context! {
                name => s.name.clone(), unit => s.unit, n => s.values.len(),
                p50 => at(0.5), p95 => at(0.95), max => at(1.0),
            }
        })
        .collect();
    let tables: Vec<_> = report
        .tables
        .iter()
        .map(|t| {
            minijinja::context! {
                caption => t.caption, of => t.of.clone(), words => t.words,
                head => t.head.clone(), rows => t.rows.clone(),
            }
        })
        .collect();
    let mut units: Vec<&str> = Vec::new();
    for series in report.series.iter().filter(|s| s.values.len() >= VALUES_MIN) {
        if !units.contains(&series.unit) {
            units.push(series.unit);
        }
    }
    let plots = units.into_iter().map(|unit| plot(report, unit)).collect::<Result<Vec<_>, _>>()?;
    let page = environment.get_template("page.html")?.render(minijinja::context! {
        bench => report.bench, version => report.version, machine => report.machine.to_string(),
        setup => report.setup.clone(), rows, plots, notes => report.notes.clone(),
        tables,
    })?;
    Ok(page)
}

/// All series of `unit` in one picture, as SVG.
fn plot(report: &Report, unit: &str) -> Result<String, PageError> {
    let lines: Vec<&Series> = report
        .series
        .iter()
        .filter(|s| s.unit == unit && s.values.len() >= VALUES_MIN)
        .take(COLOURS.len())
        .collect();
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        draw(&area, unit, &lines).map_err(|error| PageError::Plot(error.to_string()))?;
    }
    Ok(svg)
}

type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(area: &DrawingArea<SVGBackend<'a>, Shift>, unit: &str, lines: &[&Series]) -> Drawn<'a> {
    let all = lines.iter().flat_map(|s| s.values.iter().copied());
    let (low, high) = all.fold((0.0_f64, 1e-9_f64), |(low, high), v| (low.min(v), high.max(v)));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(low..high * 1.02, 0.0..1.0)?;
    chart
        .configure_mesh()
        .x_desc(unit)
        .y_desc("share of values")
        .y_label_formatter(&|y| format!("{:.0} %", y * 100.0))
        .light_line_style(RGBColor(240, 240, 240))
        .draw()?;
    for (series, colour) in lines.iter().zip(COLOURS) {
        let mut values: Vec<f64> =
            series.values.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let count = values.len().max(1) as f64;
        let steps = values
            .iter()
            .enumerate()
            .flat_map(|(n, v)| [(*v, n as f64 / count), (*v, (n + 1) as f64 / count)]);
        chart
            .draw_series(LineSeries::new(steps, colour.stroke_width(2)))?
            .label(series.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    area.present()
}
