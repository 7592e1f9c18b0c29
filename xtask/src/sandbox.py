"""The daemon under what martlet.service allows, without systemd: sandbox.py PROGRAM UNIT FIXTURE.gz [old]

In namespaces of its own: the unit's read-only root and writable places, a /dev like PrivateDevices=, an
ordinary user without capabilities and new privileges, and the unit's list of system calls, as systemd itself
spells it out. Not covered: PrivateUsers=, ProtectProc=, RestrictAddressFamilies=, MemoryDenyWriteExecute= and
the limits of the control group. With "old" each system call that is newer than Linux 3.15 is answered as a
kernel answers that does not know it (x86_64 only: its numbers grow with the kernel). Needs root, systemd-analyze and libseccomp2, and touches nothing outside.
"""
import atexit, ctypes, gzip, os, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, threading, time

USER, ID = "swift", 64711
PATIENCE = 60  # seconds for each thing that must come
LAST_OLD, LAST_KNOWN = 316, 511  # renameat2, the newest call of Linux 3.15; more than any kernel has
ENOSYS = 38


def sh(line):
    subprocess.run(["sh", "-ec", line], check=True)


def group(name):
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True)
    words = {line.strip() for line in said.stdout.splitlines()[1:]} - {""}
    calls = {word for word in words if word[0] not in "@#"}
    return calls.union(*(group(word) for word in words if word[0] == "@"))


def calls(unit):
    """The system calls that the unit's SystemCallFilter= lines leave."""
    allowed = set()
    for line in open(unit):
        key, _, value = line.strip().partition("=")
        if key == "SystemCallFilter":
            named = set().union(*(group(word) if word[0] == "@" else {word} for word in value.lstrip("~").split()))
            allowed = allowed - named if value[0] == "~" else allowed | named
    return allowed | group("@default")


def writable(unit):
    """The places that the unit lets it write to."""
    below = {"ReadWritePaths": "", "StateDirectory": "/var/lib/", "RuntimeDirectory": "/run/", "CacheDirectory": "/var/cache/"}
    lines = [line.strip().partition("=") for line in open(unit)]
    return [below[key] + word.lstrip("-") for key, _, value in lines if key in below for word in value.split()]


def confine(allowed):
    """Becomes the user, for good, with these system calls only."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(0x00050000 | 1))  # else EPERM
    for name in sorted(allowed):
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if 0 <= number <= newest and seccomp.seccomp_rule_add(context, 0x7FFF0000, number, 0):
            raise OSError(f"no rule for {name}")
    for number in range(newest + 1, LAST_KNOWN + 1):
        if seccomp.seccomp_rule_add(context, 0x00050000 | ENOSYS, number, 0):
            raise OSError(f"no rule for system call {number}")
    os.setgroups([ID])
    os.setresgid(ID, ID, ID)
    os.setresuid(ID, ID, ID)
    if ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) or seccomp.seccomp_load(context):  # PR_SET_NO_NEW_PRIVS
        raise OSError("not confined")


def put(device, partition, name, content):
    folder = f"/srv/node/{device}/containers/{partition}/{name[-3:]}/{name}"
    os.makedirs(folder)
    path = f"{folder}/{name}.db"
    with open(path, "wb") as file:
        file.write(content)
    return path


def give(device):
    sh(f"chown -R {ID}:{ID} /srv/node/{device}")


def hot(path):
    """Leaves a journal as a writer that was killed leaves it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = f"{folder}/copy.db"
        shutil.copy(path, copy)
        writer = sqlite3.connect(copy, isolation_level=None)
        writer.execute("PRAGMA cache_size=1")
        writer.execute("BEGIN")
        writer.execute("CREATE TABLE filler (text)")
        writer.executemany("INSERT INTO filler VALUES (?)", [("x" * 900,)] * 400)
        shutil.copy(copy, path)
        shutil.copy(f"{copy}-journal", f"{path}-journal")


class Heard:
    """What comes to a socket."""

    def __init__(self, kind, address):
        self.socket, self.text = socket.socket(kind, socket.SOCK_DGRAM), ""
        self.socket.bind(address)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.text += self.socket.recv(65536).decode(errors="replace") + "\n"


def await_(what, is_there):
    end = time.monotonic() + PATIENCE
    while not is_there():
        if end < time.monotonic():
            sys.exit(f"not seen in the sandbox: {what}\n{log.text}")
        time.sleep(0.05)
    print(f"seen in the sandbox: {what}", flush=True)


program, unit, fixture = (os.path.abspath(path) for path in sys.argv[1:4])
sound = gzip.open(fixture).read()
broken = sound[:4096] + b"\xff" * (len(sound) - 4096)
allowed, places = calls(unit), " ".join(writable(unit))
newest = LAST_OLD if sys.argv[4:] == ["old"] else LAST_KNOWN

