//! The manuals, the README and the program say the same.
use martlet_core::advice::Advice;
use martlet_core::conf::{OPTIONS, Opt, Owner};
use martlet_core::event::Event;
use martlet_core::verdict::{FindingCode, Verdict};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = r#".\" Written from the option table: MARTLET_SAMPLE=write cargo test -p martlet-tests manuals
.Dd November 22, 2026
.Dt MARTLET-OPTIONS 5
.Os
.Sh NAME
.Nm martlet-options
.Nd options of the auditor of OpenStack Swift's container databases
.Sh DESCRIPTION
All options stand in the section
.Ql [container-auditor]
of Swift's
.Pa container-server.conf ,
or in
.Ql [DEFAULT] ,
which holds for all sections of the file.
The section goes before.
.Pp
A comment is a line of its own: in
.Ql interval = 60 # a minute
the comment would be part of the value.
.Ql %(name)s
in a value stands for the value of another option.
Truth is
.Ql true , 1 , yes , on , t
or
.Ql y ;
anything else is false.
.Pp
.Ql martlet conf
shows what holds, where it comes from, and what is misspelt.
"#;

const SWIFTS: &str = ".Sh SWIFT'S OPTIONS\nNames and defaults are Swift's.\n";
const OURS: &str =
    ".Sh MARTLET'S OPTIONS\nSwift does not know these options, and passes over them.\n";

const EVENTS: &str = ".Sh EVENTS
With
.Ql log_format = json
each line of the log is one object:
.Ql time
in seconds since 1970,
.Ql level , name
.Pq Cm log_name ,
.Ql event ,
one of the codes below,
.Ql message ,
the words that stand in the log otherwise, and where they are known
.Ql path , device , account , container , verdict , findings
and
.Ql to .
Words may change from version to version; a code stays.
";

const TAIL: &str = ".Sh SEE ALSO\n.Xr martlet 1\n";

fn dist(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../bin/dist").join(name)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The manual of the options, as the table has it.
fn options() -> String {
    let mut text = HEAD.to_owned();
    for (owner, head) in [(Owner::Swift, SWIFTS), (Owner::Martlet, OURS)] {
        text.push_str(head);
        text.push_str(".Bl -tag -width Ds\n");
        for Opt { name, default, kind, meaning, .. } in
            OPTIONS.iter().filter(|option| option.owner == owner)
        {
            let default = if default.is_empty() {
                "Not set unless the conf says so.".to_owned()
            } else {
                format!("Default:\n.Ql {default} .")
            };
            let kind = kind.words();
            writeln!(text, ".It Cm {name} Pq {kind}\n{}\n{default}", filled(meaning))
                .expect("a string");
        }
        text.push_str(".El\n");
    }
    text.push_str(EVENTS);
    text.push_str(".Bl -tag -width Ds\n");
    for event in Event::ALL {
        let level = format!("{:?}", event.level()).to_lowercase();
        let said = event.meaning().replace(". ", ".\n");
        let said: Vec<_> = said.lines().map(filled).collect();
        writeln!(text, ".It Cm {} Pq {level}\n{}", event.word(), said.join("\n"))
            .expect("a string");
    }
    text.push_str(".El\n");
    text + TAIL
}

/// Lines of at most 78 letters, as manuals are written.
fn filled(sentence: &str) -> String {
    let mut text = String::new();
    let mut length = 0;
    for word in sentence.split(' ') {
        if 0 < length {
            text.push(if length + word.len() < 78 { ' ' } else { '\n' });
            length = if length + word.len() < 78 { length + 1 } else { 0 };
        }
        length += word.len();
        text.push_str(word);
    }
    text
}

/// Each entry of a section of a manual, and how much is said of it.
fn entries<'a>(manual: &'a str, section: &str) -> Vec<(&'a str, String)> {
    let mut entries = Vec::new();
    let body = manual.split_once(&format!(".Sh {section}\n")).expect("the section").1;
    for line in body.split("\n.Sh ").next().unwrap_or_default().lines() {
        if let Some(name) = line.strip_prefix(".It Cm ") {
            entries.push((name, String::new()));
        } else if let Some((_, said)) = entries.last_mut() {
            said.push_str(line.trim_start_matches('.'));
            said.push(' ');
        }
    }
    entries
}

#[test]
fn the_manual_of_the_options_is_the_table() {
    let path = dist("martlet-options.5");
    if std::env::var_os("MARTLET_SAMPLE").is_some_and(|value| value == "write") {
        fs::write(&path, options()).expect("the manual");
    }
    assert_eq!(
        text(&path),
        options(),
        "the table has changed: MARTLET_SAMPLE=write cargo test -p martlet-tests manuals"
    );
}

