//! What is executed for each query of a study, and how its output is read.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use globset::GlobMatcher;
use provisor_core::proverif::model::Facts;
use provisor_core::proverif::split::Role;
use provisor_core::proverif::{EarlyStop, ProVerif};
use provisor_core::verdict::Preset;

use super::super::ids::IdPattern;
use super::super::proverif::{library, parameters, weakened};
use super::super::race::Executed;
use super::super::recipe::{Origin, Reading, Recipe, Text as Rendered, from_folder};
use super::super::{Lowering, glob};
use super::Bench;
use super::ask::Ask;
use super::render::{Source, text_of};
use crate::fault::Fault;
use crate::spanned::{Place, Spanned};
use crate::spec::study::{Program, QueryForm, Setting as Written, Study, Tool};
use crate::spec::{ProVerifOptions, Scalar};
use crate::template::{Point, Template};

/// Under this name the template of a command finds the file of its query.
const FILE: &str = "file";

/// What the queries of a study have in common.
pub(super) struct Kit<'e> {
    /// Without what depends on the query.
    pub(super) recipe: Recipe<'e>,
    pub(super) tool: &'e Tool,
    /// What comes before the options of a query: the program and what is written behind it.
    words: Vec<Rendered<'e>>,
    /// ProVerif's libraries.
    pub(super) libraries: Vec<Source>,
    /// The file of queries, where they stand in one.
    pub(super) asked: Option<Source>,
    pub(super) settings: Vec<Setting>,
    /// Which secrets, or which events, are asked about.
    patterns: Vec<GlobMatcher>,
    /// The option that lets ProVerif write pages, and the folder for them.
    pages: Option<(&'static str, &'static str)>,
    place: Place,
}

/// One of `settings`.
pub(super) struct Setting {
    /// For which queries; `None` for all.
    pattern: Option<(IdPattern, String)>,
    pub(super) name: String,
    pub(super) value: String,
    pub(super) place: Place,
    matched: bool,
}

