//! Takes every scenario through an auditor and brings its answers back.

use std::collections::BTreeMap;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nix::unistd::{Uid, User};
use serde_json::{Value, json};

use crate::answers::{self, Answers, Log};
use crate::auditor::{Options, Room};
use crate::command;
use crate::fixtures::manifest;
use crate::scenarios::{Held, Run, Scenario, Stage};
use crate::snapshot::Snapshot;

/// Runs that work, rather than wait, at the same time.
const WORKERS: usize = 2;
/// A run that takes longer hangs: lock waits of Swift add up to 50 s.
const LIMIT: Duration = Duration::from_secs(100);
/// A run that is known to hang for ever is given this long: Python has to have begun by then, on a
/// machine that does much else.
const LIMIT_OF_A_LOOP: Duration = Duration::from_secs(25);

/// An auditor: how to call it in a room.
pub type Program<'a> = &'a (dyn Fn(&Room) -> Command + Sync);

/// The user that scenarios of an ordinary user run as, when root runs them.
pub const ORDINARY_USER: &str = "nobody";

/// Whether scenarios can be run in which files belong to somebody else.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Runs the scenarios and returns an answer for each, and for each run that several share.
///
/// # Panics
/// If a tree cannot be built or the auditor cannot be run.
#[must_use]
pub fn ask(scenarios: &[Scenario], program: Program<'_>) -> Answers {
    let mut shared: BTreeMap<Run, Vec<&Scenario>> = BTreeMap::new();
    let (mut busy, mut waiting) = (Vec::new(), Vec::new());
    for scenario in scenarios {
        match scenario.run {
            Run::AsRoot | Run::AsUser | Run::MountCheck => {
                shared.entry(scenario.run).or_default().push(scenario);
            }
            Run::Waits => waiting.push(vec![scenario]),
            _ if scenario.loops => waiting.push(vec![scenario]),
            Run::Alone | Run::AloneAsUser => busy.push(vec![scenario]),
        }
    }
    busy.extend(shared.into_values());
    let (todo, answers) = (Mutex::new(busy), Mutex::new(Answers::new()));
    let take = || todo.lock().expect("no worker panics with the list").pop();
    let keep = |new: Answers| {
        answers.lock().expect("no worker panics with the answers").extend(new);
    };
    thread::scope(|scope| {
        for group in &waiting {
            scope.spawn(|| keep(one_run(group, program)));
        }
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(group) = take() {
                    keep(one_run(&group, program));
                }
            });
        }
    });
    answers.into_inner().expect("no worker panics with the answers")
}

/// Builds the trees of scenarios without running anything, and returns their checksums.
///
/// # Panics
/// If a tree cannot be built.
#[must_use]
pub fn trees(scenarios: &[Scenario]) -> BTreeMap<String, String> {
    let sum = |scenario: &Scenario| {
        let room = Room::new();
        let built = build(&[scenario], &room);
        (scenario.name.clone(), checksum(&built, scenario))
    };
    scenarios.iter().map(sum).collect()
}

fn one_run(group: &[&Scenario], program: Program<'_>) -> Answers {
    let room = Room::new();
    let before = build(group, &room);
    let first = group[0];
    let held: Vec<Held> = group
        .iter()
        .filter_map(|s| s.beside.as_ref().map(|beside| beside(&Stage::new(&room, &s.name))))
        .collect();
    let options = Options {
        mount_check: first.run == Run::MountCheck,
        user: user(first.run),
        more: "",
        limit: if first.loops { LIMIT_OF_A_LOOP } else { LIMIT },
    };
    let heard = room.once(program(&room), &options, |closed| release(held, closed));
    let after = Snapshot::of(room.path(), owner(first.run));
    let log = Log::of(&heard, &room);

    let mut statsd = answers::statsd(&heard);
    let exit = heard.code().map_or(json!("hangs"), Value::from);
    let mut run = json!({
        "exit": exit, "stdout": heard.stdout, "console": log.console(),
        "recon": answers::recon(&room), "recon changes": answers::changes(&before, &after, "recon"),
    });
    if first.run.is_alone() {
        run["tree"] = json!(checksum(&before, first));
        run["statsd"] = json!(statsd);
        run["log"] = json!(log.all());
        run["changes"] = json!(answers::changes(&before, &after, "node"));
        return Answers::from([(first.name.clone(), run)]);
    }

    let mut answers = Answers::new();
    let (mut passed, mut failed) = (0, 0);
    for scenario in group {
        let lines = log.about(&scenario.name);
        let counted = answers::counted(&lines);
        passed += counted.0;
        failed += counted.1;
        let answer = json!({
            "tree": checksum(&before, scenario),
            "passed": counted.0, "failed": counted.1, "log": lines,
            "changes": answers::changes(&before, &after, &format!("node/{}", scenario.name)),
        });
        answers.insert(scenario.name.clone(), answer);
    }
    // How many of each differs where a scenario does; that it is what the log says does not.
    let packets = |name: &str| statsd.get(name).and_then(Value::as_u64).unwrap_or(0);
    let agrees = (packets("passes"), packets("failures")) == (passed as u64, failed as u64);
    statsd.insert(
        "passes and failures".to_owned(),
        json!(if agrees { "as the log" } else { "not as the log" }),
    );
    statsd.remove("passes");
    statsd.remove("failures");
    run["statsd"] = json!(statsd);
    let names: Vec<&str> = group.iter().map(|s| s.name.as_str()).collect();
    run["log"] = json!(log.about_none_of(&names));
    answers.insert(format!("run {:?}", first.run), run);
    answers
}

