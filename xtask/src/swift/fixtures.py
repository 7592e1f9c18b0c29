"""Lets Swift's own brokers write the databases under tests/fixtures.

Run by `cargo xtask fixtures` with the Python of a virtual environment that has Swift:

    python fixtures.py OUT

Writes OUT/NAME.db.gz (OUT/NAME.retiring.db.gz, OUT/NAME.pending.gz beside it where there is one)
and OUT/manifest.json, which says for each database what Swift's broker answers about it.

The same bytes come out each time on one version of Swift and SQLite: time and identifiers are
counted up from fixed values, and gzip gets no date. SQLite writes its version into each file.
"""
import base64
import gzip
import hashlib
import json
import logging
import os
import pickle
import random
import shutil
import sqlite3
import sys
import tempfile
import time
import uuid

CLOCK = [1760000000.0]


def counted_time():
    CLOCK[0] = round(CLOCK[0] + 0.001, 5)
    return CLOCK[0]


time.time = counted_time

import swift  # noqa: E402
import swift.common.db as db  # noqa: E402
import swift.common.utils as utils  # noqa: E402
import swift.container.backend as backend  # noqa: E402
from swift.common.utils import ShardRange  # noqa: E402
from swift.common.utils.timestamp import NormalTimestamp, Timestamp  # noqa: E402
from swift.container.backend import ContainerBroker  # noqa: E402

PREFIX = 'martlet-prefix'
SUFFIX = 'martlet-suffix'
PART_POWER = 10
ACCOUNT = 'AUTH_test'
utils.HASH_PATH_PREFIX = PREFIX.encode()
utils.HASH_PATH_SUFFIX = SUFFIX.encode()

IDS = random.Random(1)


def counted_uuid():
    return uuid.UUID(int=IDS.getrandbits(128), version=4)


db.uuid4 = backend.uuid4 = counted_uuid
plain_connection = db.get_db_connection


def connection_with_fixed_now(*args, **kwargs):
    """The triggers of the sync tables call STRFTIME('%s', 'NOW'); let it be the counted time."""
    conn = plain_connection(*args, **kwargs)
    conn.create_function('strftime', 2, lambda fmt, when: str(int(CLOCK[0])))
    return conn


db.get_db_connection = connection_with_fixed_now


def now():
    return Timestamp.now().internal


class Place:
    """One container in one temporary device."""

    def __init__(self, name, account=ACCOUNT, container=None, cls=ContainerBroker):
        self.name = name
        self.account = account
        self.container = container or 'c-' + name
        self.root = tempfile.mkdtemp(prefix='martlet-fixtures-')
        self.hash = utils.hash_path(self.account, self.container)
        self.part = int(self.hash[:8], 16) >> (32 - PART_POWER)
        self.dir = os.path.join(self.root, 'sda', utils.storage_directory(
            'containers', self.part, self.hash))
        self.cls = cls
        self.logger = logging.getLogger('fixtures')

    def create(self, policy=0, epoch=None):
        path = utils.make_db_file_path(os.path.join(self.dir, self.hash + '.db'), epoch)
        broker = self.cls(path, account=self.account, container=self.container,
                          logger=self.logger)
        broker.initialize(now(), policy)
        return broker

    def again(self):
        """A broker that knows nothing of the ones before, as the auditor's."""
        return ContainerBroker(os.path.join(self.dir, self.hash + '.db'), logger=self.logger)

    def files(self):
        return sorted(f for f in os.listdir(self.dir) if f.endswith('.db'))

    def plain(self, script, *args):
        """SQL on the newest file without Swift."""
        conn = sqlite3.connect(os.path.join(self.dir, self.files()[-1]))
        conn.create_function('chexor', 3, db.chexor)
        conn.executescript(script)
        conn.commit()
        conn.close()

    def pending(self, content=None, entries=()):
        path = os.path.join(self.dir, self.hash + '.db.pending')
        with open(path, 'ab') as fp:
            fp.write(content or b'')
            for entry in entries:
                fp.write(b':' + base64.b64encode(pickle.dumps(entry, protocol=2)))


