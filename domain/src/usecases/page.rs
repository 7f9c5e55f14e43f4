//! Lists come in pages.

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T, Cursor> {
    /// What is on it, in the order of the numbers.
    pub items: Vec<T>,
    /// After what the next page starts, if there is one.
    pub next: Option<Cursor>,
}

impl<T, Cursor> Page<T, Cursor> {
    /// Cuts a list off at `limit` items. The list was asked for one more than that: what tells whether there are more.
    pub(super) fn cut(mut items: Vec<T>, limit: u64, cursor: impl Fn(&T) -> Cursor) -> Self {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}
