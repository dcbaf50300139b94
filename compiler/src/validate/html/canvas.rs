//! The surface that all charts are drawn on, and their common look.

use super::{
    PageError,
    palette::{FAINT, GRID, INK},
};
use maud::{Markup, PreEscaped, html};
use plotters::prelude::SVGBackend;
use plotters::{
    chart::{ChartBuilder, ChartContext, LabelAreaPosition},
    coord::{Shift, types::RangedCoordf64},
    drawing::{DrawingArea, IntoDrawingArea},
    prelude::Cartesian2d,
    style::{Color, IntoFont, TextStyle},
};
use std::ops::Range;

/// Units of the drawing for one pixel: the library draws at whole units.
pub const FINE: u32 = 4;

/// Size of the text of charts, in pixels.
const TEXT: f64 = 13.0;

/// The part of a drawing that plotters draws on.
pub type Area<'s> = DrawingArea<SVGBackend<'s>, Shift>;

/// A chart with two axes of numbers.
pub type Axes<'a, 's> = ChartContext<'a, SVGBackend<'s>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Text of a chart.
pub fn text<'t>() -> TextStyle<'t> {
    // The back end divides by 1.24 what it is given.
    ("sans-serif", TEXT * 1.24 * f64::from(FINE)).into_font().color(&FAINT.light)
}

/// What a chart says to those who do not see it.
pub struct Caption<'t> {
    /// Unique on the page.
    pub id: &'t str,
    /// Its name.
    pub title: &'t str,
    /// What it shows, in a sentence or two.
    pub description: &'t str,
}

/// Draws an SVG of so many pixels, which scales to the width it is given.
pub fn draw(
    caption: &Caption<'_>,
    (width, height): (u32, u32),
    paint: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<Markup, PageError> {
    let mut drawing = String::new();
    {
        let area = SVGBackend::with_string(&mut drawing, (width * FINE, height * FINE)).into_drawing_area();
        let painted = paint(&area).and_then(|()| Ok(area.present()?));
        painted.map_err(|error| PageError(format!("{}: {error}", caption.id)))?;
    }
    // Its own root element names neither title nor description; what is the default anyway makes half of a drawing.
    let body = drawing.split_once('>').map(|(_, body)| body).unwrap_or_default();
    let body = body.rsplit_once("</svg>").map(|(body, _)| body).unwrap_or(body);
    let body = [" opacity=\"1\"", " stroke=\"none\"", " font-family=\"sans-serif\""]
        .iter()
        .fold(body.to_owned(), |body, default| body.replace(default, ""));
    let (title, description) = (format!("{}-title", caption.id), format!("{}-description", caption.id));
    Ok(html! {
        svg.chart id=(caption.id) viewBox=(format!("0 0 {} {}", width * FINE, height * FINE)) role="img"
            aria-labelledby=(format!("{title} {description}")) {
            title id=(title) { (caption.title) }
            desc id=(description) { (caption.description) }
            (PreEscaped(body))
        }
    })
}

/// How a chart's axes are labelled.
pub struct Labels<'t> {
    /// What the horizontal axis measures, with its unit.
    pub x: &'t str,
    /// The same of the vertical one; empty where it has names instead of numbers.
    pub y: &'t str,
    /// Writes a number at the horizontal axis.
    pub x_tick: &'t dyn Fn(&f64) -> String,
    /// The same at the vertical one.
    pub y_tick: &'t dyn Fn(&f64) -> String,
    /// Pixels on the left for the labels of the vertical axis.
    pub left: u32,
    /// About how many numbers stand at each axis.
    pub ticks: (usize, usize),
}

/// Axes with faint lines behind the data.
pub fn axes<'a, 's>(
    area: &'a Area<'s>,
    x: Range<f64>,
    y: Range<f64>,
    labels: &Labels<'_>,
) -> Result<Axes<'a, 's>, Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin_top(8 * FINE)
        .margin_left(4 * FINE)
        .margin_right(18 * FINE)
        .set_label_area_size(LabelAreaPosition::Left, labels.left * FINE)
        .set_label_area_size(LabelAreaPosition::Bottom, 42 * FINE)
        .build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh()
        .max_light_lines(0)
        .bold_line_style(GRID.light.stroke_width(FINE))
        .axis_style(GRID.light.stroke_width(FINE))
        .set_all_tick_mark_size(4 * FINE)
        .label_style(text())
        .axis_desc_style(text().color(&INK.light))
        .x_labels(labels.ticks.0)
        .y_labels(labels.ticks.1)
        .x_label_formatter(labels.x_tick)
        .y_label_formatter(labels.y_tick)
        .x_desc(labels.x);
    if labels.y.is_empty() {
        mesh.disable_y_mesh().disable_y_axis();
    } else {
        mesh.y_desc(labels.y);
    }
    mesh.draw()?;
    Ok(chart)
}
