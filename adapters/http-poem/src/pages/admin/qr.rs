//! Draws QR codes as paths of an SVG, which the pages' policy allows.

use std::fmt::Write as _;

use qrcode::{Color, QrCode};

pub(super) struct Drawing {
    /// The `viewBox` of the SVG, which includes the quiet zone around the code.
    pub(super) view_box: String,
    /// A square for each dark module.
    pub(super) path: String,
}

/// The quiet zone around a code, in modules.
const QUIET: usize = 4;

/// Draws a text as a QR code; `None` if it is too long.
pub(super) fn draw(text: &str) -> Option<Drawing> {
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (place, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (place % width + QUIET, place / width + QUIET);
            // Writing to a string does not fail.
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    let size = width + 2 * QUIET;
    Some(Drawing {
        view_box: format!("0 0 {size} {size}"),
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_corner_inside_the_quiet_zone() {
        let drawing = draw("https://auth.example/device?code=12345678").unwrap();
        assert!(drawing.path.starts_with("M4 4h1v1h-1z"), "{}", drawing.path);
        assert_eq!(drawing.view_box, "0 0 37 37");
        assert!(draw(&"x".repeat(5000)).is_none());
    }
}
