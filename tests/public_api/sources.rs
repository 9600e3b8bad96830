//! The sources of the packages, by module, and what a name in one of them means. Reads files; knows nothing of a face.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item, UseTree, Visibility};

/// The packages, and where they begin.
const PACKAGES: [(&str, &str); 4] = [
    ("provisor", "src/lib.rs"),
    ("provisor_actors", "actors/src/lib.rs"),
    ("provisor_config", "config/src/lib.rs"),
    ("provisor_core", "actors/core/src/lib.rs"),
];

/// The items of each module, by its path (`provisor_core::plan`), but for those that only tests have.
pub(crate) struct Sources(BTreeMap<String, Vec<Item>>);

/// A name that a module has from elsewhere.
pub(crate) struct Used {
    /// What it is called here.
    pub(crate) name: String,
    /// Where it is from; for a `*` the module, and the name is `*`.
    pub(crate) path: Vec<String>,
    /// It is exported.
    pub(crate) is_public: bool,
}

impl Sources {
    /// All of them.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = Self(BTreeMap::new());
        for (name, file) in PACKAGES {
            let file = root.join(file);
            let folder = file.parent().expect("it is in one").to_owned();
            sources.add(name, &items_of(&file), &folder);
        }
        sources
    }

    /// A module whose own modules are in files in this folder.
    fn add(&mut self, module: &str, items: &[Item], folder: &Path) {
        for item in items {
            let Item::Mod(inner) = item else { continue };
            if is_for_tests(&inner.attrs) {
                continue;
            }
            let (name, path) = (inner.ident.to_string(), format!("{module}::{}", inner.ident));
            let folder = folder.join(&name);
            match &inner.content {
                Some((_, items)) => self.add(&path, items, &folder),
                None => self.add(&path, &items_of(&file_of(&folder)), &folder),
            }
        }
        let items = items.iter().filter(|item| !attributes(item).is_some_and(is_for_tests));
        self.0.insert(module.to_owned(), items.cloned().collect());
    }

    /// Every module and its items.
    pub(crate) fn modules(&self) -> impl Iterator<Item = (&str, &[Item])> {
        self.0.iter().map(|(module, items)| (module.as_str(), items.as_slice()))
    }

    /// The items of a module.
    pub(crate) fn items(&self, module: &str) -> &[Item] {
        self.0.get(module).map_or(&[], Vec::as_slice)
    }

    /// The item at such a path.
    pub(crate) fn item(&self, path: &str) -> Option<&Item> {
        let (module, name) = path.rsplit_once("::")?;
        self.items(module).iter().find(|item| named(item).is_some_and(|(own, _)| own == name))
    }

    /// Where the thing is defined that a module calls so; `None` if that is not in these sources.
    pub(crate) fn resolve(&self, module: &str, path: &[String]) -> Option<String> {
        let (first, rest) = path.split_first()?;
        let begin = match first.as_str() {
            "crate" => module.split("::").next()?.to_owned(),
            "self" => module.to_owned(),
            "super" => module.rsplit_once("::")?.0.to_owned(),
            package if PACKAGES.iter().any(|(name, _)| *name == package) => package.to_owned(),
            name => self.member(module, name)?,
        };
        rest.iter().try_fold(begin, |at, name| match name.as_str() {
            "super" => Some(at.rsplit_once("::")?.0.to_owned()),
            name => self.member(&at, name),
        })
    }

    fn member(&self, module: &str, name: &str) -> Option<String> {
        let own = format!("{module}::{name}");
        if self.0.contains_key(&own) || self.item(&own).is_some() {
            return Some(own);
        }
        self.used(module).into_iter().find_map(|used| {
            // `use serde;` is no name of these sources.
            if used.path == [name] {
                return None;
            }
            match used.name.as_str() {
                "*" => self.resolve(module, &used.path).and_then(|from| self.member(&from, name)),
                known if known == name => self.resolve(module, &used.path),
                _ => None,
            }
        })
    }

    /// The names that a module has from elsewhere.
    pub(crate) fn used(&self, module: &str) -> Vec<Used> {
        let mut found = Vec::new();
        for item in self.items(module) {
            if let Item::Use(item) = item {
                let is_public = matches!(item.vis, Visibility::Public(_));
                leaves(&item.tree, &mut Vec::new(), &mut |name, path| {
                    found.push(Used { name, path, is_public });
                });
            }
        }
        found
    }
}

/// The names in a `use`, and their paths.
fn leaves(tree: &UseTree, at: &mut Vec<String>, found: &mut impl FnMut(String, Vec<String>)) {
    let with = |name: String, at: &[String]| match name.as_str() {
        "self" => at.to_vec(),
        _ => [at, &[name]].concat(),
    };
    match tree {
        UseTree::Path(path) => {
            at.push(path.ident.to_string());
            leaves(&path.tree, at, found);
            at.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, at, found)),
        UseTree::Glob(_) => found("*".into(), at.clone()),
        UseTree::Rename(rename) => found(rename.rename.to_string(), with(rename.ident.to_string(), at)),
        UseTree::Name(name) => {
            let path = with(name.ident.to_string(), at);
            found(path.last().expect("it has a name").clone(), path);
        }
    }
}

/// What an item is called, and who may see it; none of those that are no definitions.
pub(crate) fn named(item: &Item) -> Option<(String, &Visibility)> {
    let (ident, visibility) = match item {
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((ident.to_string(), visibility))
}

fn attributes(item: &Item) -> Option<&[Attribute]> {
    match item {
        Item::Impl(item) => Some(&item.attrs),
        Item::Fn(item) => Some(&item.attrs),
        Item::Use(item) => Some(&item.attrs),
        Item::Struct(item) => Some(&item.attrs),
        _ => None,
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// The file of a module whose own modules are in files in this folder.
fn file_of(folder: &Path) -> PathBuf {
    let beside = folder.with_extension("rs");
    if beside.exists() { beside } else { folder.join("mod.rs") }
}

fn items_of(file: &Path) -> Vec<Item> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items
}
