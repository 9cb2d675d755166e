//! The shipped font: how wide a text is, and how it is made fit to be drawn.
//!
//! Viewers of the SVG may use another font, so whoever places a text beside another leaves it
//! [`room`]. Scripts that Roboto lacks (it has Latin, Greek and Cyrillic) are boxes in the PNG;
//! the SVG leaves them to the viewer's fonts.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef};
use plotters::style::FontStyle;

/// The font's name: in the SVG what a viewer looks for, to plotters what we registered.
pub(super) const FAMILY: &str = "Roboto, Helvetica, Arial, sans-serif";

const ROBOTO: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");

/// Roboto, also known to plotters as [`FAMILY`].
pub(super) static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    let registered = plotters::style::register_font(FAMILY, FontStyle::Normal, ROBOTO).is_ok();
    assert!(registered, "the shipped font is one that plotters reads");
    FontRef::try_from_slice(ROBOTO).expect("the shipped font is a font")
});

/// How much wider than Roboto the sans-serif of a viewer's system may be; DejaVu Sans is that much.
const WIDER: f64 = 1.18;

/// Width of `text` in pixels, `em` pixels to the em. What the font lacks counts as one em.
pub(super) fn width(text: &str, em: f64) -> f64 {
    text.chars().map(|character| advance(character, em)).sum()
}

/// The width that `text` may take in a viewer's own font.
pub(super) fn room(text: &str, em: f64) -> f64 {
    width(text, em) * WIDER
}

/// From one character to the next, in pixels.
pub(super) fn advance(character: char, em: f64) -> f64 {
    let glyph = FONT.glyph_id(character);
    if glyph.0 == 0 {
        return em;
    }
    let units_per_em = FONT.units_per_em().expect("the shipped font has a size");
    f64::from(FONT.h_advance_unscaled(glyph)) * em / f64::from(units_per_em)
}

/// `text` made safe to draw, and cut with an ellipsis if it needs more [`room`] than `room_max`.
pub(super) fn fit(text: &str, em: f64, room_max: f64) -> String {
    let width_max = room_max / WIDER;
    let ellipsis = advance('…', em);
    let mut fitted = String::new();
    let mut fitted_width = 0.0;
    // Where to cut if it turns out that not all of it fits.
    let mut cut = 0;
    for character in text.chars().map(drawable) {
        fitted_width += advance(character, em);
        if width_max < fitted_width {
            fitted.truncate(cut);
            fitted.push('…');
            break;
        }
        fitted.push(character);
        if fitted_width + ellipsis <= width_max {
            cut = fitted.len();
        }
    }
    fitted
}

/// Control characters have no shape and XML forbids most of them; those that turn the direction of
/// writing would mix up what stands beside them.
pub(crate) fn drawable(character: char) -> char {
    match character {
        '\n' | '\t' => ' ',
        '\u{61c}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        _ if character.is_control() => '\u{fffd}',
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_stays_and_a_longer_one_ends_in_an_ellipsis_within_the_width() {
        assert_eq!(fit("android", 20.0, 200.0), "android");
        let cut = fit(&"wide ".repeat(100), 20.0, 200.0);
        assert!(cut.starts_with("wide wide ") && cut.ends_with('…'), "{cut}");
        assert!(room(&cut, 20.0) <= 200.0, "{cut}");
        assert_eq!(fit("anything", 20.0, 0.0), "…");
    }

    #[test]
    fn what_cannot_be_drawn_is_replaced() {
        assert_eq!(fit("a\nb\u{0}c\u{202e}d\u{1b}", 10.0, 500.0), "a b\u{fffd}c\u{fffd}d\u{fffd}");
        assert_eq!(fit("Zürich Ελλάδα 日本 🦀", 10.0, 500.0), "Zürich Ελλάδα 日本 🦀");
    }

    #[test]
    fn what_the_font_lacks_has_the_width_of_an_em() {
        assert_eq!(width("日本", 20.0), 40.0);
        assert!(width("il", 20.0) < width("mm", 20.0));
    }

    #[test]
    fn the_font_is_registered_with_plotters() {
        LazyLock::force(&FONT);
        let font = plotters::style::IntoFont::into_font((FAMILY, 20));
        assert!(font.box_size("text").is_ok());
    }
}
