"""Swift's brokers at work while an auditor makes its passes.

    python live.py WORK AUDITOR

Four processes put and delete objects, in containers of their own and in one that they share; three
of them shard a container. Meanwhile AUDITOR makes its passes. Prints JSON: what went wrong.
"""
import glob
import hashlib
import json
import logging
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import time

import swift.common.utils as utils
from swift.common.utils import ShardRange
from swift.common.utils.timestamp import NormalTimestamp, Timestamp
from swift.container.backend import ContainerBroker

WORK, AUDITOR = sys.argv[1:]
WRITERS = 4
ACTIONS = 500      # puts and deletes of each writer
ACTIONS_MAX = 20 * ACTIONS  # it goes on while there are passes to come
SHARDINGS = 3      # writers that shard a container in between
PASSES = 20
PAUSE = 0.04       # seconds between two actions: a writer is busy for half a minute
utils.HASH_PATH_PREFIX = b'martlet-prefix'
utils.HASH_PATH_SUFFIX = b'martlet-suffix'

CONF = """[DEFAULT]
devices = %s/node
mount_check = false
user = root
log_level = DEBUG
log_udp_host = 127.0.0.1
log_udp_port = 9

[container-auditor]
containers_per_second = 0
state_path =
recon_cache_path = %s
"""


def broker(container, account='AUTH_live'):
    part = int(utils.hash_path(account, container)[:8], 16) >> 22
    made, _ = ContainerBroker.create_broker(
        os.path.join(WORK, 'node', 'sda'), part, account, container,
        logger=logging.getLogger('live'), put_timestamp=Timestamp.now().internal,
        storage_policy_index=0)
    return made


def shard(writer):
    """All steps of a sharding, as the sharder takes them."""
    root = broker('to-shard-%d' % writer)
    names = ['%03d' % i for i in range(60)]
    for name in names:
        root.put_object(name, Timestamp.now().internal, 5, 'text/plain', 'e' * 32)
    root.get_info()
    yield
    own = root.get_own_shard_range()
    parts = [ShardRange('.shards_AUTH_live/%s-%d' % (root.container, i), NormalTimestamp.now(),
                        lower, upper, 30, 150, state=ShardRange.CREATED)
             for i, (lower, upper) in enumerate([('', '029'), ('029', '')])]
    root.merge_shard_ranges(parts)
    yield
    root.enable_sharding(NormalTimestamp.now())
    assert root.set_sharding_state(), 'sharding does not begin'
    yield
    for part in parts:
        account, container = part.name.split('/')
        cleaved = broker(container, account)
        cleaved.set_sharding_sysmeta('Quoted-Root', 'AUTH_live/' + root.container)
        cleaved.merge_shard_ranges(part)
        rows = [r for r in root.get_brokers()[0].get_objects()
                if r['name'] > part.lower_str and (not part.upper_str or r['name'] <= part.upper_str)]
        cleaved.merge_items(rows)
        part.update_state(ShardRange.CLEAVED, NormalTimestamp.now())
        root.merge_shard_ranges(part)
        yield
    for part in parts:
        part.update_state(ShardRange.ACTIVE, NormalTimestamp.now())
    root.merge_shard_ranges(parts)
    assert root.set_sharded_state(), 'sharding does not end'
    own = root.get_own_shard_range()
    own.update_state(ShardRange.SHARDED, NormalTimestamp.now())
    root.merge_shard_ranges(own)


def write(writer, errors, audited):
    rng = random.Random(writer)
    steps = shard(writer) if writer < SHARDINGS else iter(())
    for action in range(ACTIONS_MAX):
        if ACTIONS <= action and audited.is_set():
            break
        try:
            name = 'shared' if rng.random() < 0.3 else 'own-%d-%d' % (writer, rng.randrange(4))
            container = broker(name)
            entry = 'o%03d' % rng.randrange(80)
            if rng.random() < 0.7:
                container.put_object(entry, Timestamp.now().internal, rng.randrange(9999),
                                     'text/plain', '%032x' % rng.getrandbits(128))
            else:
                container.delete_object(entry, Timestamp.now().internal)
            if rng.random() < 0.3:
                container.get_info()  # merges what is pending
            if action % (ACTIONS // 8) == 0:
                next(steps, None)
        except Exception as err:
            errors.put('writer %d, action %d: %r' % (writer, action, err))
        time.sleep(PAUSE)
    for _ in steps:
        pass


def audit():
    """One pass: what it says of failures, and its exit code if it is not 0."""
    done = subprocess.run([AUDITOR, WORK + '/live.conf', 'once', '-v'], capture_output=True,
                          text=True, timeout=120)
    bad = [line[:300] for line in done.stderr.splitlines()
           if 'ERROR' in line or 'Quarantined' in line]
    passed = sum('Audit passed for' in line for line in done.stderr.splitlines())
    return bad + (['exit %s' % done.returncode] if done.returncode else []), passed


def check(path):
    """What is wrong with a database at the end, by SQLite and by Swift's own sums."""
    ContainerBroker(path).get_info()
    conn = sqlite3.connect(path)
    wrong = [line for (line,) in conn.execute('PRAGMA integrity_check') if line != 'ok']
    total = 0
    for name, created in conn.execute('SELECT name, created_at FROM object'):
        total ^= int(hashlib.md5(('%s-%s' % (name, created)).encode(),
                                 usedforsecurity=False).hexdigest(), 16)
    (stored,), = conn.execute('SELECT hash FROM container_info')
    if int(stored, 16) != total:
        wrong.append('hash is %s, the rows say %032x' % (stored, total))
    return ['%s: %s' % (path, line) for line in wrong]


def main():
    with open(WORK + '/live.conf', 'w') as fp:
        fp.write(CONF % (WORK, WORK + '/recon'))
    os.makedirs(WORK + '/recon')
    errors, audited = multiprocessing.Queue(), multiprocessing.Event()
    writers = [multiprocessing.Process(target=write, args=(i, errors, audited))
               for i in range(WRITERS)]
    begin = time.monotonic()
    for writer in writers:
        writer.start()
    found, passed, beside = [], 0, 0
    for _ in range(PASSES):
        bad, good = audit()
        found += bad
        passed += good
        beside += all(writer.is_alive() for writer in writers)
        time.sleep(0.5)  # the passes spread over the time in which all are at work
    audited.set()
    for writer in writers:
        writer.join()
    took = time.monotonic() - begin
    wrong = []
    while not errors.empty():
        wrong.append(errors.get())
    paths = glob.glob(WORK + '/node/*/containers/*/*/*/*.db')
    for path in paths:
        wrong += check(path)
    print(json.dumps({
        'audit': found, 'writers': wrong, 'exit': [w.exitcode for w in writers],
        'passes beside all writers': beside, 'audits passed': passed,
        'databases': len(paths), 'seconds': round(took)}))


main()
