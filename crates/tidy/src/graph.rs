//! The files of all crates and the arrows between them: imports from file to file.
//!
//! An arrow leads to the file that defines the imported item, through re-exports where they can be followed. A folder
//! that only declares or re-exports its rooms has no arrow to them; a folder whose code uses them has.
//! G1 an import comes out at the file that defines it (`arrows_lead_to_where_it_is_defined`).
//! G2 a folder lists its rooms without an arrow (`a_folder_lists_its_rooms`).
//! G3 every file in a circle is in one that is named (`circles_are_named`).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::{Import, Seen, Source, read};
use crate::tree::Crate;

/// The most re-exports that are followed.
const HOPS_MAX: u8 = 12;

/// A source file of a crate.
#[derive(Clone, Debug)]
pub struct File {
    /// From the root of the project.
    pub path: String,
    /// The folder of its crate.
    pub owner: String,
    /// Its module, from the crate's root.
    pub module: Vec<String>,
    /// Its imports, names and definitions.
    pub source: Source,
}

impl File {
    /// Its floor: the first segment of its module.
    #[must_use]
    pub fn floor(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

/// Files and arrows between them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// In the order of their paths.
    pub files: Vec<File>,
    /// From one file to another, with the names imported.
    pub arrows: BTreeMap<(usize, usize), BTreeSet<String>>,
    modules: BTreeMap<(String, Vec<String>), usize>,
    folders: BTreeMap<String, String>,
}

/// The target of a path.
#[derive(Clone, Debug)]
struct Target {
    file: usize,
    name: String,
    /// Whether the file defines the name; otherwise it is only the nearest file.
    sure: bool,
}

impl Graph {
    /// The graph of these crates' sources; texts by path.
    #[must_use]
    pub fn new<'a>(crates: &[Crate], sources: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let folders = crates.iter().map(|c| (c.name.clone(), c.folder.clone())).collect();
        let mut graph = Self { folders, ..Self::default() };
        let mut files: Vec<(&str, &str)> = sources.filter(|(path, _)| is_source(path)).collect();
        files.sort_unstable();
        let has_library: BTreeSet<&str> =
            files.iter().filter_map(|(p, _)| p.strip_suffix("/src/lib.rs")).collect();
        for (path, text) in files {
            let Some((owner, module)) = place(path, &has_library) else { continue };
            graph.modules.insert((owner.to_owned(), module.clone()), graph.files.len());
            graph.files.push(File {
                path: path.to_owned(),
                owner: owner.to_owned(),
                module,
                source: read(text),
            });
        }
        for from in 0..graph.files.len() {
            for (to, name) in graph.imported(from) {
                graph.arrows.entry((from, to)).or_default().insert(name);
            }
        }
        graph
    }

    /// Files that a file imports from.
    fn below(&self, from: usize) -> impl Iterator<Item = usize> {
        self.arrows.range((from, 0)..(from + 1, 0)).map(|((_, to), _)| *to)
    }

    fn imported(&self, from: usize) -> Vec<(usize, String)> {
        let source = &self.files[from].source;
        let mut found = Vec::new();
        for import in &source.imports {
            if import.name.is_some() {
                let target = self.resolve(from, &import.path, HOPS_MAX);
                found.extend(target.filter(|t| self.is_use(from, import, t)));
            } else {
                found.extend(self.glob(from, import));
            }
        }
        found.extend(source.paths.iter().filter_map(|path| self.resolve(from, path, HOPS_MAX)));
        found.into_iter().filter(|t| t.file != from).map(|t| (t.file, t.name)).collect()
    }

    /// Whether an import is more than a folder's re-export of a room.
    fn is_use(&self, from: usize, import: &Import, target: &Target) -> bool {
        let named = || import.name.as_ref().is_some_and(|n| self.files[from].source.words.contains(n));
        import.seen == Seen::Here || !self.is_room(from, target.file) || named()
    }

    fn is_room(&self, of: usize, file: usize) -> bool {
        let (folder, file) = (&self.files[of], &self.files[file]);
        folder.owner == file.owner && file.module.starts_with(&folder.module)
    }

    /// The names that a glob brings in and the code uses; the module itself if none can be found.
    fn glob(&self, from: usize, import: &Import) -> Vec<Target> {
        let Some(module) = self.resolve(from, &import.path, HOPS_MAX) else { return Vec::new() };
        let source = &self.files[from].source;
        let named: BTreeSet<&String> = source.imports.iter().filter_map(|i| i.name.as_ref()).collect();
        let words = source.words.iter().filter(|w| !source.items.contains(*w) && !named.contains(w));
        let found: Vec<Target> = words
            .map(|word| self.walk(module.file, std::slice::from_ref(word), HOPS_MAX))
            .filter(|t| t.sure && t.file != from)
            .collect();
        if found.is_empty() && (import.seen == Seen::Here || !self.is_room(from, module.file)) {
            return vec![Target { name: "*".to_owned(), ..module }];
        }
        found
    }

    fn module(&self, owner: &str, module: &[String]) -> Option<usize> {
        self.modules.get(&(owner.to_owned(), module.to_vec())).copied()
    }

