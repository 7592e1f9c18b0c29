//! Swift's command line, to the letter: what `swift-container-auditor CONFIG [options]` takes
//! (`parse_options`, Python's `optparse`).
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// The name under which this command is Swift's.
pub(crate) const NAME: &str = "swift-container-auditor";

const USAGE: &str = "Usage: swift-container-auditor CONFIG [options]\n";
const HELP: &str = "Usage: swift-container-auditor CONFIG [options]

Options:
  -h, --help     show this help message and exit
  -v, --verbose  log to console
  -o, --once     only run one pass of daemon
";
const LONG: [(&str, Flag); 3] =
    [("--help", Flag::Help), ("--once", Flag::Once), ("--verbose", Flag::Verbose)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flag {
    Help,
    Once,
    Verbose,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The conf, absolute.
    pub(crate) conf: PathBuf,
    /// One pass only.
    pub(crate) once: bool,
    /// Log to stderr too.
    pub(crate) verbose: bool,
}

/// Why there is nothing to run: what to print where, and the exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// For stdout.
    pub(crate) stdout: Vec<u8>,
    /// For stderr.
    pub(crate) stderr: String,
    /// The exit code.
    pub(crate) code: u8,
}

impl Answer {
    fn refused(why: &str) -> Self {
        let stderr = format!("{USAGE}\n{NAME}: error: {why}\n");
        Self { stdout: Vec::new(), stderr, code: 2 }
    }

    fn printed(after_usage: &[u8]) -> Self {
        let stdout = [USAGE.as_bytes(), b"\n", after_usage, b"\n"].concat();
        Self { stdout, stderr: String::new(), code: 1 }
    }
}

/// Reads the words after the command's name. Relative paths are seen from `here`.
pub(crate) fn parse(words: &[OsString], here: &Path) -> Result<Asked, Answer> {
    let (mut once, mut verbose) = (false, false);
    let mut plain: Vec<&OsStr> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let flags = match word.as_bytes() {
            b"--" => {
                plain.extend(words.by_ref().map(OsString::as_os_str));
                break;
            }
            [b'-', b'-', ..] => vec![long(&word.to_string_lossy())?],
            [b'-', short @ ..] if !short.is_empty() => {
                let short = String::from_utf8_lossy(short);
                short.chars().map(letter).collect::<Result<_, _>>()?
            }
            _ => {
                plain.push(word);
                continue;
            }
        };
        for flag in flags {
            match flag {
                Flag::Help => {
                    let stdout = HELP.as_bytes().to_vec();
                    return Err(Answer { stdout, stderr: String::new(), code: 0 });
                }
                Flag::Once => once = true,
                Flag::Verbose => verbose = true,
            }
        }
    }
    let Some((conf, rest)) = plain.split_first() else {
        return Err(Answer::printed(b"Error: missing config path argument"));
    };
    let conf = absolute(here, Path::new(conf));
    if !conf.exists() {
        let said = [b"Error: unable to locate ", conf.as_os_str().as_bytes()].concat();
        return Err(Answer::printed(&said));
    }
    // Words that name an option set it; all others are ignored, as in Swift.
    once |= rest.contains(&OsStr::new("once"));
    verbose |= rest.contains(&OsStr::new("verbose"));
    Ok(Asked { conf, once, verbose })
}

fn letter(letter: char) -> Result<Flag, Answer> {
    match letter {
        'h' => Ok(Flag::Help),
        'o' => Ok(Flag::Once),
        'v' => Ok(Flag::Verbose),
        other => Err(Answer::refused(&format!("no such option: -{other}"))),
    }
}

