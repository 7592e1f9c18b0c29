//! The habits of the house that a machine can see.
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines a source file may have before one looks at it again, and those that were looked at.
const LINES: usize = 400;
const LONGER: [(&str, &str); 4] = [
    ("tests/it/walk.rs", "a case each, of one walker"),
    ("platform-linux/src/walk.rs", "one state, and all that moves it"),
    ("core/src/python.rs", "Python's number rules, with their tables of cases"),
    ("core/src/findings.rs", "what is kept of a finding, with its tests"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The files git knows, or would know, from the project's root.
fn files() -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let output = output.expect("git lists the project's files");
    let names = String::from_utf8(output.stdout).expect("names are UTF-8");
    names.lines().map(PathBuf::from).filter(|name| root().join(name).is_file()).collect()
}

fn sources() -> Vec<(String, String)> {
    let rust = |name: &PathBuf| name.extension().is_some_and(|ending| ending == "rs");
    let text = |name: PathBuf| {
        let text = fs::read_to_string(root().join(&name)).expect("a source is UTF-8");
        (name.display().to_string(), text)
    };
    files().into_iter().filter(rust).map(text).collect()
}

#[test]
fn each_file_opens_with_what_it_is() {
    for (name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} does not say what it is");
    }
}

#[test]
fn no_file_becomes_the_place_where_things_go() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        let looked_at = LONGER.iter().any(|(longer, _)| *longer == name);
        assert!(lines <= LINES || looked_at, "{name} has {lines} lines: is it still one thing?");
    }
}

#[test]
fn nothing_is_left_open() {
    let words = ["todo!(", "unimplemented!(", concat!("FIX", "ME"), concat!("#[ign", "ore")];
    for (name, text) in sources().into_iter().filter(|(name, _)| !name.ends_with("tidy.rs")) {
        for word in words {
            assert!(!text.contains(word), "{name} contains {word}");
        }
    }
}

#[test]
fn every_member_keeps_the_workspaces_lints() {
    let manifests = files()
        .into_iter()
        .filter(|name| name.ends_with("Cargo.toml") && 1 < name.components().count());
    for name in manifests {
        let text = fs::read_to_string(root().join(&name)).expect("a manifest is UTF-8");
        let outside = text.contains("[workspace]");
        let kept = text.contains("[lints]\nworkspace = true");
        assert!(kept || outside, "{} does not take the lints", name.display());
    }
}

/// The first sentence of a file's own description.
fn sentence(text: &str) -> String {
    let head = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let paragraph: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ").replace("[`", "`").replace("`]", "`");
    paragraph.split_once(". ").map_or(paragraph.as_str(), |(first, _)| first).to_owned()
}

/// The map: each source by its folder, in the words of the file itself.
fn map() -> String {
    let mut sources = sources();
    sources.sort();
    let mut map = String::new();
    let mut folder = String::new();
    for (name, text) in sources {
        let (above, file) = name.rsplit_once('/').unwrap_or(("", &name));
        if above != folder {
            above.clone_into(&mut folder);
            let _ = write!(map, "\n**`{folder}/`**\n\n");
        }
        let sentence = sentence(&text);
        let _ = writeln!(map, "- `{file}`: {}", sentence.trim_end_matches('.'));
    }
    map
}

#[test]
fn the_map_is_what_the_files_say_of_themselves() {
    const BEGIN: &str = "<!-- the map begins -->\n";
    const END: &str = "\n<!-- the map ends -->";
    let path = root().join("ARCHITECTURE.md");
    let text = fs::read_to_string(&path).expect("there is an ARCHITECTURE.md");
    let (before, rest) = text.split_once(BEGIN).expect("the map has a beginning");
    let (kept, after) = rest.split_once(END).expect("the map has an end");
    let map = map();
    if std::env::var_os("MARTLET_MAP").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{map}{END}{after}")).expect("the map is written");
        return;
    }
    assert!(kept == map, "the map is old: MARTLET_MAP=write cargo test -p martlet-tests tidy");
}

#[test]
fn no_path_of_a_machine_is_kept() {
    let homes = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];
    for name in files() {
        let Ok(text) = fs::read_to_string(root().join(&name)) else { continue };
        for home in homes {
            assert!(!text.contains(home), "{} names {home}", name.display());
        }
    }
}
