//! Draws the QR code of a URL for a terminal.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// Draws the code in half-height blocks; `None` if the text is too long. With colours, the code is dark on light at
/// every terminal. Without colours, it is readable on a dark background.
pub(super) fn render(text: &str, in_colour: bool) -> Option<String> {
    let (dark, light) = match in_colour {
        true => (Dense1x2::Dark, Dense1x2::Light),
        false => (Dense1x2::Light, Dense1x2::Dark),
    };
    let code = QrCode::new(text).ok()?;
    let lines = code.render::<Dense1x2>();
    let lines = { lines }.dark_color(dark).light_color(light).build();
    let paint = |line: &str| match in_colour {
        // Black on white, explicitly: cameras read inverted codes badly.
        true => format!("  \u{1b}[30;107m{line}\u{1b}[0m\n"),
        false => format!("  {line}\n"),
    };
    Some(lines.lines().map(paint).collect())
}
