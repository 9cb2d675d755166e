//! Rectangles and texts in pixels: all that our charts are made of.

use plotters::backend::DrawingBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor};

use super::text;

/// What drawing may end with; in memory it does not.
pub(super) type Drawn<B, T = ()> =
    Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// plotters takes a text's size as the height of a line, which it holds to be this many ems.
pub(super) const EMS_PER_SIZE: f64 = 1.24;

/// A picture in the making.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Pixels to the em.
    pub(super) em: f64,
    /// Ink.
    pub(super) color: RGBColor,
}

/// Which point of a text stands at the place given for it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// The upper left corner.
    TopLeft,
    /// The middle of the upper edge.
    Top,
    /// The middle of the lower edge.
    Bottom,
    /// The middle of the left edge.
    Left,
    /// The middle of the right edge.
    Right,
    /// The middle.
    Center,
}

impl Anchor {
    fn position(self) -> Pos {
        match self {
            Self::TopLeft => Pos::new(HPos::Left, VPos::Top),
            Self::Top => Pos::new(HPos::Center, VPos::Top),
            Self::Bottom => Pos::new(HPos::Center, VPos::Bottom),
            Self::Left => Pos::new(HPos::Left, VPos::Center),
            Self::Right => Pos::new(HPos::Right, VPos::Center),
            Self::Center => Pos::new(HPos::Center, VPos::Center),
        }
    }
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(super) fn new(area: &'a DrawingArea<B, Shift>) -> Self {
        Self { area }
    }

    pub(super) fn fill(&self, color: RGBColor) -> Drawn<B> {
        self.area.fill(&color)
    }

    /// Fills from the first corner up to, not including, the second one.
    pub(super) fn rectangle(&self, corners: [(i32, i32); 2], color: RGBColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new(corners, color.filled()))
    }

    pub(super) fn text(
        &self,
        text: &str,
        style: Style,
        anchor: Anchor,
        place: (i32, i32),
    ) -> Drawn<B> {
        std::sync::LazyLock::force(&text::FONT);
        let size = style.em * EMS_PER_SIZE;
        let font = FontDesc::new(FontFamily::Name(text::FAMILY), size, FontStyle::Normal);
        self.area.draw_text(text, &font.color(&style.color).pos(anchor.position()), place)
    }
}
