//! `provisor presets`: the presets that are built in, or one of them, or a file of the user.

use std::path::Path;

use provisor_config::presets::{self, Described};

use crate::cli::PresetsArgs;
use crate::failure::Failure;
use crate::program::print;
use crate::view;

pub(crate) fn show(args: &PresetsArgs) -> Result<u8, Failure> {
    let presets = match &args.name {
        Some(name) => vec![find(name)?],
        None => presets::names().map(find).collect::<Result<_, _>>()?,
    };
    if !args.ron {
        return print(&view::presets::text(&presets));
    }
    let files: Option<String> = presets.iter().map(view::presets::file).collect();
    let no_file = || {
        let name = args.name.as_deref().unwrap_or_default();
        Failure::Usage(format!(
            "the preset {name} is code and has no file: `provisor presets smt --ron` has one"
        ))
    };
    print(&files.ok_or_else(no_file)?)
}

/// The preset of this name or in this file.
pub(crate) fn find(name: &str) -> Result<Described, Failure> {
    if let Some(preset) = presets::named(name).map_err(Failure::Spec)? {
        return Ok(preset);
    }
    let path = Path::new(name);
    if path.extension().is_some_and(|extension| extension == "ron") {
        return presets::of_file(path).map_err(Failure::Spec);
    }
    let name = provisor_core::text::clean(name);
    Err(Failure::Usage(format!("there is no preset `{name}`: {}", presets::hint(&name, "mine.ron"))))
}