#[test]
fn the_manual_has_a_paragraph_for_each_option_and_event() {
    let manual = text(&dist("martlet-options.5"));
    let check = |section: &str, words: Vec<&str>| {
        let entries = entries(&manual, section);
        let named: Vec<_> = entries.iter().map(|(name, _)| name.split(' ').next()).collect();
        assert_eq!(named, words.into_iter().map(Some).collect::<Vec<_>>(), "{section}");
        for (name, said) in entries {
            assert!(20 < said.len(), "{name}: {said:?} helps nobody");
        }
    };
    let own = |owner| OPTIONS.iter().filter(move |it| it.owner == owner).map(|it| it.name);
    check("SWIFT'S OPTIONS", own(Owner::Swift).collect());
    check("MARTLET'S OPTIONS", own(Owner::Martlet).collect());
    check("EVENTS", Event::ALL.iter().map(|event| event.word()).collect());
}

/// The sources of the program and the platform, without their tests.
fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else {
            let own = text(&path).split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            found.push((path, own));
        }
    }
    found
}

#[test]
fn every_line_of_the_log_is_an_event_and_every_event_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all: Vec<_> = sources(&root.join("bin/src"));
    all.extend(sources(&root.join("platform-linux/src")));
    for (path, source) in &all {
        for line in source.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
            // What is traced is for those who look for a mistake; no `log_level` shows it.
            let bare = ["log::error!", "log::warn!", "log::info!", "log::debug!", "log::log!"];
            let is_bare = bare.iter().any(|it| line.contains(it));
            assert!(!is_bare, "{}: an event without a code: {line}", path.display());
        }
    }
    for event in Event::ALL {
        let name = format!("Event::{event:?}");
        let is_whole = |at: &str| !at.starts_with(|next: char| next.is_alphanumeric());
        let said = all.iter().any(|(_, source)| source.split(&name).skip(1).any(is_whole));
        assert!(said, "{name} is documented and never said");
    }
}

#[test]
fn the_manual_has_a_paragraph_for_each_verdict_and_finding() {
    let manual = text(&dist("martlet.1"));
    let check = |section: &str, words: Vec<&str>| {
        let entries = entries(&manual, section);
        let named: Vec<_> = entries.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, words, "{section}");
        for (name, said) in entries {
            assert!(30 < said.len(), "{name}: {said:?} helps nobody");
        }
    };
    check("VERDICTS", Verdict::ALL.iter().map(|verdict| verdict.word()).collect());
    for (verdict, (_, said)) in Verdict::ALL.into_iter().zip(entries(&manual, "VERDICTS")) {
        let said = said.replace('\n', " ").replace("Pq Xr lsof 8 .", "(lsof).");
        for sentence in verdict.advice().map_or([""; 2], |(meaning, next)| [meaning, next]) {
            assert!(said.contains(sentence), "{}: no {sentence:?} in {said:?}", verdict.word());
        }
    }
    check("FINDINGS", FindingCode::ALL.iter().map(|code| code.word()).collect());
}

/// Where the findings begin in the manual, and what follows them.
const FINDINGS: (&str, &str) = (".Ss The file itself\n", ".Sh FILES\n");

/// The manual's list of findings, as their own table has it.
fn findings() -> String {
    let mut text = String::new();
    for (head, first) in [
        ("The file itself", "structure-"),
        ("What Swift reads of it", "stat-"),
        ("Its object rows", "rows-"),
        ("Its place", "place-"),
    ] {
        writeln!(text, ".Ss {head}").expect("a string");
        if first == "rows-" {
            text.push_str(
                "A deep audit alone finds these, and they are never moved by themselves.\n",
            );
        }
        text.push_str(".Bl -tag -width Ds\n");
        for code in FindingCode::ALL.iter().filter(|code| code.word().starts_with(first)) {
            let Advice { meaning, cause, next } = code.advice();
            let cause = format!("Cause: {}{}", cause[..1].to_lowercase(), &cause[1..]);
            // Each sentence begins a line, as manuals have it.
            let said = [meaning, &cause, next].map(|text| text.replace(". ", ".\n"));
            let said: Vec<_> = said.iter().flat_map(|text| text.lines()).map(filled).collect();
            let said = said.join("\n");
            // A line that begins with a point would be a command of the manual's own.
            let said = said.replace("\n.", "\n\\&.");
            writeln!(text, ".It Cm {}\n{said}", code.word()).expect("a string");
        }
        text.push_str(".El\n");
    }
    text
}

