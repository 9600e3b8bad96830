//! The command that shows presets.

use clap::Args;

/// `provisor presets`.
#[derive(Debug, Args)]
pub(crate) struct PresetsArgs {
    /// Only this one: its name, or the path of a file of your own that ends in .ron
    #[arg(value_name = "NAME|FILE.ron")]
    pub(crate) name: Option<String>,
    /// The preset's file itself, to begin one's own with
    #[arg(long, requires = "name")]
    pub(crate) ron: bool,
}
