//! The files of the project and the contents of its crates' manifests.
//!
//! Never reads files that git ignores. Paths are relative to the root, with `/`, in one order everywhere.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crate {
    /// Its folder under `crates`: its name in [`crate::rules`].
    pub folder: String,
    /// Its name in code.
    pub name: String,
    /// The description in its manifest.
    pub description: String,
    /// Names in code of the headworks crates under `[dependencies]`.
    pub dependencies: Vec<String>,
}

/// The project's files, and the text of those that are read as text.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The project's root.
    pub root: PathBuf,
    /// Every file.
    pub files: Vec<String>,
    /// The text of sources, manifests and documents.
    pub texts: BTreeMap<String, String>,
    /// The crates, by folder.
    pub crates: Vec<Crate>,
}

impl Tree {
    /// Reads the project at `root`.
    pub fn open(root: &Path) -> io::Result<Self> {
        let mut files = match listed(root) {
            Some(files) => files,
            None => walked(root)?,
        };
        files.retain(|f| root.join(f).is_file());
        files.sort_unstable();
        files.dedup();
        let mut texts = BTreeMap::new();
        for file in files.iter().filter(|f| [".rs", ".md", ".toml"].iter().any(|end| f.ends_with(end))) {
            texts.insert(file.clone(), std::fs::read_to_string(root.join(file))?);
        }
        let crates = texts.iter().filter_map(|(path, text)| manifest(path, text)).collect();
        Ok(Self { root: root.to_owned(), files, texts, crates })
    }

    /// Reads the project of this crate. Cargo supplies the path, since one build may serve several clones.
    pub fn here() -> io::Result<Self> {
        let here =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Self::open(&PathBuf::from(here).join("../.."))
    }

    /// Whether a file or folder exists.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files
            .iter()
            .any(|f| f.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// The Rust sources of all crates, and all other Rust sources here.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().filter(|(path, _)| path.ends_with(".rs")).map(|(p, t)| (p.as_str(), t.as_str()))
    }
}

/// The files that git would put into a commit of everything.
fn listed(root: &Path) -> Option<Vec<String>> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let out = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(out.stdout).ok().filter(|t| out.status.success() && !t.is_empty())?;
    Some(text.split_terminator('\0').map(str::to_owned).collect())
}

fn walked(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}{name}");
            if !entry.file_type()?.is_dir() {
                files.push(path);
            } else if name != "target" && name != ".git" {
                folders.push(path + "/");
            }
        }
    }
    Ok(files)
}

fn manifest(path: &str, text: &str) -> Option<Crate> {
    let folder = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    let mut made = Crate { folder: folder.to_owned(), ..Crate::default() };
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            made.dependencies.extend(section.strip_prefix("dependencies.").and_then(ours));
        } else if let Some((key, value)) = line.split_once('=') {
            match (section, key.trim()) {
                ("package", "name") => made.name = in_code(value.trim().trim_matches('"')),
                ("package", "description") => made.description = value.trim().trim_matches('"').to_owned(),
                ("dependencies", key) => made.dependencies.extend(ours(key)),
                _ => {}
            }
        }
    }
    Some(made)
}

/// The name in code of a dependency that is one of our crates.
fn ours(key: &str) -> Option<String> {
    let name = key.split('.').next().unwrap_or(key);
    name.starts_with("headworks").then(|| in_code(name))
}

fn in_code(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::{manifest, walked};
    use std::path::Path;

    #[test]
    fn manifests() {
        let text = "[package]\nname = \"headworks-a\"\ndescription = \"What: it is\"\n[dependencies]\nserde = \"1\"\n\
                    headworks-b.workspace = true\nheadworks-c = { workspace = true }\n[dependencies.headworks-d]\n\
                    path = \"d\"\n[dev-dependencies]\nheadworks-e.workspace = true\n";
        let made = manifest("crates/a/Cargo.toml", text).expect("a crate");
        assert_eq!((made.folder.as_str(), made.name.as_str()), ("a", "headworks_a"));
        assert_eq!(made.description, "What: it is");
        assert_eq!(made.dependencies, ["headworks_b", "headworks_c", "headworks_d"]);
        assert_eq!(manifest("fuzz/Cargo.toml", text), None);
    }

    #[test]
    fn without_git_the_folders_are_walked() {
        let files = walked(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("readable");
        for file in ["Cargo.toml", "src/graph/tests.rs"] {
            assert!(files.iter().any(|f| f == file), "{file}");
        }
    }
}
