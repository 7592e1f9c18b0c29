//! The sample conf and the option table say the same.
use super::{load, section};
use martlet_core::conf::{OPTIONS, Opt, Owner, option};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The sample conf that is installed: every option with its default, commented out.
fn sample() -> String {
    let mut text = "\
# The options of martlet, and of swift-container-auditor where it stands in for it, with their defaults.
# Values of [DEFAULT] hold for all sections of the file; [container-auditor] goes before. A comment is
# a line of its own: in \"interval = 60 # a minute\" the comment would be part of the value.

[container-auditor]
"
    .to_owned();
    let mut owner = Owner::Swift;
    for Opt { name, default, owner: whose, meaning, .. } in OPTIONS {
        if owner != *whose {
            owner = *whose;
            text.push_str("\n# Swift does not know the options below, and passes over them.\n");
        }
        let line = format!("# {name} = {default}");
        write!(text, "\n# {meaning}\n{}\n", line.trim_end()).expect("a string");
    }
    text
}

/// `MARTLET_SAMPLE=write cargo test -p martlet-tests sample` writes the sample anew.
#[test]
fn the_sample_conf_is_the_table() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../bin/dist/container-auditor.conf-sample");
    if std::env::var_os("MARTLET_SAMPLE").is_some_and(|value| value == "write") {
        fs::write(&path, sample()).expect("the sample conf");
    }
    let installed = fs::read_to_string(&path).expect("the sample conf");
    assert_eq!(installed, sample(), "the table has changed: write the sample anew");

    let used = installed.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        let unset = ["nice_priority", "ionice_class"].contains(&name);
        words.next() == Some("=") && !unset && option(name).is_some()
    });
    let used = used.fold("[container-auditor]\n".to_owned(), |text, line| text + line + "\n");
    let (written, silent) =
        (load(&used).expect("the sample's own values"), section("").expect("a conf"));
    assert_eq!(
        written.changed(&silent),
        Vec::<&Opt>::new(),
        "the sample's values are the defaults"
    );
    assert!(written.unknown().is_empty());
}
