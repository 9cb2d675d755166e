//! From a series to a picture, as SVG and as PNG.
//!
//! Pure: the same series gives the same bytes on every machine, because the font is shipped and
//! nothing is asked of the system. Knows neither files nor where the numbers come from.

mod bitmap;
mod canvas;
mod grouped_bars;
mod scale;
mod text;

use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea;

use crate::series::Series;
use bitmap::Bitmap;
use canvas::Canvas;

pub(crate) use grouped_bars::{color, subtitle};
pub(crate) use scale::grouped;
pub(crate) use text::drawable;

/// Width and height of every picture, in pixels.
pub const SIZE: (u32, u32) = (1600, 900);

/// One picture in two formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// A stand-alone SVG document.
    pub svg: String,
    /// A PNG file, 24 bits a pixel.
    pub png: Vec<u8>,
}

/// Draws one event's counts as bars, side by side per group. `group_by` is what the groups are
/// values of. A series without rows becomes a picture that says so.
pub fn grouped_bars(series: &Series, group_by: &str) -> Picture {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        grouped_bars::draw(&Canvas::new(&area), series, group_by)
            .expect("writing to a string cannot fail");
        area.present().expect("writing to a string cannot fail");
    }
    let mut pixels = vec![0; bitmap::bytes(SIZE)];
    {
        let area = Bitmap::new(&mut pixels, SIZE).into_drawing_area();
        grouped_bars::draw(&Canvas::new(&area), series, group_by)
            .expect("drawing in memory cannot fail");
    }
    Picture { svg, png: bitmap::png(&pixels, SIZE) }
}

#[cfg(test)]
mod tests;
