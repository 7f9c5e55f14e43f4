//! Pagination of lists.

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T, Cursor> {
    /// The items, in the order of their numbers.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Cursor>,
}

impl<T, Cursor> Page<T, Cursor> {
    /// Cuts a list to `limit` items. The caller has read one item more, which shows that there is a next page.
    pub(super) fn cut(mut items: Vec<T>, limit: u64, cursor: impl Fn(&T) -> Cursor) -> Self {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}
