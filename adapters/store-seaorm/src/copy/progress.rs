/// The number of a table's rows at the source and the destination.
#[derive(Debug, Clone, Copy)]
pub struct TableCount {
    /// The name of the table.
    pub table: &'static str,
    /// Whether rows of this table may have sealed values.
    pub may_be_sealed: bool,
    /// Rows at the source.
    pub source: u64,
    /// Rows at the destination.
    pub destination: u64,
}

/// The progress of a copy, in rows.
#[derive(Debug, Clone, Copy)]
pub enum CopyProgress {
    /// The copy began; the source has this many rows.
    Begun(u64),
    /// This many more rows of an earlier attempt were compared with the source. Rows that differ were deleted.
    Compared(u64),
    /// This many more rows of the source are at the destination, copied by this or an earlier attempt.
    Copied(u64),
    /// All rows were copied. Now the sealed values of at most this many rows are decrypted.
    Opening(u64),
    /// The sealed values of this many more rows were decrypted.
    Opened(u64),
}
