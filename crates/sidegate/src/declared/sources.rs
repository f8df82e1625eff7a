//! Files, folders and standard input, as texts with names. Knows no syntax.

use crate::error::Failure;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Most files of one set.
const MAX_FILES: usize = 10_000;
/// What is looked for in folders.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A text and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Reads files, folders with all below them, and `-`, which is standard input; in a stable order.
///
/// # Errors
/// All that cannot be read, each by name.
pub(crate) fn read(said: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for path in said {
        match read_one(path, &mut problems) {
            Ok(more) => sources.extend(more),
            Err(problem) => problems.push(problem),
        }
    }
    if sources.len() > MAX_FILES {
        problems.push(format!("these are {} files; {MAX_FILES} are the most", sources.len()));
    }
    if problems.is_empty() { Ok(sources) } else { Err(Failure::usage(problems.join("\n  "))) }
}

fn read_one(path: &Path, problems: &mut Vec<String>) -> Result<Vec<Source>, String> {
    if path.as_os_str() == "-" {
        return text_of(std::io::stdin().lock(), "standard input").map(|source| vec![source]);
    }
    if !path.is_dir() {
        return file(path).map(|source| vec![source]);
    }
    let mut files = Vec::new();
    collect(path, &mut files)?;
    let mut sources = Vec::new();
    for path in files {
        match file(&path) {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(sources)
}

/// The files of a folder, by name; those that are hidden, and other kinds, are left out.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let told = |e: std::io::Error| format!("{} cannot be read: {e}", folder.display());
    let entries: Result<Vec<_>, _> = std::fs::read_dir(folder).map_err(told)?.collect();
    let mut paths: Vec<_> = entries.map_err(told)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || files.len() > MAX_FILES {
            continue;
        }
        // What a link leads to may be around it.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.is_file() && EXTENSIONS.contains(&&*extension) {
            files.push(path);
        }
    }
    Ok(())
}

fn file(path: &Path) -> Result<Source, String> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).map_err(|e| format!("{name} cannot be read: {e}"))?;
    text_of(file, &name)
}

fn text_of(reader: impl Read, name: &str) -> Result<Source, String> {
    let mut text = String::new();
    let told = |e: std::io::Error| format!("{name} cannot be read: {e}");
    reader.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(told)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("{name} is larger than {MAX_BYTES} bytes"));
    }
    Ok(Source { name: name.to_owned(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_all_its_files_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["c.yml", "a.yaml", "b/x.json", ".hidden.yaml", "README.md"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        let sources = read(&[folder.path().to_owned()]).unwrap();
        let texts: Vec<_> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["a.yaml", "b/x.json", "c.yml"]);
        let failure = read(&["/no/a".into(), "/no/b".into()]).unwrap_err();
        assert!(failure.message.contains("/no/a") && failure.message.contains("/no/b"));
    }
}