fn long(word: &str) -> Result<Flag, Answer> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, it)| (name, Some(it)));
    let fits: Vec<_> = LONG.iter().filter(|(long, _)| long.starts_with(name)).collect();
    match fits[..] {
        [(long, _)] if value.is_some() => {
            Err(Answer::refused(&format!("{long} option does not take a value")))
        }
        [(_, flag)] => Ok(*flag),
        [] => Err(Answer::refused(&format!("no such option: {name}"))),
        _ => {
            let names: Vec<_> = fits.iter().map(|(long, _)| *long).collect();
            let names = names.join(", ");
            Err(Answer::refused(&format!("ambiguous option: {name} ({names}?)")))
        }
    }
}

/// Python's `os.path.abspath`: `.` and `..` are taken out of the text, links not looked at.
fn absolute(here: &Path, path: &Path) -> PathBuf {
    let mut whole = Vec::new();
    for component in here.join(path).components() {
        match component {
            Component::Normal(name) => whole.push(name.to_owned()),
            Component::ParentDir => {
                whole.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    let mut path = Vec::new();
    for name in &whole {
        path.push(b'/');
        path.extend_from_slice(name.as_bytes());
    }
    if path.is_empty() {
        path.push(b'/');
    }
    PathBuf::from(OsString::from_vec(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(words: &[&str]) -> Result<Asked, Answer> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        parse(&words, Path::new("/etc"))
    }

    fn asked(once: bool, verbose: bool) -> Asked {
        Asked { conf: PathBuf::from("/etc/passwd"), once, verbose }
    }

    #[test]
    fn words_and_options_stand_in_any_order() {
        assert_eq!(ask(&["passwd"]), Ok(asked(false, false)));
        assert_eq!(ask(&["-ov", "/etc/passwd"]), Ok(asked(true, true)));
        assert_eq!(ask(&["passwd", "once", "-v"]), Ok(asked(true, true)));
        assert_eq!(ask(&["passwd", "verbose", "more", "once"]), Ok(asked(true, true)));
        assert_eq!(ask(&["--verb", "../etc/./passwd", "--o"]), Ok(asked(true, true)));
        assert_eq!(ask(&["passwd", "--", "--bogus", "once"]), Ok(asked(true, false)));
    }

    #[test]
    fn what_optparse_refuses_is_refused_in_its_words() {
        let refused = |words: &[&str], why: &str| {
            let stderr = format!("{USAGE}\nswift-container-auditor: error: {why}\n");
            assert_eq!(ask(words), Err(Answer { stdout: Vec::new(), stderr, code: 2 }));
        };
        refused(&["--bogus=1", "passwd"], "no such option: --bogus");
        refused(&["-oz", "passwd"], "no such option: -z");
        refused(&["--version"], "no such option: --version");
        refused(&["--verbose=1", "passwd"], "--verbose option does not take a value");
        refused(&["--ver=1", "passwd"], "--verbose option does not take a value");
        refused(&["--=x"], "ambiguous option: -- (--help, --once, --verbose?)");
    }

    #[test]
    fn a_missing_conf_is_told_on_stdout() {
        let printed = |words: &[&str], why: &str| {
            let stdout = format!("{USAGE}\nError: {why}\n").into_bytes();
            assert_eq!(ask(words), Err(Answer { stdout, stderr: String::new(), code: 1 }));
        };
        printed(&[], "missing config path argument");
        printed(&["-o"], "missing config path argument");
        printed(&["once", "passwd"], "unable to locate /etc/once");
        printed(&["-"], "unable to locate /etc/-");
    }

    #[test]
    fn help_comes_before_all_that_follows() {
        let help = ask(&["-h", "--bogus"]);
        assert_eq!(help.map_err(|it| (it.code, it.stdout)), Err((0, HELP.as_bytes().to_vec())));
    }

    #[test]
    fn a_path_is_made_absolute_as_text() {
        let check = |path: &str, whole: &str| {
            assert_eq!(absolute(Path::new("/a/b"), Path::new(path)), Path::new(whole));
        };
        check("../c", "/a/c");
        check("../../../..", "/");
        check("", "/a/b");
        check("/x//y/", "/x/y");
    }
}