/// Builds the trees of a group and looks at them.
fn build(group: &[&Scenario], room: &Room) -> Snapshot {
    for scenario in group {
        (scenario.make)(&Stage::new(room, &scenario.name));
    }
    let owner = owner(group[0].run);
    if !Uid::from_raw(owner).is_root() {
        give(room.path(), owner);
    }
    for scenario in group {
        if let Some(foreign) = &scenario.foreign {
            foreign(&Stage::new(room, &scenario.name));
        }
    }
    Snapshot::of(room.path(), owner)
}

fn checksum(built: &Snapshot, scenario: &Scenario) -> String {
    let device = built.below(&format!("node/{}", scenario.name)).checksum();
    if !scenario.run.is_alone() {
        return device;
    }
    built.below("node").checksum() + &built.below("recon").checksum()
}

fn release(held: Vec<Held>, closed: &mpsc::Receiver<()>) -> Vec<Held> {
    match held.iter().filter_map(|h| h.for_at_most).min() {
        Some(time) => {
            // The run may end before, which is what is to be seen.
            let _ended = closed.recv_timeout(time);
            Vec::new()
        }
        None => held,
    }
}

fn user(run: Run) -> String {
    if run.is_of_a_user() && is_root() {
        return ORDINARY_USER.to_owned();
    }
    let me = User::from_uid(Uid::effective()).ok().flatten();
    me.expect("whoever runs tests has a name").name
}

fn owner(run: Run) -> u32 {
    let user = User::from_name(&user(run)).ok().flatten();
    user.expect("the user exists").uid.as_raw()
}

fn give(path: &Path, owner: u32) {
    let given = lchown(path, Some(owner), None);
    given.unwrap_or_else(|e| panic!("cannot give {} away: {e}", path.display()));
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            give(&entry.path(), owner);
        }
    }
}

/// Gives the process an `/etc/swift` of its own: `/etc` gets a writable layer, all else stays.
const NAMESPACE: &str = "mount -t tmpfs none \"$1\"; mkdir \"$1/upper\" \"$1/work\"
mount -t overlay overlay -o lowerdir=/etc,upperdir=\"$1/upper\",workdir=\"$1/work\" /etc
mkdir -p /etc/swift; cp \"$2\" /etc/swift/swift.conf; shift 2; exec \"$@\"";

/// Martlet under Swift's name, in a mount namespace where `/etc/swift/swift.conf` is the fixtures':
/// under that name it does not start without one. Needs root.
#[must_use]
pub fn martlet(room: &Room) -> Command {
    let mut command = in_namespace(room);
    command.arg(martlet_link(room));
    command
}

/// The beginning of a command in such a namespace: the words of what is to run there follow.
#[must_use]
pub fn in_namespace(room: &Room) -> Command {
    let mounts = room.path().join("mounts");
    crate::damage::put_dir(&mounts);
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec", NAMESPACE, "sh"]);
    command.arg(mounts).arg(swift_conf(room));
    command
}

/// A `swift.conf` with the hash prefix and suffix of the fixtures.
#[must_use]
pub fn swift_conf(room: &Room) -> PathBuf {
    let path = room.path().join("swift.conf");
    let (prefix, suffix) = (&manifest().hash_path_prefix, &manifest().hash_path_suffix);
    let text = format!(
        "[swift-hash]\nswift_hash_path_prefix = {prefix}\nswift_hash_path_suffix = {suffix}\n"
    );
    crate::damage::put_file(&path, text.as_bytes());
    path
}

/// A link to Martlet that has Swift's name.
///
/// # Panics
/// If it cannot be built or linked to.
#[must_use]
pub fn martlet_link(room: &Room) -> PathBuf {
    let link = room.path().join("swift-container-auditor");
    if !link.is_symlink() {
        std::os::unix::fs::symlink(command::martlet(), &link).expect("a link in our own directory");
    }
    link
}