impl<'e> Lowering<'e> {
    /// What is needed for any query. `None`: something of it is wrong, and that was said.
    pub(super) fn kit(&mut self, written: &'e Spanned<Study>) -> Option<Kit<'e>> {
        let study = &written.value;
        let tool = &study.tool.value;
        let argv: &[_] = if let Tool::Command(argv) = tool { argv } else { &[] };
        let recipe = self.recipe(&Origin {
            place: study.tool.place,
            number: 0,
            id: None,
            executed: Executed::OfStudy(argv),
            expect: None,
            settings: None,
        });
        self.check_reading(study, &recipe);
        self.check_proverif_only(study);
        let settings = self.settings(study);
        let libraries = self.libraries(tool, &recipe);
        let asked = match study.queries.as_ref().map(|queries| &queries.form) {
            Some(QueryForm::Declarations(path)) => Some(self.source(&path.value, path.place)?),
            _ => None,
        };
        let patterns = self.name_patterns(study);
        Some(Kit {
            words: self.words(tool, study.tool.place),
            pages: self.pages(study),
            recipe,
            tool,
            libraries: libraries?,
            asked,
            settings,
            patterns,
            place: study.tool.place,
        })
    }

    /// A study knows how its tool is read.
    fn check_reading(&mut self, study: &Study, recipe: &Recipe<'_>) {
        let fits = match (&study.tool.value, &recipe.reading) {
            (Tool::ProVerif(_), reading) => matches!(reading, Reading::ProVerif(_)),
            (Tool::Command(_), _) => true,
            (Tool::Tamarin(_) | Tool::Verifpal(_), reading) => matches!(reading, Reading::Tool(_)),
        };
        if !fits {
            self.problems.fault(recipe.preset_place, Fault::PresetOfStudy);
        }
    }

    /// What is done with declarations, and what ProVerif's own options do, is known for ProVerif.
    fn check_proverif_only(&mut self, study: &Study) {
        if matches!(study.tool.value, Tool::ProVerif(_)) {
            return;
        }
        let queries = study.queries.as_ref().filter(|queries| !matches!(queries.form, QueryForm::InModels));
        for (field, place) in [
            ("queries", queries.map(|queries| queries.place)),
            ("lemmas", study.lemmas.as_ref().map(|lemmas| lemmas.place)),
            ("settings", study.settings.as_ref().map(|settings| settings.place)),
            ("html", study.html.as_ref().map(|html| html.place)),
            ("graph", study.graph.as_ref().map(|graph| graph.place)),
        ] {
            if let Some(place) = place {
                self.problems.fault(place, Fault::ProVerifOnly { field });
            }
        }
    }

    fn name_patterns(&mut self, study: &Study) -> Vec<GlobMatcher> {
        let patterns = match study.queries.as_ref().map(|queries| &queries.form) {
            Some(QueryForm::Secrets(patterns) | QueryForm::Events(patterns)) => &patterns[..],
            _ => &[],
        };
        let mut compiled = Vec::new();
        for pattern in patterns {
            match glob::compile(&pattern.value, false) {
                Ok(matcher) => compiled.push(matcher),
                Err(fault) => self.problems.fault(pattern.place, fault),
            }
        }
        compiled
    }

    fn words(&mut self, tool: &'e Tool, place: Place) -> Vec<Rendered<'e>> {
        let (default, program, args, fixed) = match tool {
            Tool::ProVerif(tool) => ("proverif", &tool.program, &tool.args, None),
            Tool::Tamarin(Program { program, args }) => ("tamarin-prover", program, args, None),
            Tool::Verifpal(Program { program, args }) => ("verifpal", program, args, Some("verify")),
            Tool::Command(_) => return Vec::new(),
        };
        let program = match program {
            Some(program) => self.text(program),
            None => Some(literal(default, place)),
        };
        let fixed = fixed.map(|word| literal(word, place));
        let args: Vec<_> = args.iter().filter_map(|arg| self.text(arg)).collect();
        program.into_iter().chain(fixed).chain(args).collect()
    }

    /// Those that are written; where none is, the one that ProVerif takes in silence.
    fn libraries(&mut self, tool: &'e Tool, recipe: &Recipe<'e>) -> Option<Vec<Source>> {
        let Tool::ProVerif(tool) = tool else { return Some(Vec::new()) };
        let silent = self.around.folder.join("default.pvl");
        if tool.libs.is_empty() && recipe.cwd.is_none() && silent.is_file() {
            return Some(vec![self.source("default.pvl", recipe.place)?]);
        }
        let mut libraries = Vec::new();
        for lib in &tool.libs {
            let found = library(&from_folder(&self.around.folder, &lib.value));
            let longer = format!("{}.pvl", lib.value);
            let shown = if found.ends_with(&longer) { &longer } else { &lib.value };
            libraries.push(self.source(shown, lib.place));
        }
        libraries.into_iter().collect()
    }

    fn settings(&mut self, study: &'e Study) -> Vec<Setting> {
        let mut settings = Vec::new();
        for (key, written) in study.settings.iter().flat_map(|settings| &settings.value.0) {
            match written {
                Written::ForAll(value) => settings.push(Setting::new(None, key, value)),
                Written::ForSome(some) => {
                    for (name, value) in &some.0 {
                        match IdPattern::new(&key.value) {
                            Ok(pattern) => {
                                settings.push(Setting::new(
                                    Some((pattern, key.value.clone())),
                                    name,
                                    &value.0,
                                ));
                            }
                            Err(fault) => self.problems.fault(key.place, fault),
                        }
                    }
                }
            }
        }
        settings
    }

    /// A glob that names nothing is a slip.
    pub(super) fn check_settings(&mut self, bench: &Bench<'e>) {
        for setting in bench.kit.settings.iter().filter(|setting| !setting.matched) {
            if let (Some((_, pattern)), false) = (&setting.pattern, self.problems.any()) {
                let fault = Fault::MatchesNothing { field: "settings", pattern: pattern.clone() };
                self.problems.warn(setting.place, fault);
            }
        }
    }

    /// ProVerif gives the folder to a shell as it is.
    fn pages(&mut self, study: &Study) -> Option<(&'static str, &'static str)> {
        let is_on =
            |written: &Option<Spanned<bool>>| written.as_ref().filter(|on| on.value).map(|on| on.place);
        let (place, pages) = match (is_on(&study.html), is_on(&study.graph)) {
            (Some(place), None) => (place, ("-html", "html")),
            (None, Some(place)) => (place, ("-graph", "graph")),
            (Some(_), Some(place)) => {
                self.problems.fault(place, Fault::HtmlAndGraph);
                return None;
            }
            (None, None) => return None,
        };
        let path = self.for_child(pages.1, false);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%".contains(c);
        if !path.chars().all(is_plain) || path.starts_with('-') {
            self.problems.fault(place, Fault::PagesPath { option: pages.0, path });
        }
        Some(pages)
    }

    /// A name in the run directory as a child finds it: from its working directory on, if that is the spec's folder and
    /// the run directory is in it.
    fn for_child(&self, name: &str, is_elsewhere: bool) -> String {
        let path = self.around.run_dir.join(name);
        let below = path.strip_prefix(&self.around.folder).ok().filter(|_| !is_elsewhere);
        below.unwrap_or(&path).to_string_lossy().into_owned()
    }

    /// The recipe of one query, in all of its passes. `file`: the name of its file in the run directory.
    pub(super) fn fitted(&mut self, kit: &mut Kit<'e>, ask: &Ask, id: &Arc<str>, file: &str) -> Recipe<'e> {
        for setting in &mut kit.settings {
            setting.matched |= setting.is_for(id);
        }
        let mut recipe = kit.recipe.clone();
        let mut further = std::mem::take(&mut recipe.further);
        for rung in &mut further {
            let name = Some(Arc::clone(&rung.name));
            self.fit(&mut rung.recipe, kit, ask, (id, file, name.as_deref()));
        }
        let name = recipe.pass.clone();
        self.fit(&mut recipe, kit, ask, (id, file, name.as_deref()));
        Recipe { further, ..recipe }
    }

    fn fit(
        &mut self,
        recipe: &mut Recipe<'e>,
        kit: &Kit<'e>,
        ask: &Ask,
        (id, file, pass): (&Arc<str>, &str, Option<&str>),
    ) {
        let is_elsewhere = recipe.cwd.is_some();
        let file = self.for_child(file, is_elsewhere);
        let mut argv = kit.words.clone();
        let mut add = |word: &str| argv.push(literal(word, kit.place));
        match kit.tool {
            Tool::Command(_) => {
                let mut vars = (*recipe.vars).clone();
                vars.insert(FILE.into(), file.into());
                recipe.vars = Rc::new(vars);
                return;
            }
            Tool::Tamarin(_) => {
                if let Some(lemma) = &ask.lemma {
                    add(&format!("--prove={lemma}"));
                }
            }
            Tool::Verifpal(_) => {}
            Tool::ProVerif(tool) => {
                for library in kit.libraries.iter().filter(|_| !tool.libs.is_empty()) {
                    add("-lib");
                    add(&library.argument(is_elsewhere));
                }
                if let Reading::ProVerif(options) = recipe.reading {
                    for parameter in parameters(options) {
                        ["-set", parameter, "false"].into_iter().for_each(&mut add);
                    }
                    recipe.reading = Reading::Known(Preset::ProVerif(self.reading_of(kit, ask, id, options)));
                }
                if let (Some((option, _)), Some(folder)) = (kit.pages, kit.folder(id, pass)) {
                    add(option);
                    add(&self.for_child(&folder, is_elsewhere));
                }
            }
        }
        add(&file);
        recipe.argv = argv;
    }

    fn reading_of(&mut self, kit: &Kit<'e>, ask: &Ask, id: &Arc<str>, options: ProVerifOptions) -> ProVerif {
        let (results, lemmas) = ask.part.as_ref().map_or((0, 0), |part| (part.results, part.lemmas));
        let facts = Facts { queries: results, lemmas, equivalence: ask.equivalence, ..Facts::default() };
        let early_stop = match options.early_stop {
            EarlyStop::Off => EarlyStop::Off,
            wanted => self.models.early_stop(wanted, &facts, id),
        };
        let own = ask.sets.iter().map(|(name, value)| (&**name, &**value));
        let set = kit.settings.iter().filter(|setting| setting.is_for(id));
        let set = set.map(|setting| (&*setting.name, &*setting.value));
        let typed = parameters(options).into_iter().map(|name| (name, "false"));
        // What is typed counts only where nothing is set, which is refused.
        let weakened = weakened(typed.chain(own).chain(set));
        let worst = ask.part.as_ref().is_some_and(|part| part.role != Role::All);
        ProVerif { early_stop, lemmas, sanity: ask.is_sanity, weakened, worst }
    }
}

impl Setting {
    fn new(pattern: Option<(IdPattern, String)>, name: &Spanned<String>, value: &Scalar) -> Self {
        let (name, place) = (name.value.clone(), name.place);
        Self { pattern, name, value: value.value.to_string(), place, matched: false }
    }

    pub(super) fn is_for(&self, id: &str) -> bool {
        self.pattern.as_ref().is_none_or(|(pattern, _)| pattern.matches(id))
    }
}

impl Kit<'_> {
    /// What the files of a model's queries end with, without the dot: ProVerif and Verifpal go by that.
    pub(super) fn extension(&self, model: &Point) -> String {
        match self.tool {
            Tool::ProVerif(_) => "pv".into(),
            Tool::Tamarin(_) => "spthy".into(),
            Tool::Verifpal(_) => "vp".into(),
            Tool::Command(_) => model.extension().unwrap_or("txt").into(),
        }
    }

    /// Whether a name is one of those that are asked about.
    pub(super) fn names(&self, name: &[u8]) -> bool {
        let name = text_of(name);
        self.patterns.iter().any(|pattern| pattern.is_match(&name))
    }

    /// The folder that ProVerif fills for a query in a pass, relative to the run directory.
    pub(super) fn folder(&self, id: &str, pass: Option<&str>) -> Option<String> {
        let (_, folder) = self.pages?;
        Some(match pass {
            None => format!("{folder}/{id}"),
            Some(pass) => format!("{folder}/{id}/{pass}"),
        })
    }
}

impl Source {
    /// It as an argument.
    fn argument(&self, is_elsewhere: bool) -> String {
        let path: &Path = if is_elsewhere { &self.path } else { &self.shown };
        path.to_string_lossy().into_owned()
    }
}

fn literal<'e>(word: &str, place: Place) -> Rendered<'e> {
    Rendered { template: Rc::new(Template::Literal(word.into())), place }
}
