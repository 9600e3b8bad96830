//! A table as texts: what the layouts for a terminal, Markdown and LaTeX have in common. Its cells are clean, and
//! escaped by none of them.

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sheet {
    /// Its columns.
    pub(crate) columns: Vec<Column>,
    /// Its rows, with a cell in each column.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its head.
    pub(crate) name: String,
    /// Its numbers stand below each other.
    pub(crate) right: bool,
    /// What gives where there is too little room.
    pub(crate) give: Give,
}

/// How a column takes it that there is too little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Give {
    /// It is never cut.
    Nothing,
    /// Its cells are cut at the end, down to this width.
    End(usize),
    /// Its cells are cut in the middle, down to this width, and never take more than half of the whole.
    Middle(usize),
    /// It takes what is left, and goes where that is next to nothing.
    Rest,
}

impl Column {
    pub(crate) fn new(name: impl Into<String>, give: Give) -> Self {
        Self { name: name.into(), right: false, give }
    }

    pub(crate) fn right(self) -> Self {
        Self { right: true, ..self }
    }
}
