//! What an operator is told of a conf: where a value comes from, what is not understood.
use super::{load, section};
use martlet_core::conf::OPTIONS;
use martlet_platform_linux::conf;
use std::fs;
use tempfile::TempDir;

#[test]
fn every_value_can_be_traced_to_its_line() {
    let dir = TempDir::new().expect("a temporary directory");
    let (one, two) = (dir.path().join("00.conf"), dir.path().join("10.conf"));
    fs::write(
        &one,
        "[DEFAULT]\nroot = /r\ndevices = %(root)s/n\n[container-auditor]\ninterval = 1\n",
    )
    .expect("a file");
    fs::write(&two, "# later\n[container-auditor]\ninterval = 2\n").expect("a file");
    let settings = conf::load(dir.path()).expect("a good conf");
    let told: Vec<String> = settings.effective().map(|option| option.to_string()).collect();
    assert_eq!(told.len(), OPTIONS.len());
    assert_eq!(told[0], format!("devices = /r/n  ({}:3, [DEFAULT])", one.display()));
    assert_eq!(told[1], "mount_check = true  (default)");
    assert_eq!(told[2], format!("interval = 2  ({}:3, [container-auditor])", two.display()));
    assert!(settings.unknown().is_empty(), "root is referred to");

    fs::write(&two, "[container-auditor]\ninterval = 1800.0\nlanes = 1\n").expect("a file");
    let other = conf::load(dir.path()).expect("a good conf");
    let changed: Vec<&str> = settings.changed(&other).iter().map(|option| option.name).collect();
    assert_eq!(changed, ["interval"], "a default that is written down is no change");
}

#[test]
fn what_is_not_understood_is_said_where_it_helps() {
    let unknown = |text: &str| -> Vec<String> {
        let settings = load(text).expect("a good conf");
        let cut = |line: String| {
            line.split_once("a.conf:").map_or(String::new(), |(_, rest)| rest.to_owned())
        };
        settings.unknown().iter().map(|key| cut(key.to_string())).collect()
    };
    let a = |key: &str| unknown(&format!("[container-auditor]\n{key} = 1\n"));
    let meant = |name: &str| [format!("not an option; did you mean {name}?")];
    let check = |key: &str, name: &str| {
        assert_eq!(a(key), meant(name).map(|says| format!("2: [container-auditor] {key}: {says}")));
    };
    check("intervall", "interval");
    check("inteval", "interval");
    check("Interval", "interval");
    check("containers-per-second", "containers_per_second");
    check("container_per_second", "containers_per_second");
    check("log_lvel", "log_level");
    check("qurantine", "quarantine");
    check("mount_chekc", "mount_check");
    assert_eq!(
        unknown("[container-auditor]\nroot = /r\ndevices = %(root)s\n"),
        Vec::<String>::new(),
        "a key that another refers to is understood"
    );
    assert_eq!(a("colour"), ["2: [container-auditor] colour: not an option of the auditor"]);
    assert_eq!(a("bind_port"), ["2: [container-auditor] bind_port: not an option of the auditor"]);
    assert_eq!(
        a("set interval"),
        [
            "2: [container-auditor] set interval: \"set\" is for paste pipelines and has no effect here; write interval = 1"
        ]
    );
    assert_eq!(
        unknown("[DEFAULT]\nlog_statsd_hots = x\ncolour = x\n[container-auditor]\n"),
        ["2: [DEFAULT] log_statsd_hots: not an option; did you mean log_statsd_host?"]
    );
    let others = [
        "swift_dir",
        "workers",
        "bind_ip",
        "bind_port",
        "bind_timeout",
        "backlog",
        "max_clients",
        "keep_idle",
        "db_query_logging",
        "allowed_sync_hosts",
        "client_timeout",
        "statsd_label_mode",
        "log_headers",
        "statsd_user_label_node",
        "conn_timeout",
        "node_timeout",
        "auto_create_account_prefix",
        "here",
        "replication_server",
        "expiring_objects_account_name",
        "concurrency",
        "reclaim_age",
        "run_pause",
        "slowdown",
        "account_suppression_time",
        "key_file",
        "cert_file",
        "reload_config",
        "cors_allow_origin",
    ];
    for key in others {
        let said = unknown(&format!("[DEFAULT]\n{key} = 1\n[container-auditor]\n"));
        assert!(said.is_empty(), "{key} is for other daemons: {said:?}");
    }
}

#[test]
fn a_value_that_hardly_means_what_it_says_is_noted() {
    let notes = |line: &str| section(line).expect("a good conf").notes();
    let check = |line: &str, says: &str| {
        let note = notes(line).join("; ");
        let note = note.split_once("a.conf:").map_or(note.as_str(), |(_, rest)| rest);
        assert_eq!(note, format!("2: [container-auditor] {line}: {says}"));
    };
    check("mount_check = ture", "neither true nor false: false is used");
    check("mount_check = true # always", "neither true nor false: false is used");
    check("log_level = LOUD", "not a level: INFO is used");
    check("log_level = NOTICE", "not a level: INFO is used");
    check("log_facility = local3", "not a facility: LOG_LOCAL0 is used");
    check("log_custom_handlers = lab.trace", "Python functions are not called");
    check("devices = srv/node", "a relative path is seen from /");
    check("devices = /srv/node ; disks", "a comment needs a line of its own");
    check("user = swift # as ever", "a comment needs a line of its own");
    check("interval = 0.0", "passes follow each other without a pause");
    let noted = notes("recon_cache_path = /var\0/x").join("; ");
    assert!(
        noted.ends_with("recon_cache_path = /var\\u{0}/x: a NUL character is in it"),
        "{noted}"
    );
    for line in [
        "",
        "mount_check = No",
        "log_level = warn",
        "devices = /a#b",
        "interval = 1",
        "state_path =",
    ] {
        assert_eq!(notes(line), Vec::<String>::new(), "{line}");
    }
}
