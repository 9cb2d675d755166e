//! The chart of one event: for each day (or week, month, year) a bar per group, side by side.
//!
//! One function draws every format. It places everything itself, in pixels of [`super::SIZE`],
//! because what must never overlap is known only here.

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use super::SIZE;
use super::canvas::{Anchor, Canvas, Drawn, Style};
use super::scale::{self, CountScale};
use super::text;
use crate::series::{Group, Series, Step};

/// Paul Tol's "muted" scheme, made to be told apart by the colour-blind; grey for the tenth.
const PALETTE: [RGBColor; crate::series::GROUPS_MAX + 1] = [
    RGBColor(0x33, 0x22, 0x88),
    RGBColor(0xcc, 0x66, 0x77),
    RGBColor(0x44, 0xaa, 0x99),
    RGBColor(0xdd, 0xcc, 0x77),
    RGBColor(0xaa, 0x44, 0x99),
    RGBColor(0x11, 0x77, 0x33),
    RGBColor(0x88, 0xcc, 0xee),
    RGBColor(0x88, 0x22, 0x55),
    RGBColor(0x99, 0x99, 0x33),
    RGBColor(0xb4, 0xb4, 0xb4),
];
const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const INK_LIGHT: RGBColor = RGBColor(0x5f, 0x5f, 0x5f);
const GRID: RGBColor = RGBColor(0xe2, 0xe2, 0xe2);

const TITLE: Style = Style { em: 38.0, color: INK };
const SUBTITLE: Style = Style { em: 24.0, color: INK_LIGHT };
const LEGEND: Style = Style { em: 24.0, color: INK };
const TICK: Style = Style { em: 21.0, color: INK };
const CAPTION: Style = Style { em: 21.0, color: INK_LIGHT };
const BAR_LABEL: Style = Style { em: 20.0, color: INK };
const MESSAGE: Style = Style { em: 30.0, color: INK_LIGHT };

const WIDTH: i32 = SIZE.0 as i32;
const HEIGHT: i32 = SIZE.1 as i32;
/// Between the picture's edge and anything in it.
const MARGIN: i32 = 48;
const TITLE_TOP: i32 = 40;
const SUBTITLE_TOP: i32 = 96;
const LEGEND_TOP: i32 = 150;
const LEGEND_ROW_HEIGHT: i32 = 40;
const LEGEND_SWATCH: i32 = 22;
const LEGEND_LABEL_ROOM_MAX: f64 = 420.0;
/// Between the legend and the plot: the count axis' caption and the highest bar's label.
const PLOT_HEAD: i32 = 76;
/// Below the plot: ticks, their labels, years, the time axis' caption.
const PLOT_FOOT: i32 = 142;
/// Between the labels of two ticks.
const TICK_GAP: f64 = 10.0;
/// Between slots, in bars.
const SLOT_GAP_BARS: f64 = 0.7;
const BAR_WIDTH_MAX: f64 = 120.0;
/// A count of one is still seen beside a million.
const BAR_HEIGHT_MIN: f64 = 2.0;

/// Where the bars are.
#[derive(Debug, Clone, Copy)]
struct Plot {
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
    slot_width: f64,
}

impl Plot {
    fn slot_center(self, index: usize) -> f64 {
        f64::from(self.left) + (index as f64 + 0.5) * self.slot_width
    }

    /// The height of `count` above the time axis, in pixels.
    fn height(self, count: u128, scale: CountScale) -> f64 {
        count as f64 / scale.top as f64 * f64::from(self.bottom - self.top)
    }
}

/// The colour of a group as the SVG names it.
///
/// # Panics
/// If the index is above [`crate::series::GROUPS_MAX`].
pub(crate) fn color(color_index: usize) -> String {
    let RGBColor(red, green, blue) = PALETTE[color_index];
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// Draws the whole picture.
pub(super) fn draw<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    series: &Series,
    group_by: &str,
) -> Drawn<B> {
    let text_width = f64::from(WIDTH - 2 * MARGIN);
    canvas.fill(PAPER)?;
    let title = text::fit(&series.event, TITLE.em, text_width);
    canvas.text(&title, TITLE, Anchor::TopLeft, (MARGIN, TITLE_TOP))?;
    let subtitle = text::fit(&subtitle(series, group_by), SUBTITLE.em, text_width);
    canvas.text(&subtitle, SUBTITLE, Anchor::TopLeft, (MARGIN, SUBTITLE_TOP))?;
    if series.slots.is_empty() {
        let message = "There is no event of this name in the table";
        return canvas.text(message, MESSAGE, Anchor::Center, (WIDTH / 2, HEIGHT / 2));
    }
    let legend_bottom = draw_legend(canvas, &series.groups)?;
    let scale = CountScale::reaching(series.count_max());
    let tick_width = scale.ticks().map(|tick| text::width(&scale.label(tick), TICK.em));
    let left = MARGIN + tick_width.fold(0.0, f64::max).ceil() as i32 + 16;
    let right = WIDTH - MARGIN;
    let plot = Plot {
        left,
        right,
        top: legend_bottom + PLOT_HEAD,
        bottom: HEIGHT - PLOT_FOOT,
        slot_width: f64::from(right - left) / series.slots.len() as f64,
    };
    draw_count_axis(canvas, plot, scale)?;
    draw_bars(canvas, plot, scale, series)?;
    draw_time_axis(canvas, plot, series)
}