def objects(count, seed, policy=0, deleted_share=0.0, prefix='obj'):
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        deleted = 1 if rng.random() < deleted_share else 0
        rows.append({
            'name': '%s-%06d-%s' % (prefix, i, 'x' * rng.randrange(30)),
            'created_at': now(),
            'size': 0 if deleted else rng.randrange(1 << 30),
            'content_type': 'application/deleted' if deleted else 'application/octet-stream',
            'etag': 'noetag' if deleted else '%032x' % rng.getrandbits(128),
            'deleted': deleted,
            'storage_policy_index': policy,
            'ctype_timestamp': None,
            'meta_timestamp': None})
    rng.shuffle(rows)
    return rows


def put(broker, rows, batch=250):
    for i in range(0, len(rows), batch):
        broker.merge_items([dict(r) for r in rows[i:i + batch]])


def ranges(place, count, state, objects_each=1000):
    """Shard ranges that cover the whole name space."""
    bounds = [''] + ['m%03d' % i for i in range(1, count)] + ['']
    return [
        ShardRange('.shards_%s/%s-%d' % (place.account, place.container, i), NormalTimestamp.now(),
                   bounds[i], bounds[i + 1], objects_each + i, 4096 * i,
                   state=state, tombstones=i)
        for i in range(count)]


def shard_it(place, count=3, rows=20):
    """A root in state sharding: a retiring file with rows, a fresh one with shard ranges."""
    broker = place.create()
    put(broker, objects(rows, 7))
    broker.merge_shard_ranges(ranges(place, count, ShardRange.CLEAVED))
    broker.enable_sharding(NormalTimestamp.now())
    assert broker.set_sharding_state()
    return broker


def sharded_root(place, count=3, state=ShardRange.ACTIVE):
    broker = shard_it(place, count)
    if state is not None:
        live = broker.get_shard_ranges()
        for shard_range in live:
            shard_range.update_state(state, NormalTimestamp.now())
        broker.merge_shard_ranges(live)
    assert broker.set_sharded_state()
    own = broker.get_own_shard_range()
    own.update_state(ShardRange.SHARDED, NormalTimestamp.now())
    broker.merge_shard_ranges(own)
    return broker


# The schemas that Swift had before, in the order in which it left them behind.

OLD_OBJECT = """
    CREATE TABLE object (
        ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created_at TEXT, size INTEGER,
        content_type TEXT, etag TEXT, deleted INTEGER DEFAULT 0);
    CREATE INDEX ix_object_deleted_name ON object (deleted, name);
    CREATE TRIGGER object_insert AFTER INSERT ON object BEGIN
        UPDATE container_stat SET object_count = object_count + (1 - new.deleted),
            bytes_used = bytes_used + new.size, hash = chexor(hash, new.name, new.created_at);
    END;
    CREATE TRIGGER object_update BEFORE UPDATE ON object BEGIN
        SELECT RAISE(FAIL, 'UPDATE not allowed; DELETE and INSERT');
    END;
    CREATE TRIGGER object_delete AFTER DELETE ON object BEGIN
        UPDATE container_stat SET object_count = object_count - (1 - old.deleted),
            bytes_used = bytes_used - old.size, hash = chexor(hash, old.name, old.created_at);
    END;
"""

OLD_STAT = """
    CREATE TABLE container_stat (
        account TEXT, container TEXT, created_at TEXT, put_timestamp TEXT DEFAULT '0',
        delete_timestamp TEXT DEFAULT '0', object_count INTEGER, bytes_used INTEGER,
        reported_put_timestamp TEXT DEFAULT '0', reported_delete_timestamp TEXT DEFAULT '0',
        reported_object_count INTEGER DEFAULT 0, reported_bytes_used INTEGER DEFAULT 0,
        hash TEXT DEFAULT '00000000000000000000000000000000', id TEXT, status TEXT DEFAULT '',
        status_changed_at TEXT DEFAULT '0'%s);
"""

METADATA = ", metadata TEXT DEFAULT ''"
SYNC_POINTS = (", x_container_sync_point1 INTEGER DEFAULT -1"
               ", x_container_sync_point2 INTEGER DEFAULT -1")


def old_broker(more_columns):
    class OldBroker(ContainerBroker):
        def _initialize(self, conn, put_timestamp, storage_policy_index):
            conn.executescript(OLD_OBJECT + OLD_STAT % more_columns)
            conn.execute(
                "INSERT INTO container_stat (object_count, bytes_used, account, container,"
                " created_at, id, put_timestamp, status_changed_at)"
                " VALUES (0, 0, ?, ?, ?, ?, ?, ?)",
                (self.account, self.container, now(), self._new_db_id(),
                 put_timestamp, put_timestamp))
            self._db_files = None
    return OldBroker


