//! Draws the QR code of an address for a terminal.

use qrcode::QrCode;
use qrcode::render::unicode;

/// The code in half-height blocks, dark on light whatever the terminal's colours; `None` when the text is too long.
pub(super) fn render(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let lines = code
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Dark)
        .light_color(unicode::Dense1x2::Light)
        .build();
    // Black on white, explicitly: cameras read inverted codes badly.
    let painted = lines
        .lines()
        .map(|line| format!("  \u{1b}[30;107m{line}\u{1b}[0m\n"));
    Some(painted.collect())
}