    fn child(&self, of: usize, name: &str) -> Option<usize> {
        let file = &self.files[of];
        let mut module = file.module.clone();
        module.push(name.to_owned());
        self.module(&file.owner, &module)
    }

    /// The target of a path written in a file.
    fn resolve(&self, from: usize, path: &[String], hops: u8) -> Option<Target> {
        let (first, rest) = path.split_first()?;
        let hops = hops.checked_sub(1)?;
        let file = &self.files[from];
        match first.as_str() {
            "crate" => Some(self.walk(self.module(&file.owner, &[])?, rest, hops)),
            "self" => Some(self.walk(from, rest, hops)),
            "super" => {
                let (_, up) = file.module.split_last()?;
                let parent = self.module(&file.owner, up)?;
                let further = rest.first().is_some_and(|s| s == "super");
                if further { self.resolve(parent, rest, hops) } else { Some(self.walk(parent, rest, hops)) }
            }
            name => {
                if let Some(child) = self.child(from, name) {
                    return Some(self.walk(child, rest, hops));
                }
                if let Some(import) = file.source.imports.iter().find(|i| i.name.as_ref() == Some(first)) {
                    return self.through(from, import, rest, hops);
                }
                let folder = self.folders.get(name)?;
                Some(self.walk(self.module(folder, &[])?, rest, hops))
            }
        }
    }

    fn through(&self, at: usize, import: &Import, rest: &[String], hops: u8) -> Option<Target> {
        let path: Vec<String> = import.path.iter().chain(rest).cloned().collect();
        self.resolve(at, &path, hops)
    }

    /// The target of a path that starts inside the module of a file.
    fn walk(&self, at: usize, rest: &[String], hops: u8) -> Target {
        let file = &self.files[at];
        let Some((name, after)) = rest.split_first() else {
            let name = file.module.last().map_or("crate", String::as_str);
            return Target { file: at, name: name.to_owned(), sure: true };
        };
        if let Some(child) = self.child(at, name) {
            return self.walk(child, after, hops);
        }
        let here = Target { file: at, name: name.clone(), sure: file.source.items.contains(name) };
        let Some(hops) = hops.checked_sub(1).filter(|_| !here.sure) else { return here };
        self.re_exported(at, name, after, hops).unwrap_or(here)
    }

    fn re_exported(&self, at: usize, name: &String, after: &[String], hops: u8) -> Option<Target> {
        let file = &self.files[at];
        if let Some(import) = file.source.imports.iter().find(|i| i.name.as_ref() == Some(name)) {
            return self.through(at, import, after, hops);
        }
        for glob in file.source.imports.iter().filter(|i| i.name.is_none()) {
            let module = self.resolve(at, &glob.path, hops).filter(|m| m.file != at);
            let found =
                module.map(|m| self.walk(m.file, std::slice::from_ref(name), hops)).filter(|t| t.sure);
            if found.is_some() {
                return found;
            }
        }
        let exported = |f: &File| f.owner == file.owner && f.source.macros.contains(name);
        let of_root = file.module.is_empty().then(|| self.files.iter().position(exported))?;
        of_root.map(|file| Target { file, name: name.clone(), sure: true })
    }

    /// Circles of files: for each file that reaches itself, in a circle already found or in the shortest through it.
    #[must_use]
    pub fn circles(&self) -> Vec<Vec<usize>> {
        let mut covered = BTreeSet::new();
        let mut circles = Vec::new();
        for file in 0..self.files.len() {
            if covered.contains(&file) {
                continue;
            }
            if let Some(circle) = self.shortest_circle(file) {
                covered.extend(circle.iter().copied());
                circles.push(circle);
            }
        }
        circles
    }

    fn shortest_circle(&self, start: usize) -> Option<Vec<usize>> {
        let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            for to in self.below(at) {
                if to == start {
                    let back = std::iter::successors(Some(at), |f| came_from.get(f).copied());
                    let mut circle: Vec<usize> = back.collect();
                    circle.reverse();
                    return Some(circle);
                }
                if let Entry::Vacant(first_time) = came_from.entry(to) {
                    first_time.insert(at);
                    queue.push_back(to);
                }
            }
        }
        None
    }
}

/// Whether a path is a crate's source and not one of its tests.
#[must_use]
pub fn is_source(path: &str) -> bool {
    let inside = path.strip_prefix("crates/").and_then(|p| p.split_once('/')).map(|(_, p)| p);
    inside.is_some_and(|p| p.starts_with("src/") && p.ends_with(".rs") && !p.ends_with("/tests.rs"))
}

/// The crate's folder and the module of a source. A `main.rs` beside a `lib.rs` is a module of its own.
fn place<'a>(path: &'a str, has_library: &BTreeSet<&str>) -> Option<(&'a str, Vec<String>)> {
    let (owner, inside) = path.strip_prefix("crates/")?.split_once("/src/")?;
    let mut module: Vec<String> = inside.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    let last = module.last().map(String::as_str);
    let library = has_library.contains(format!("crates/{owner}").as_str());
    if last == Some("mod")
        || (module.len() == 1 && (last == Some("lib") || (last == Some("main") && !library)))
    {
        module.pop();
    }
    Some((owner, module))
}

#[cfg(test)]
mod tests;