def old_rows(place, rows):
    """Rows by plain SQL: a merge by today's broker would bring the schema up to date."""
    conn = sqlite3.connect(os.path.join(place.dir, place.files()[-1]))
    conn.create_function('chexor', 3, db.chexor)
    conn.executemany(
        "INSERT INTO object (name, created_at, size, content_type, etag, deleted)"
        " VALUES (:name, :created_at, :size, :content_type, :etag, :deleted)", rows)
    conn.commit()
    conn.close()


def without_columns(place, columns):
    """The shard_range table as it was before it had these columns."""
    kept = [c for c in ('ROWID', 'name', 'timestamp', 'lower', 'upper', 'object_count',
                        'bytes_used', 'meta_timestamp', 'deleted', 'state', 'state_timestamp',
                        'epoch', 'reported', 'tombstones') if c not in columns]
    types = {'ROWID': 'INTEGER PRIMARY KEY AUTOINCREMENT', 'state': 'INTEGER',
             'object_count': 'INTEGER DEFAULT 0', 'bytes_used': 'INTEGER DEFAULT 0',
             'deleted': 'INTEGER DEFAULT 0', 'reported': 'INTEGER DEFAULT 0'}
    declared = ', '.join('%s %s' % (c, types.get(c, 'TEXT')) for c in kept)
    place.plain("""
        CREATE TABLE kept AS SELECT * FROM shard_range;
        DROP TABLE shard_range;
        CREATE TABLE shard_range (%s);
        INSERT INTO shard_range (%s) SELECT %s FROM kept;
        DROP TABLE kept;
        CREATE TRIGGER shard_range_update BEFORE UPDATE ON shard_range BEGIN
            SELECT RAISE(FAIL, 'UPDATE not allowed; DELETE and INSERT');
        END;
        VACUUM;
    """ % (declared, ', '.join(kept), ', '.join(kept)))


# Each maker builds one fixture at the place it is given. Its docstring becomes its `about`.

MAKERS = []


def fixture(name, **place):
    def keep(maker):
        MAKERS.append((name, place, maker))
        return maker
    return keep


@fixture('empty')
def _(place):
    """put, no object, never deleted"""
    place.create()


@fixture('one')
def _(place):
    """one object"""
    put(place.create(), objects(1, 1))


@fixture('small')
def _(place):
    """five objects"""
    put(place.create(), objects(5, 2))


@fixture('tombstones')
def _(place):
    """eighty rows, half of them tombstones"""
    put(place.create(), objects(80, 3, deleted_share=0.5))


@fixture('hundreds')
def _(place):
    """three hundred objects, put in random order: interior pages in table and index"""
    put(place.create(), objects(300, 4, deleted_share=0.1))


@fixture('thousand')
def _(place):
    """a thousand objects in small batches"""
    put(place.create(), objects(1000, 5), batch=100)


@fixture('reclaimed')
def _(place):
    """two hundred rows of which the tombstones were reclaimed: pages on the freelist"""
    broker = place.create()
    rows = objects(200, 6)
    put(broker, rows)
    put(broker, [dict(r, deleted=1, size=0, created_at=now()) for r in rows[:150]])
    broker.reclaim(now(), now())


@fixture('names', container='b\u00e4lle \u2603 %20?#"\'')
def _(place):
    """a container and objects whose names need care"""
    rows = objects(6, 8)
    names = ['\u2603', 'a' * 1024, ' ', '%', 'x\ny', '\U0001f426']
    put(place.create(), [dict(r, name=n) for r, n in zip(rows, names)])


@fixture('longest-name', container='c' * 256)
def _(place):
    """a container name of 256 bytes"""
    put(place.create(), objects(2, 9))


@fixture('synced')
def _(place):
    """sync points of replicas and of container sync, reported to its account"""
    broker = place.create()
    put(broker, objects(4, 10))
    for incoming in (True, False):
        broker.merge_syncs([{'remote_id': str(counted_uuid()), 'sync_point': 4},
                            {'remote_id': str(counted_uuid()), 'sync_point': 2}], incoming)
    broker.set_x_container_sync_points(3, 2)
    info = broker.get_info()
    broker.reported(info['put_timestamp'], info['delete_timestamp'],
                    info['object_count'], info['bytes_used'])


