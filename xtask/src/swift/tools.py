"""What Swift's own tools make of an auditor: swift-init, the recon middleware, swift-recon, statsd.

    python tools.py WORK PATH

Runs in a mount namespace with its own /etc/swift and /var/run/swift. PATH begins with the
directory of the auditor to try. Prints JSON: the same for two auditors that work alike.
"""
import contextlib
import io
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import threading
import time
import wsgiref.simple_server

from swift.cli.recon import SwiftRecon
from swift.common.middleware.recon import ReconMiddleware
from swift.common.utils import dump_recon_cache

WORK, SEARCH = sys.argv[1:]
RECON = os.path.join(WORK, 'recon')
CACHE = os.path.join(RECON, 'container.recon')
KEYS = ('container_auditor_pass_completed', 'container_audits_since',
        'container_audits_passed', 'container_audits_failed')
PATIENCE = 30  # seconds that anything may take
WRITES = 150

CONF = """[DEFAULT]
devices = %s/node
mount_check = false
user = root
log_statsd_host = 127.0.0.1
log_statsd_port = %d
log_udp_host = 127.0.0.1
log_udp_port = %d

[container-auditor]
interval = 1
state_path =
recon_cache_path = %s
"""


def sink():
    port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port.bind(('127.0.0.1', 0))
    port.settimeout(PATIENCE)
    return port


def wait_for(what, ready):
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise SystemExit('%s: not within %d s' % (what, PATIENCE))
        time.sleep(0.05)


def init(*words):
    """swift-init, its exit code and what it says, without process numbers and in one order."""
    done = subprocess.run(['swift-init', 'container-auditor', *words], capture_output=True,
                          text=True, timeout=2 * PATIENCE,
                          env=dict(os.environ, PATH=SEARCH))
    said = re.sub(r'\d{2,}', 'N', done.stdout + done.stderr)
    return {'rc': done.returncode, 'said': sorted(said.splitlines())}


def recorded():
    with contextlib.suppress(OSError, ValueError), open(CACHE) as fp:
        return json.load(fp)
    return {}


def passes_end():
    """Waits until a pass has ended that began after now."""
    for _ in range(2):
        before = os.stat(CACHE).st_ino if os.path.exists(CACHE) else None
        wait_for('the end of a pass', lambda: os.path.exists(CACHE)
                 and os.stat(CACHE).st_ino != before and recorded())


def running():
    """Auditors of this mount namespace: others on this machine are not ours."""
    pids, ours = [], os.readlink('/proc/self/ns/mnt')
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError), open('/proc/%s/cmdline' % pid, 'rb') as fp:
            words = fp.read().split(b'\0')
            here = os.readlink('/proc/%s/ns/mnt' % pid) == ours
            if here and any(w.endswith(b'swift-container-auditor') for w in words):
                pids.append(int(pid))
    return pids


def swift_recon():
    """swift-recon's own check against the real middleware over HTTP."""
    app = ReconMiddleware(lambda env, start: start('404 Not Found', []) or [],
                          {'recon_cache_path': RECON})
    quiet = type('Quiet', (wsgiref.simple_server.WSGIRequestHandler,),
                 {'log_message': lambda *a: None})
    server = wsgiref.simple_server.make_server('127.0.0.1', 0, app, handler_class=quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    recon = SwiftRecon()
    recon.server_type = 'container'
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        recon.auditor_check({('127.0.0.1', server.server_port)})
    server.shutdown()
    lines = re.sub(r'\d+(\.\d+)?', 'N', said.getvalue()).splitlines()
    return [line for line in lines if 'Checking' not in line]


def write_keys(writer):
    log = __import__('logging').getLogger('tools')
    for i in range(WRITES):
        dump_recon_cache({'replication_%d_%d' % (writer, i): i}, CACHE, log)


def keys_kept():
    """Two writers of Swift's replicator kind beside auditors that write at the same time."""
    writers = [multiprocessing.Process(target=write_keys, args=(i,)) for i in range(2)]
    for writer in writers:
        writer.start()
    once = 0
    while any(writer.is_alive() for writer in writers):
        subprocess.run(['swift-container-auditor', '/etc/swift/container-server/1.conf', 'once'],
                       env=dict(os.environ, PATH=SEARCH), timeout=2 * PATIENCE, check=True)
        once += 1
    found = recorded()
    lost = [key for i in range(2) for key in
            ('replication_%d_%d' % (i, n) for n in range(WRITES)) if key not in found]
    return {'lost': lost, 'ours': KEYS[0] in found, 'beside': once > 0}


def main():
    statsd, syslog = sink(), sink()
    os.makedirs('/etc/swift/container-server')
    os.makedirs('/var/run/swift', exist_ok=True)
    os.makedirs(RECON)
    with open('/etc/swift/swift.conf', 'w') as fp:
        fp.write('[swift-hash]\nswift_hash_path_prefix = martlet-prefix\n'
                 'swift_hash_path_suffix = martlet-suffix\n')
    for n in (1, 2):
        with open('/etc/swift/container-server/%d.conf' % n, 'w') as fp:
            fp.write(CONF % (WORK, statsd.getsockname()[1], syslog.getsockname()[1], RECON))
    seen = {'status before': init('status'), 'start': init('start')}
    try:
        passes_end()
        seen['two run'] = len(running())
        seen['recon keys'] = sorted(recorded())
        seen['recon kinds'] = [type(recorded().get(key)).__name__ for key in KEYS]
        # Before anything is stopped: Martlet says its window then, which Swift loses.
        seen['swift-recon'] = swift_recon()
        seen['status'] = init('status')
        seen['start again'] = init('start')
        seen['status of one'] = init('status', '-c', '1')
        seen['stop one'] = init('stop', '-c', '1')
        wait_for('the end of one', lambda: len(running()) == 1)
        seen['status after'] = init('status')
        seen['restart'] = init('restart')
        passes_end()
        seen['two run again'] = len(running())
    finally:
        seen['stop'] = init('stop')
    wait_for('the end of all', lambda: not running())
    seen['status at the end'] = init('status')
    seen['pid files'] = sorted(os.listdir('/var/run/swift'))
    seen['once'] = init('once')
    packets = set()
    statsd.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        while True:
            packets.add(re.sub(r'\d+(\.\d+)?', 'N', statsd.recv(4096).decode()))
    seen['statsd'] = sorted(packets)
    seen['recon beside others'] = keys_kept()
    print(json.dumps(seen, sort_keys=True))


main()
