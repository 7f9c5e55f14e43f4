//! Tables for people.

use unicode_width::UnicodeWidthStr as _;

/// Lays out a head and rows in columns, without a line end after the last row.
pub(super) fn lay_out<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let rows = std::iter::once(head.map(str::to_owned)).chain(rows);
    let rows = Vec::from_iter(rows);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|row| row[column].width());
        widths.max().unwrap_or(0)
    });
    let lines: Vec<_> = rows.iter().map(|row| line(row, &widths)).collect();
    lines.join("\n")
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    const GAP: usize = 2;
    let mut line = String::new();
    for (cell, width) in row.iter().zip(widths) {
        // `format!` pads by characters, but a character may be two columns wide or none.
        let blanks = width + GAP - cell.width();
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', blanks));
    }
    line.trim_end().to_owned()
}

/// Formats a duration in its largest useful unit.
pub(super) fn distance(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        // Hours up to 48, because "1 d" is too imprecise.
        HOUR..172_800 => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit_what_is_in_them() {
        let rows = [["1", "Al", "y"], ["1234", "愛子", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));
        let expected = "ID    NAME  X\n1     Al    y\n1234  愛子";
        assert_eq!(lay_out(["ID", "NAME", "X"], rows), expected);
    }
}