@fixture('updated')
def _(place):
    """objects whose content type and metadata are newer than their data"""
    broker = place.create()
    rows = objects(6, 11)
    put(broker, rows)
    put(broker, [dict(r, ctype_timestamp=now(), meta_timestamp=now()) for r in rows[:4]])


@fixture('two-policies')
def _(place):
    """rows in policies 0 and 1, the container in policy 1"""
    broker = place.create(policy=1)
    put(broker, objects(12, 12, policy=1))
    put(broker, objects(5, 13, policy=0, prefix='stray'))


@fixture('policy-moved')
def _(place):
    """created in policy 0, moved to policy 2 before its first object"""
    broker = place.create(policy=0)
    broker.set_storage_policy_index(2, timestamp=now())
    put(broker, objects(3, 14, policy=2))


@fixture('metadata')
def _(place):
    """a few headers as a user sets them"""
    broker = place.create()
    put(broker, objects(3, 15))
    broker.update_metadata({'X-Container-Meta-Color': ('blue', now()),
                            'X-Container-Read': ('.r:*,.rlistings', now()),
                            'X-Container-Meta-Snow': ('\u2603', now())})


@fixture('big-metadata')
def _(place):
    """metadata that needs a chain of overflow pages"""
    broker = place.create()
    put(broker, objects(3, 16))
    rng = random.Random(16)
    broker.update_metadata({
        'X-Container-Meta-%03d' % i: ('%0120x' % rng.getrandbits(480), now()) for i in range(90)})


@fixture('deleted')
def _(place):
    """put, filled, emptied, deleted"""
    broker = place.create()
    rows = objects(5, 17)
    put(broker, rows)
    put(broker, [dict(r, deleted=1, size=0, created_at=now()) for r in rows])
    broker.delete_db(now())


@fixture('deleted-never-used')
def _(place):
    """put and deleted, no row ever"""
    place.create().delete_db(now())


@fixture('deleted-with-objects')
def _(place):
    """deleted while another replica put two objects: not deleted, for Swift"""
    broker = place.create()
    put(broker, objects(2, 18))
    broker.delete_db(now())


@fixture('deleted-and-put-again')
def _(place):
    """deleted, then put again"""
    broker = place.create()
    broker.delete_db(now())
    broker.update_put_timestamp(now())


@fixture('sharding')
def _(place):
    """a root while it is sharded: a retiring file with rows, a fresh file with shard ranges"""
    shard_it(place)


@fixture('sharding-misplaced')
def _(place):
    """a root while it is sharded, with rows that arrived in the fresh file"""
    broker = shard_it(place)
    put(broker, objects(3, 19))


@fixture('sharding-deleted')
def _(place):
    """an empty root, deleted while it is sharded"""
    broker = shard_it(place, rows=0)
    broker.delete_db(now())


@fixture('sharded')
def _(place):
    """a sharded root with three active shards"""
    sharded_root(place)


@fixture('sharded-wide')
def _(place):
    """a sharded root with a hundred and twenty shards: several pages of shard ranges"""
    sharded_root(place, count=120)


@fixture('sharded-cleaved')
def _(place):
    """a sharded root whose shards still count nothing: they are cleaved, not active"""
    sharded_root(place, state=None)


@fixture('sharded-deleted')
def _(place):
    """a sharded root, its shards empty, deleted"""
    broker = sharded_root(place)
    live = broker.get_shard_ranges()
    for shard_range in live:
        shard_range.update_meta(0, 0, NormalTimestamp.now())
    broker.merge_shard_ranges(live)
    broker.delete_db(now())


@fixture('collapsed')
def _(place):
    """a sharded root whose shards have all shrunk into it"""
    broker = sharded_root(place)
    gone = broker.get_shard_ranges()
    for shard_range in gone:
        shard_range.update_state(ShardRange.SHRUNK, NormalTimestamp.now())
        shard_range.set_deleted(NormalTimestamp.now())
    broker.merge_shard_ranges(gone)
    put(broker, objects(4, 20))


@fixture('stale-epoch')
def _(place):
    """a file with an epoch that its own shard range does not know: unsharded"""
    put(place.create(epoch=NormalTimestamp.now()), objects(4, 21))


@fixture('root-with-ranges')
def _(place):
    """an unsharded root for which shard ranges were found"""
    broker = place.create()
    put(broker, objects(9, 22))
    broker.merge_shard_ranges(ranges(place, 4, ShardRange.FOUND))