/// How many events happened, when, and what the chart counts them by.
pub(crate) fn subtitle(series: &Series, group_by: &str) -> String {
    let Some((first, last)) = series.span else { return "0 events".to_owned() };
    let total = series.total();
    let events = if total == 1 { "event" } else { "events" };
    let days =
        if first == last { format!("on {first}") } else { format!("from {first} to {last}") };
    let step = match series.step {
        Step::Day => "day",
        Step::Week => "week",
        Step::Month => "month",
        Step::Year => "year",
    };
    let total = scale::grouped(u128::from(total));
    format!("{total} {events} {days}, per {step} by {group_by}")
}

/// Draws the legend in as many rows as it needs; returns where it ends.
fn draw_legend<B: DrawingBackend>(canvas: &Canvas<'_, B>, groups: &[Group]) -> Drawn<B, i32> {
    let (mut left, mut top) = (MARGIN, LEGEND_TOP);
    for group in groups {
        let label = text::fit(&group.label, LEGEND.em, LEGEND_LABEL_ROOM_MAX);
        let width = LEGEND_SWATCH + 12 + text::room(&label, LEGEND.em).ceil() as i32;
        if left != MARGIN && WIDTH - MARGIN < left + width {
            (left, top) = (MARGIN, top + LEGEND_ROW_HEIGHT);
        }
        let swatch = [(left, top), (left + LEGEND_SWATCH, top + LEGEND_SWATCH)];
        canvas.rectangle(swatch, PALETTE[group.color_index])?;
        let place = (left + LEGEND_SWATCH + 12, top + LEGEND_SWATCH / 2);
        canvas.text(&label, LEGEND, Anchor::Left, place)?;
        left += width + 28;
    }
    Ok(top + LEGEND_SWATCH)
}

fn draw_count_axis<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: Plot,
    scale: CountScale,
) -> Drawn<B> {
    canvas.text("events", CAPTION, Anchor::TopLeft, (MARGIN, plot.top - PLOT_HEAD + 24))?;
    for tick in scale.ticks() {
        let y = plot.bottom - plot.height(tick, scale).round() as i32;
        if tick != 0 {
            canvas.rectangle([(plot.left, y), (plot.right, y + 1)], GRID)?;
        }
        canvas.text(&scale.label(tick), TICK, Anchor::Right, (plot.left - 14, y))?;
    }
    Ok(())
}

fn draw_bars<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: Plot,
    scale: CountScale,
    series: &Series,
) -> Drawn<B> {
    let groups_count = series.groups.len() as f64;
    let bar_width = (plot.slot_width / (groups_count + SLOT_GAP_BARS)).min(BAR_WIDTH_MAX);
    let gap = if bar_width < 12.0 { 0 } else { 2 };
    let label = |count: u64| scale::grouped(u128::from(count));
    let counts = series.groups.iter().flat_map(|group| &group.counts);
    let label_room = counts.map(|count| text::room(&label(*count), BAR_LABEL.em));
    let labelled = label_room.fold(0.0, f64::max) + 2.0 <= bar_width;
    for slot in 0..series.slots.len() {
        let slot_left = plot.slot_center(slot) - bar_width * groups_count / 2.0;
        for (index, group) in series.groups.iter().enumerate() {
            let count = group.counts[slot];
            let left = slot_left + bar_width * index as f64;
            let right = ((left + bar_width).round() as i32 - gap).max(left.round() as i32 + 1);
            let mut top = plot.bottom;
            if count != 0 {
                let height = plot.height(u128::from(count), scale).max(BAR_HEIGHT_MIN);
                top -= height.round() as i32;
                let corners = [(left.round() as i32, top), (right, plot.bottom)];
                canvas.rectangle(corners, PALETTE[group.color_index])?;
            }
            if labelled {
                let middle = (left.round() as i32 + right) / 2;
                canvas.text(&label(count), BAR_LABEL, Anchor::Bottom, (middle, top))?;
            }
        }
    }
    Ok(())
}

fn draw_time_axis<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    plot: Plot,
    series: &Series,
) -> Drawn<B> {
    let label = |index: usize| scale::day_label(series.step, series.slots[index]);
    let label_room =
        (0..series.slots.len()).map(|index| text::room(&label(index), TICK.em)).fold(0.0, f64::max);
    let distance_min = label_room + TICK_GAP;
    canvas.rectangle([(plot.left, plot.bottom), (plot.right, plot.bottom + 2)], INK)?;
    let mut year = None;
    for index in scale::day_ticks(series.step, &series.slots, plot.slot_width, distance_min) {
        let x = plot.slot_center(index).round() as i32;
        canvas.rectangle([(x - 1, plot.bottom), (x + 1, plot.bottom + 9)], INK)?;
        canvas.text(&label(index), TICK, Anchor::Top, (x, plot.bottom + 18))?;
        let year_of_slot = series.slots[index].year();
        if series.step != Step::Year && year.replace(year_of_slot) != Some(year_of_slot) {
            let place = (x, plot.bottom + 46);
            canvas.text(&year_of_slot.to_string(), CAPTION, Anchor::Top, place)?;
        }
    }
    let caption = match series.step {
        Step::Day => "day",
        Step::Week => "week from Monday",
        Step::Month => "month",
        Step::Year => "year",
    };
    let middle = (plot.left + plot.right) / 2;
    canvas.text(caption, CAPTION, Anchor::Top, (middle, HEIGHT - 56))
}
