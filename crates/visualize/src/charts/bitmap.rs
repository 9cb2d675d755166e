//! Pixels: plotters' bitmap, with letters set as a viewer of the SVG sets them.
//!
//! plotters' own text leaves out each glyph's side bearing, rounds every advance to whole pixels,
//! and stands higher than the same text in an SVG.

use ab_glyph::{Font, PxScale, point};
use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind,
};

use super::canvas::EMS_PER_SIZE;
use super::text;

/// The height of Roboto's x, in ems; SVG viewers take it from the font too.
const X_HEIGHT_EMS: f64 = 1082.0 / 2048.0;

type Failed = DrawingErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// A bitmap of 24 bits a pixel.
pub(super) struct Bitmap<'a> {
    pixels: BitMapBackend<'a>,
}

impl<'a> Bitmap<'a> {
    /// `pixels` has the length that [`bytes`] gives.
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Self {
        Self { pixels: BitMapBackend::with_buffer(pixels, size) }
    }
}

/// The length of a bitmap's buffer.
pub(super) fn bytes((width, height): (u32, u32)) -> usize {
    width as usize * height as usize * 3
}

/// The pixels as a PNG file.
pub(super) fn png(pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // The encoder's default is made for photographs in a hurry: ten times as long a file.
    encoder.set_compression(png::Compression::Best);
    encoder.set_filter(png::FilterType::Up);
    let mut writer = encoder.write_header().expect("writing to memory cannot fail");
    writer.write_image_data(pixels).expect("writing to memory cannot fail");
    writer.finish().expect("writing to memory cannot fail");
    file
}

impl DrawingBackend for Bitmap<'_> {
    type ErrorType = <BitMapBackend<'static> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.pixels.get_size()
    }

    fn ensure_prepared(&mut self) -> Result<(), Failed> {
        self.pixels.ensure_prepared()
    }

    fn present(&mut self) -> Result<(), Failed> {
        self.pixels.present()
    }

    fn draw_pixel(&mut self, place: BackendCoord, color: BackendColor) -> Result<(), Failed> {
        self.pixels.draw_pixel(place, color)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        bottom_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Result<(), Failed> {
        self.pixels.draw_rect(upper_left, bottom_right, style, fill)
    }

    /// Horizontal text only: our charts turn none.
    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Result<(), Failed> {
        let em = style.size() / EMS_PER_SIZE;
        let anchor = style.anchor();
        let mut left = f64::from(x)
            - match anchor.h_pos {
                HPos::Left => 0.0,
                HPos::Center => text::width(text, em) / 2.0,
                HPos::Right => text::width(text, em),
            };
        // The offsets that plotters writes as `dy` into an SVG.
        let baseline = f64::from(y)
            + match anchor.v_pos {
                VPos::Top => 0.76 * em,
                VPos::Center => 0.5 * X_HEIGHT_EMS * em,
                VPos::Bottom => -0.5 * X_HEIGHT_EMS * em,
            };
        for character in text.chars() {
            self.draw_glyph(character, em, (left, baseline.round()), style.color())?;
            left += text::advance(character, em);
        }
        Ok(())
    }
}

impl Bitmap<'_> {
    fn draw_glyph(
        &mut self,
        character: char,
        em: f64,
        (left, baseline): (f64, f64),
        color: BackendColor,
    ) -> Result<(), Failed> {
        let font = &*text::FONT;
        let units_per_em = font.units_per_em().expect("the shipped font has a size");
        let scale = PxScale::from(em as f32 * font.height_unscaled() / units_per_em);
        let place = point(left as f32, baseline as f32);
        let glyph = font.glyph_id(character).with_scale_and_position(scale, place);
        let Some(outline) = font.outline_glyph(glyph) else { return Ok(()) };
        let corner = outline.px_bounds().min;
        let mut covered = Vec::new();
        outline.draw(|x, y, coverage| covered.push((x as i32, y as i32, f64::from(coverage))));
        let (width, height) = self.get_size();
        for (x, y, coverage) in covered {
            let (x, y) = (corner.x as i32 + x, corner.y as i32 + y);
            if (0..width as i32).contains(&x) && (0..height as i32).contains(&y) {
                let alpha = color.alpha * coverage.clamp(0.0, 1.0);
                self.draw_pixel((x, y), BackendColor { alpha, ..color })?;
            }
        }
        Ok(())
    }
}