def shard_of_a_root(place, state):
    broker = place.create()
    broker.set_sharding_sysmeta('Quoted-Root', 'AUTH_test/c-sharded')
    broker.set_sharding_sysmeta('Root', 'AUTH_test/c-sharded')
    broker.merge_shard_ranges(ShardRange(
        '%s/%s' % (place.account, place.container), NormalTimestamp.now(), 'a', 'm', 6, 600,
        state=state))
    put(broker, objects(6, 23, prefix='b'))
    return broker


@fixture('shard-cleaved', account='.shards_AUTH_test')
def _(place):
    """a shard that was just cleaved"""
    shard_of_a_root(place, ShardRange.CLEAVED)


@fixture('shard-active', account='.shards_AUTH_test')
def _(place):
    """a shard at work"""
    shard_of_a_root(place, ShardRange.ACTIVE)


@fixture('shard-shrunk', account='.shards_AUTH_test')
def _(place):
    """a shard that shrank away and was deleted"""
    broker = place.create()
    broker.set_sharding_sysmeta('Quoted-Root', 'AUTH_test/c-sharded')
    own = ShardRange('%s/%s' % (place.account, place.container), NormalTimestamp.now(), 'a', 'm',
                     state=ShardRange.SHRUNK)
    own.set_deleted(NormalTimestamp.now())
    broker.merge_shard_ranges(own)
    broker.delete_db(now())


@fixture('shard-sharded', account='.shards_AUTH_test')
def _(place):
    """a shard that was itself sharded"""
    broker = sharded_root(place, count=2)
    broker.set_sharding_sysmeta('Quoted-Root', 'AUTH_test/c-sharded')


@fixture('old-metadata', cls=old_broker(''))
def _(place):
    """before containers had metadata"""
    place.create()
    old_rows(place, objects(4, 24))


@fixture('old-sync-points', cls=old_broker(METADATA))
def _(place):
    """before container sync had its points"""
    place.create()
    old_rows(place, objects(4, 25))


@fixture('old-policies', cls=old_broker(METADATA + SYNC_POINTS))
def _(place):
    """before there were storage policies"""
    place.create()
    old_rows(place, objects(4, 26))


@fixture('old-policies-deleted', cls=old_broker(METADATA + SYNC_POINTS))
def _(place):
    """before there were storage policies, deleted"""
    place.create()
    place.plain("UPDATE container_stat SET status = 'DELETED', delete_timestamp = '%s'" % now())


@fixture('old-shard-ranges')
def _(place):
    """before there were shard ranges"""
    put(place.create(), objects(4, 27))
    place.plain("DROP TABLE shard_range; VACUUM;")


@fixture('old-reported')
def _(place):
    """sharded, before shard ranges were reported or counted tombstones"""
    sharded_root(place)
    without_columns(place, ('reported', 'tombstones'))


@fixture('old-tombstones')
def _(place):
    """sharded, before shard ranges counted tombstones"""
    sharded_root(place)
    without_columns(place, ('tombstones',))


def entry(name, **changes):
    row = dict(created_at=now(), size=10, content_type='text/plain', etag='e' * 32, deleted=0,
               policy=0)
    row.update(changes)
    return (name, row['created_at'], row['size'], row['content_type'], row['etag'],
            row['deleted'], row['policy'], None, None)


@fixture('pending-empty')
def _(place):
    """a pending file that was merged: no bytes"""
    broker = place.create()
    broker.put_object('a', now(), 1, 'text/plain', 'e' * 32)
    broker._commit_puts_stale_ok()


@fixture('pending-puts')
def _(place):
    """three puts and a delete that wait to be merged"""
    broker = place.create()
    put(broker, objects(2, 28))
    for name in ('p1', 'p2', 'p3'):
        broker.put_object(name, now(), 7, 'text/plain', 'e' * 32)
    broker.delete_object('p2', now())


@fixture('pending-revives')
def _(place):
    """deleted, with a put that waits: not deleted"""
    broker = place.create()
    broker.delete_db(now())
    broker.put_object('late', now(), 7, 'text/plain', 'e' * 32)


@fixture('pending-tombstone')
def _(place):
    """deleted, with a delete that waits: still deleted"""
    broker = place.create()
    broker.delete_db(now())
    broker.delete_object('late', now())


