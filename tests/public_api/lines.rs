//! The face as lines of text: an item, a field, a variant, a method or a trait each, in an order that does not depend on where
//! they stand in the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{
    Attribute, Expr, Fields, File, FnArg, Generics, ImplItem, Item, ItemImpl, Pat, Path, Signature, Token,
    TraitItem, Type, Variant, Visibility, parse_quote,
};

use crate::sources::{Sources, named};

/// All lines.
pub(crate) fn of(sources: &Sources) -> Vec<String> {
    let mut face = Face {
        sources,
        names: BTreeMap::new(),
        others: Vec::new(),
        used: BTreeSet::new(),
        impls: impls(sources),
    };
    face.gather("provisor", "");
    let mut lines = std::mem::take(&mut face.others);
    let mut names: Vec<_> = face.names.clone().into_iter().collect();
    names.sort_by(|(_, one), (_, other)| one.cmp(other));
    for (path, name) in &names {
        lines.extend(face.lines(path, name));
    }
    let unnamed = face.used.difference(&face.names.keys().cloned().collect()).cloned().collect::<Vec<_>>();
    lines.extend(
        unnamed.into_iter().map(|path| format!("of no name in the face, but in a signature: {path}")),
    );
    lines
}

struct Face<'a> {
    sources: &'a Sources,
    /// What an item is called in the face, by its path in the sources.
    names: BTreeMap<String, String>,
    /// Lines of what is exported as a whole, or comes from elsewhere.
    others: Vec<String>,
    /// What signatures name, by its path in the sources.
    used: BTreeSet<String>,
    /// Whatever any package says of a type: in which module, and of what, by its path in the sources.
    impls: Vec<(&'a str, &'a ItemImpl, Option<String>)>,
}

fn impls(sources: &Sources) -> Vec<(&str, &ItemImpl, Option<String>)> {
    let behind = sources.modules().filter(|(module, _)| !module.starts_with("provisor::"));
    let items = behind.flat_map(|(module, items)| items.iter().map(move |item| (module, item)));
    let impls = items.filter_map(|(module, item)| match item {
        Item::Impl(item) => Some((module, item, resolve(sources, module, &item.self_ty))),
        _ => None,
    });
    impls.collect()
}

fn resolve(sources: &Sources, module: &str, of: &Type) -> Option<String> {
    match of {
        Type::Path(of) if of.qself.is_none() => sources.resolve(module, &segments(&of.path)),
        _ => None,
    }
}

