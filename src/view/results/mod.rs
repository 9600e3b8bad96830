//! The results in all their forms. Layout only: what is shown, and in which order, was decided before. Whatever came from
//! a child is cleaned on its way into a [`Sheet`](sheet::Sheet) or a document.

pub(crate) mod columns;
pub(crate) mod comma;
pub(crate) mod grid;
pub(crate) mod json;
pub(crate) mod junit;
mod labels;
pub(crate) mod latex;
pub(crate) mod markdown;
pub(crate) mod matrix;
pub(crate) mod sheet;
pub(crate) mod table;
#[cfg(test)]
mod tests;