@fixture('pending-poison')
def _(place):
    """an entry whose timestamp Swift cannot read"""
    put(place.create(), objects(2, 29))
    place.pending(entries=[entry('ok'), entry('poison', created_at='garbage')])


@fixture('pending-undecodable')
def _(place):
    """entries that are no base64, no pickle, a pickle that calls, and one good one"""
    put(place.create(), objects(2, 30))
    place.pending(b':!!!!:AAAA', entries=[entry('ok')])
    call = b"cos\nsystem\n(S'true'\ntR."
    place.pending(b':' + base64.b64encode(call))


@fixture('pending-short')
def _(place):
    """entries as older versions of Swift wrote them: six, seven and eight fields"""
    put(place.create(), objects(2, 31))
    place.pending(entries=[entry('six')[:6], entry('seven')[:7], entry('eight')[:8]])


@fixture('pending-old-schema', cls=old_broker(METADATA + SYNC_POINTS))
def _(place):
    """an entry waits beside a schema without storage policies"""
    place.create()
    old_rows(place, objects(2, 32))
    place.pending(entries=[entry('p')])


@fixture('pending-sharding')
def _(place):
    """entries wait beside a root that is being sharded"""
    shard_it(place)
    place.pending(entries=[entry('p')])


def answers(place):
    """What Swift's broker says, asked on a copy: asking merges pending entries."""
    keep = place.dir + '.kept'
    shutil.copytree(place.dir, keep)
    try:
        broker = place.again()
        said = {'is_deleted': broker.is_deleted()}
        said['db_state'] = broker.get_db_state()
        try:
            said['info'] = {k: v for k, v in broker.get_info().items()}
        except Exception as err:
            said['error'] = '%s: %s' % (type(err).__name__, err)
    except Exception as err:
        said = {'error': '%s: %s' % (type(err).__name__, err)}
    finally:
        shutil.rmtree(place.dir)
        os.rename(keep, place.dir)
    return said


def write(out, name, content):
    with open(os.path.join(out, name), 'wb') as fp:
        fp.write(gzip.compress(content, compresslevel=9, mtime=0))


def record(out, place, about):
    kept = []
    for file in sorted(os.listdir(place.dir)):
        if not file.endswith(('.db', '.pending')):
            continue
        kind = 'pending' if file.endswith('.pending') else 'db'
        kept.append((file, kind))
    dbs = [f for f, kind in kept if kind == 'db']
    files = []
    for file, kind in kept:
        stem = place.name
        if kind == 'db' and len(dbs) > 1 and file != dbs[-1]:
            stem += '.retiring'
        with open(os.path.join(place.dir, file), 'rb') as fp:
            content = fp.read()
        write(out, '%s.%s.gz' % (stem, kind), content)
        files.append({
            'name': file, 'kept_as': '%s.%s.gz' % (stem, kind),
            'epoch': utils.parse_db_filename(file)[1] if kind == 'db' else None,
            'bytes': len(content),
            'md5': hashlib.md5(content, usedforsecurity=False).hexdigest()})
    return {'name': place.name, 'about': about, 'account': place.account,
            'container': place.container, 'hash': place.hash, 'partition': place.part,
            'suffix': place.hash[-3:], 'files': files, 'swift': answers(place)}


def main(out):
    logging.basicConfig(level=logging.CRITICAL)
    os.makedirs(out, exist_ok=True)
    for old in os.listdir(out):
        os.unlink(os.path.join(out, old))
    fixtures = []
    for name, how, maker in MAKERS:
        # A fixture's bytes do not depend on the fixtures before it.
        CLOCK[0] = 1760000000.0
        IDS.seed(name)
        place = Place(name, **how)
        try:
            maker(place)
            fixtures.append(record(out, place, maker.__doc__))
        finally:
            shutil.rmtree(place.root)
    manifest = {
        'made_by': 'cargo xtask fixtures',
        'swift': '2.38.3', 'sqlite': sqlite3.sqlite_version,
        'hash_path_prefix': PREFIX, 'hash_path_suffix': SUFFIX, 'part_power': PART_POWER,
        'fixtures': fixtures}
    with open(os.path.join(out, 'manifest.json'), 'w') as fp:
        json.dump(manifest, fp, indent=1, ensure_ascii=False)
        fp.write('\n')


main(sys.argv[1])