#[test]
fn the_manual_of_the_findings_is_their_table() {
    let path = dist("martlet.1");
    let manual = text(&path);
    let (head, rest) = manual.split_once(FINDINGS.0).expect("the section");
    let (_, tail) = rest.split_once(FINDINGS.1).expect("the section after it");
    let expected = format!("{head}{}{}{tail}", findings(), FINDINGS.1);
    if std::env::var_os("MARTLET_SAMPLE").is_some_and(|value| value == "write") {
        fs::write(&path, &expected).expect("the manual");
    }
    assert_eq!(
        text(&path),
        expected,
        "the table has changed: MARTLET_SAMPLE=write cargo test -p martlet-tests manuals"
    );
}

/// The source of the program's command line, without its tests.
fn command_line() -> Vec<String> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bin/src");
    let mut files = vec![dir.join("args.rs")];
    let more = fs::read_dir(dir.join("args")).expect("the folder");
    files.extend(more.map(|entry| entry.expect("a file").path()));
    let own = |file: &PathBuf| text(file).split("#[cfg(test)]").next().map(str::to_owned);
    files.iter().filter_map(own).collect()
}

#[test]
fn the_manual_has_each_command_and_each_option() {
    let manual = text(&dist("martlet.1"));
    let listed: Vec<_> = entries(&manual, "COMMANDS").into_iter().map(|(name, _)| name).collect();
    for source in command_line() {
        let commands: Vec<_> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("#[argh(subcommand, name = \""))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        // A file with commands of a command begins with that.
        let above = source.contains("#[argh(subcommand)]\n    pub(crate) what");
        let above = if above { commands.first().copied() } else { None };
        for command in &commands {
            let whole = match above.filter(|above| above != command) {
                Some(above) => format!("{above} {command}"),
                None => (*command).to_owned(),
            };
            let is_listed = listed.iter().any(|name| name.starts_with(&whole));
            assert!(is_listed, "the manual says nothing of martlet {whole}");
        }
        let lines: Vec<_> = source.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let [attribute, field] = pair else { continue };
            let is_option =
                ["#[argh(switch", "#[argh(option"].iter().any(|it| attribute.starts_with(it));
            if let Some((name, _)) =
                field.strip_prefix("pub(crate) ").and_then(|field| field.split_once(':'))
                && is_option
            {
                let name = format!("Fl -{}", name.replace('_', "-"));
                let options = manual.split_once(".Sh OPTIONS\n").expect("the section").1;
                let has =
                    options.lines().any(|line| line.starts_with(".It") && line.contains(&name));
                assert!(has, "the manual says nothing of {name}");
            }
        }
    }
}

#[test]
fn the_readme_has_the_table_of_options() {
    let readme = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"));
    for Opt { name, default, meaning, .. } in OPTIONS {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let row = format!("| `{name}` | {default} | {meaning} |");
        assert!(readme.contains(&row), "the README has no row {row:?}");
    }
}

/// What the synopsis has of each command: the words up to the next one.
fn synopsis(manual: &str, command: &str) -> Option<String> {
    let body = manual.split_once(".Sh SYNOPSIS\n")?.1.split("\n.Sh ").next()?;
    let entry = body.split(".Nm").find(|it| {
        it.lines().any(|line| line.strip_prefix(".Cm ").is_some_and(|name| name == command))
    });
    entry.map(str::to_owned)
}

#[test]
fn the_synopsis_has_each_command_with_each_of_its_options() {
    let manual = text(&dist("martlet.1"));
    let commands = [
        "run",
        "once",
        "check",
        "conf",
        "list",
        "status",
        "pause",
        "resume",
        "rearm",
        "quarantine list",
        "quarantine show",
        "quarantine restore",
        "quarantine purge",
    ];
    for command in commands {
        let entry = synopsis(&manual, command);
        let entry = entry.unwrap_or_else(|| panic!("the synopsis has no {command}"));
        let mut help = std::process::Command::new(martlet_tests::command::martlet());
        let help = help.args(command.split(' ')).arg("--help").output().expect("it runs");
        let help = String::from_utf8(help.stdout).expect("text");
        let usage = help.lines().next().expect("a line of usage");
        let words = usage.split(['[', ']', ' ', '<', '>']).filter(|word| word.starts_with('-'));
        for word in words.filter(|word| *word != "--" && *word != "--help") {
            let name = word.trim_end_matches("...");
            let option = format!(".Op Fl {}", &name[1..]);
            let has = entry.lines().any(|line| line.split(" Ar ").next() == Some(&*option));
            assert!(has, "{command}: the synopsis has no {option}: {usage}");
        }
    }
}
