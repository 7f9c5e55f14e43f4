/// How many rows of a table were copied, or are to be.
#[derive(Debug, Clone, Copy)]
pub struct TableCount {
    /// Its name.
    pub table: &'static str,
    /// Whether its rows may have sealed values.
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
    /// This many more rows of an earlier attempt were compared; those that differ from the source's were deleted.
    Compared(u64),
    /// The destination has this many more of the source's rows, copied now or earlier.
    Copied(u64),
    /// All rows were copied; the values of at most this many rows are to be decrypted.
    Opening(u64),
    /// The values of this many more rows were decrypted.
    Opened(u64),
}