# The host: everything that is written to lies in memory, in a mount namespace of this process.
if ctypes.CDLL(None).unshare(0x00020000):
    sys.exit("cannot make a mount namespace: root is needed")
sh("mount --make-rprivate / && mount -t tmpfs host /mnt && cd /mnt && mkdir etc etc-work var var-work srv dev run")
shutil.copy(program, "/mnt/martlet")
sh("mount -t overlay -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/etc-work etc /etc")
sh("mount -t overlay -o lowerdir=/var,upperdir=/mnt/var,workdir=/mnt/var-work var /var")
sh("mount --bind /mnt/srv /srv && mount --bind /mnt/run /run && mount --make-rshared /srv")
sh(f"mkdir -p /etc/swift /srv/node/sda /run/systemd/journal /run/martlet /var/lib/martlet /var/cache/swift")
sh(f"cp -a /dev/null /dev/zero /dev/random /dev/urandom /mnt/dev/; ln -s /run/systemd/journal/dev-log /mnt/dev/log")
sh(f"mount --bind /mnt/dev /dev; chown {ID}:{ID} /run/martlet /var/lib/martlet /var/cache/swift")
sh(f"echo {USER}:x:{ID}:{ID}::/:/bin/sh >> /etc/passwd; echo {USER}:x:{ID}: >> /etc/group")
log = Heard(socket.AF_UNIX, "/run/systemd/journal/dev-log")
notes = Heard(socket.AF_UNIX, "/run/notify")
sh("chmod 666 /run/notify /run/systemd/journal/dev-log")
metrics = Heard(socket.AF_INET, ("127.0.0.1", 0))
with open("/etc/swift/swift.conf", "w") as conf:
    conf.write("[swift-hash]\nswift_hash_path_suffix = end\n")
with open("/etc/swift/container-server.conf", "w") as conf:
    conf.write(
        "[container-auditor]\nmount_check = false\ninterval = 1\nlog_level = DEBUG\n"
        f"log_statsd_host = 127.0.0.1\nlog_statsd_port = {metrics.socket.getsockname()[1]}\n"
    )
good = put("sda", "1", "0" * 29 + "abc", sound)
bad = put("sda", "2", "1" * 29 + "abc", broken)
journaled = put("sda", "3", "2" * 29 + "abc", sound)
hot(journaled)
give("sda")

child, ended = os.fork(), None
if child == 0:
    try:
        if ctypes.CDLL(None).unshare(0x00020000):
            raise OSError("no mount namespace")
        sh(f"mount --make-rslave / && for it in {places}; do mount --bind $it $it; done")
        sh("for it in / /mnt /etc /var /srv /run; do mount -o remount,bind,ro $it; done")
        os.environ.update(NOTIFY_SOCKET="/run/notify", WATCHDOG_USEC="1000000")
        os.environ.pop("WATCHDOG_PID", None)
        confine(allowed)
        os.execv("/mnt/martlet", ["martlet", "run", "/etc/swift/container-server.conf"])
    except BaseException as error:
        print(error, file=sys.stderr)
    os._exit(1)
atexit.register(lambda: ended is None and os.kill(child, signal.SIGKILL))

await_("READY=1", lambda: "READY=1" in notes.text)
await_("/dev/log", lambda: "Begin container audit pass" in log.text)
await_("a sound database passed", lambda: f"Audit passed for {good}" in log.text)
await_("statsd", lambda: "container-auditor.passes:1|c" in metrics.text)
await_("a damaged database in quarantine", lambda: os.path.exists("/srv/node/sda/quarantined/containers/" + "1" * 29 + "abc"))
await_("a hot journal recovered", lambda: not os.path.exists(f"{journaled}-journal") and f"Audit passed for {journaled}" in log.text)
await_("recon", lambda: os.path.exists("/var/cache/swift/container.recon"))
await_("the watchdog fed", lambda: "WATCHDOG=1" in notes.text)
await_("the lock of the conf", lambda: os.listdir("/run/martlet"))
await_("the state", lambda: os.listdir("/var/lib/martlet"))

# A disk that comes later, beside the running daemon.
sh("mkdir /srv/node/sdb && mount -t tmpfs later /srv/node/sdb")
put("sdb", "7", "3" * 29 + "abc", broken)
give("sdb")
await_("a device mounted later, and written to", lambda: os.path.exists("/srv/node/sdb/quarantined/containers/" + "3" * 29 + "abc"))

status = open(f"/proc/{child}/status").read()
for line in [f"Uid:\t{ID}\t{ID}\t{ID}\t{ID}", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]:
    await_(line.replace("\t", " "), lambda: line in status)
peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
print(" ".join(peak.split()))
os.kill(child, signal.SIGTERM)
ended = os.waitpid(child, 0)[1]
await_("STOPPING=1", lambda: "STOPPING=1" in notes.text)
if ended:
    sys.exit(f"ended with {ended}\n{log.text}")
