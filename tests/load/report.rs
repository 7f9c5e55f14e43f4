//! The table: a line for what is measured, a column for each size.

use std::fmt;

pub(super) struct Report {
    sizes: [u64; 2],
    lines: Vec<(String, [Vec<f64>; 2])>,
}

impl Report {
    pub(super) const fn new(sizes: [u64; 2]) -> Self {
        Self {
            sizes,
            lines: Vec::new(),
        }
    }

    /// Notes a figure; those of the same name are repetitions.
    pub(super) fn note(&mut self, what: &str, column: usize, figure: f64) {
        eprintln!("{} accounts: {what}: {figure:.1}", self.sizes[column]);
        let line = self.lines.iter_mut().find(|(name, _)| name == what);
        match line {
            Some((_, columns)) => columns[column].push(figure),
            None => {
                let mut columns = [Vec::new(), Vec::new()];
                columns[column].push(figure);
                self.lines.push((what.to_owned(), columns));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [few, many] = self.sizes;
        writeln!(
            f,
            "Medians, with the lowest and the highest where there are several.\n"
        )?;
        writeln!(
            f,
            "| | {few} accounts | {many} accounts | ratio |\n| --- | --- | --- | --- |"
        )?;
        for (what, [few, many]) in &self.lines {
            let ratio = median(many) / median(few);
            writeln!(
                f,
                "| {what} | {} | {} | {ratio:.2} |",
                shown(few),
                shown(many)
            )?;
        }
        Ok(())
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn shown(figures: &[f64]) -> String {
    let lowest = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = figures.iter().copied().fold(0.0, f64::max);
    match figures {
        [only] => format!("{only:.1}"),
        _ => format!("{:.1} ({lowest:.1} to {highest:.1})", median(figures)),
    }
}