impl Face<'_> {
    /// What can be named of a module, with this before each name.
    fn gather(&mut self, module: &str, before: &str) {
        for item in self.sources.items(module) {
            if let Some((name, Visibility::Public(_))) = named(item) {
                self.names.insert(format!("{module}::{name}"), format!("{before}{name}"));
            }
            if let Item::Mod(inner) = item
                && matches!(inner.vis, Visibility::Public(_))
            {
                self.gather(&format!("{module}::{}", inner.ident), &format!("{before}{}::", inner.ident));
            }
        }
        for used in self.sources.used(module).into_iter().filter(|used| used.is_public) {
            let name = format!("{before}{}", used.name);
            match self.sources.resolve(module, &used.path) {
                Some(path) if used.name == "*" => self.gather(&path, before),
                Some(path) if self.sources.item(&path).is_some() => drop(self.names.insert(path, name)),
                Some(path) => {
                    self.others.push(format!("mod {name}: all of {path}, of which nothing is promised"))
                }
                None => self.others.push(format!("use {name}: {}", used.path.join("::"))),
            }
        }
    }

    /// The lines of one item and of all that is said of it anywhere.
    fn lines(&mut self, path: &str, name: &str) -> Vec<String> {
        let (module, _) = path.rsplit_once("::").expect("an item is in a module");
        let item = self.sources.item(path).expect("it was found there");
        let mut lines = self.definition(module, item, name);
        let mut said = self.said(path, name);
        said.sort();
        said.dedup();
        lines.extend(said);
        lines
    }

    fn definition(&mut self, module: &str, item: &Item, name: &str) -> Vec<String> {
        match item {
            Item::Struct(item) => {
                let (fields, all) = (self.fields(module, &item.fields, name), item.fields.len());
                let hidden = if fields.len() < all { ", with private fields" } else { "" };
                let head =
                    format!("struct {name}{}{hidden}{}", of_generics(&item.generics), marks(&item.attrs));
                [vec![head], fields].concat().into_iter().chain(derived(&item.attrs, name)).collect()
            }
            Item::Enum(item) => {
                let head = format!("enum {name}{}{}", of_generics(&item.generics), marks(&item.attrs));
                let variants = item.variants.iter().map(|variant| self.variant(module, variant, name));
                let lines: Vec<_> = iter::once(head).chain(variants).collect();
                lines.into_iter().chain(derived(&item.attrs, name)).collect()
            }
            Item::Trait(item) => {
                let mut bare = item.clone();
                (bare.items, bare.attrs, bare.vis) = (Vec::new(), Vec::new(), Visibility::Inherited);
                self.visit(module, |names| names.visit_item_trait(&bare));
                let head = source(Item::Trait(bare)).replace(" {}", "");
                [vec![head], item.items.iter().map(|item| self.asked(module, item, name)).collect()].concat()
            }
            Item::Fn(item) => {
                vec![format!("fn {name}: {}", self.signature(module, &item.sig))]
            }
            Item::Type(item) => {
                self.visit(module, |names| names.visit_type(&item.ty));
                vec![format!("type {name}{} = {}", of_generics(&item.generics), of_type(&item.ty))]
            }
            Item::Const(item) => {
                vec![format!("const {name}: {} = {}", of_type(&item.ty), of_value(&item.expr))]
            }
            _ => vec![name.to_owned()],
        }
    }

    fn fields(&mut self, module: &str, fields: &Fields, name: &str) -> Vec<String> {
        let public =
            fields.iter().enumerate().filter(|(_, field)| matches!(field.vis, Visibility::Public(_)));
        let lines = public.map(|(at, field)| {
            self.visit(module, |names| names.visit_type(&field.ty));
            let own = field.ident.as_ref().map_or_else(|| at.to_string(), ToString::to_string);
            format!("{name}.{own}: {}", of_type(&field.ty))
        });
        lines.collect()
    }

    fn variant(&mut self, module: &str, variant: &Variant, name: &str) -> String {
        self.visit(module, |names| names.visit_variant(variant));
        let mut bare = variant.clone();
        bare.attrs.clear();
        bare.fields.iter_mut().for_each(|field| field.attrs.retain(|it| it.path().is_ident("from")));
        format!("{name}::{}", of_variant(&bare))
    }

    /// What a trait asks for or gives.
    fn asked(&mut self, module: &str, item: &TraitItem, name: &str) -> String {
        match item {
            TraitItem::Fn(item) => {
                let given = if item.default.is_some() { " (given)" } else { "" };
                format!("{name}: {}{given}", self.signature(module, &item.sig))
            }
            other => format!("{name}: {}", of_asked(other)),
        }
    }

    fn signature(&mut self, module: &str, signature: &Signature) -> String {
        self.visit(module, |names| names.visit_signature(signature));
        let mut signature = signature.clone();
        signature.inputs.iter_mut().for_each(forget_mut);
        source(parse_quote!(#signature {})).trim_end_matches(" {}").to_owned()
    }

    /// What any package says of it: its methods, and its traits.
    fn said(&mut self, path: &str, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for (module, item, of) in self.impls.clone() {
            let is_of = of.as_deref() == Some(path);
            match &item.trait_ {
                None if is_of => lines.extend(self.methods(module, item, name)),
                // A trait of the face, too, for what others have made.
                Some((by, _)) if is_of || of.is_none() => {
                    let known = self.sources.resolve(module, &segments(by));
                    let is_said =
                        if is_of { self.is_public(known.as_deref()) } else { known.as_deref() == Some(path) };
                    lines.extend(is_said.then(|| self.has_trait(module, item)));
                }
                _ => {}
            }
        }
        lines
    }

    /// What is not of these sources is public.
    fn is_public(&self, path: Option<&str>) -> bool {
        let item = path.and_then(|path| self.sources.item(path)).and_then(named);
        item.is_none_or(|(_, visibility)| matches!(visibility, Visibility::Public(_)))
    }

    fn methods(&mut self, module: &str, item: &ItemImpl, name: &str) -> Vec<String> {
        let generics = of_generics(&item.generics);
        let lines = item.items.iter().filter_map(|item| match item {
            ImplItem::Fn(item) if matches!(item.vis, Visibility::Public(_)) => {
                Some(format!("{name}{generics}: {}{}", self.signature(module, &item.sig), marks(&item.attrs)))
            }
            ImplItem::Const(item) if matches!(item.vis, Visibility::Public(_)) => {
                Some(format!("{name}{generics}: const {}: {}", item.ident, of_type(&item.ty)))
            }
            _ => None,
        });
        lines.collect()
    }

    fn has_trait(&mut self, module: &str, item: &ItemImpl) -> String {
        let mut bare = item.clone();
        bare.attrs.clear();
        bare.items.retain(|item| matches!(item, ImplItem::Type(_)));
        self.visit(module, |names| names.visit_item_impl(&bare));
        source(Item::Impl(bare)).replace(" {}", "")
    }

    fn visit(&mut self, module: &str, what: impl FnOnce(&mut Names)) {
        let mut names = Names(Vec::new());
        what(&mut names);
        let found = names.0.iter().filter_map(|path| self.sources.resolve(module, path));
        self.used.extend(found.filter(|path| self.sources.item(path).is_some()));
    }
}

/// The paths in a piece of source.
struct Names(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast Path) {
        self.0.push(segments(path));
        syn::visit::visit_path(self, path);
    }
}

fn segments(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

/// The traits that are derived; none or one line.
fn derived(attributes: &[Attribute], name: &str) -> Option<String> {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let list = Punctuated::<Path, Token![,]>::parse_terminated;
    let paths =
        derives.flat_map(|attribute| attribute.parse_args_with(list).expect("traits, parted by commas"));
    let mut traits: Vec<_> = paths.map(|path| of_type(&parse_quote!(#path))).collect();
    traits.sort();
    (!traits.is_empty()).then(|| format!("{name} derives {}", traits.join(", ")))
}

/// `mut` before an argument is nobody's business but the function's.
fn forget_mut(argument: &mut FnArg) {
    match argument {
        FnArg::Receiver(it) => it.mutability = None,
        FnArg::Typed(it) => {
            if let Pat::Ident(name) = &mut *it.pat {
                name.mutability = None;
            }
        }
    }
}

/// What else its users have to know: that there may be more, that it is old, that a result is to be used.
fn marks(attributes: &[Attribute]) -> String {
    let known = |name: &&&str| attributes.iter().any(|attribute| attribute.path().is_ident(name));
    ["non_exhaustive", "deprecated", "must_use"]
        .iter()
        .filter(known)
        .map(|name| format!(", {name}"))
        .collect()
}

fn of_type(of: &Type) -> String {
    within("type X = ", source(parse_quote!(type X = #of;)), ";")
}

fn of_value(of: &Expr) -> String {
    within("const X: X = ", source(parse_quote!(const X: X = #of;)), ";")
}

fn of_generics(of: &Generics) -> String {
    within("struct X", source(parse_quote!(struct X #of;)), ";")
}

fn of_variant(of: &Variant) -> String {
    within("enum X { ", source(parse_quote!(enum X { #of })), " }")
}

fn of_asked(of: &TraitItem) -> String {
    within("trait X { ", source(parse_quote!(trait X { #of })), " }")
}

/// A piece of source is made fit to be read as a part of an item, which is then taken off.
fn within(before: &str, text: String, after: &str) -> String {
    text.strip_prefix(before).and_then(|text| text.strip_suffix(after)).unwrap_or(&text).to_owned()
}

/// An item in one line.
fn source(item: Item) -> String {
    let file: File = parse_quote!(#item);
    let text = prettyplease::unparse(&file);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words
        .replace("( ", "(")
        .replace(", )", ")")
        .replace(" )", ")")
        .replace(", }", " }")
        .replace(", >", ">")
        .replace("< ", "<")
}
