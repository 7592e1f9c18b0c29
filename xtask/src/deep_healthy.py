"""Lets Swift's brokers write containers as a cluster does: puts, deletes, reclaims, policy moves,
shardings, old schemas brought up to date, all at random.

    python -P deep_healthy.py make DIRECTORY COUNT SEED
    python -P deep_healthy.py write DIRECTORY SHARE

None of them is damaged, so a deep audit of DIRECTORY must find nothing. The same seed gives the
same history. `write` goes on putting into every SHAREth of them until its stdin ends, and then says how
many puts it made.
"""
import os
import random
import select
import sys
import time

CLOCK = [1700000000.0]


def counted_time():
    CLOCK[0] = round(CLOCK[0] + 0.01, 5)
    return CLOCK[0]


time.time = counted_time

from swift.common import utils  # noqa: E402
from swift.common.utils import ShardRange, hash_path, storage_directory  # noqa: E402
from swift.common.utils.timestamp import NormalTimestamp, Timestamp  # noqa: E402
from swift.container.backend import ContainerBroker  # noqa: E402

utils.HASH_PATH_PREFIX = b'martlet'
NAMES = ['a', 'photos/2026/', '\u2603-', 'x' * 200, 'Z z%', '\U0001f426/']


def now():
    return Timestamp.now().internal


class History:
    """One container and what happens to it."""

    def __init__(self, root, number, rng):
        self.rng = rng
        self.account, self.container = 'AUTH_%d' % rng.randrange(9), 'c-%d' % number
        digest = hash_path(self.account, self.container)
        part = int(digest[:8], 16) >> 22
        self.path = os.path.join(root, 'sda', storage_directory('containers', part, digest),
                                 digest + '.db')
        self.policy = rng.choice([0, 0, 0, 1, 2])
        self.broker = ContainerBroker(self.path, account=self.account, container=self.container)
        self.broker.initialize(now(), self.policy)
        self.names = []

    def put(self):
        count = self.rng.choice([1, 1, 3, 10, 60])
        for _ in range(count):
            name = self.rng.choice(NAMES) + '%d' % self.rng.randrange(10 ** 6)
            self.names.append(name)
        self.broker.merge_items([self.row(name, 0) for name in self.names[-count:]])

    def row(self, name, deleted, policy=None):
        policy = self.policy if policy is None else policy
        return {'name': name, 'created_at': now(), 'deleted': deleted, 'etag': 'e',
                'size': 0 if deleted else self.rng.randrange(2 ** self.rng.randrange(1, 40)),
                'content_type': 'text/plain', 'storage_policy_index': policy,
                'ctype_timestamp': self.rng.choice([None, None, now()]),
                'meta_timestamp': self.rng.choice([None, None, now()])}

    def put_one_by_one(self):
        for _ in range(self.rng.randrange(1, 4)):
            self.names.append('single-%d' % self.rng.randrange(1000))
            self.broker.put_object(self.names[-1], now(), 5, 'text/plain', 'e',
                                   storage_policy_index=self.policy)
        self.broker.get_info()

    def overwrite(self):
        self.broker.merge_items([self.row(name, 0) for name in self.some()])

    def delete(self):
        self.broker.merge_items([self.row(name, 1) for name in self.some()])

    def delete_all(self):
        self.broker.merge_items([self.row(name, 1) for name in self.names])
        self.broker.delete_db(now())

    def some(self):
        return self.rng.sample(self.names, min(len(self.names), self.rng.randrange(1, 20)))

    def reclaim(self):
        self.broker.reclaim(now(), now())

    def stray(self):
        """Rows of another policy than the container's, as the reconciler finds them."""
        policy = self.rng.randrange(4)
        self.broker.merge_items([self.row('stray-%d' % i, 0, policy) for i in range(4)])

    def same_name_in_two_policies(self):
        for policy in (0, 1):
            self.broker.merge_items([self.row('both', 0, policy)])

    def move_policy(self):
        self.policy = self.rng.randrange(4)
        self.broker.set_storage_policy_index(self.policy, timestamp=now())

    def metadata(self):
        self.broker.update_metadata({
            'X-Container-Meta-%d' % self.rng.randrange(9): ('\u00e9' * self.rng.randrange(90), now()),
            'X-Container-Sysmeta-X': ('', now())})

    def sync(self):
        self.broker.set_x_container_sync_points(self.rng.randrange(9), self.rng.randrange(9))
        self.broker.merge_syncs([{'remote_id': 'r', 'sync_point': self.rng.randrange(99)}])

    def replicate(self):
        """What a replica that missed them sends."""
        rows = self.broker.get_items_since(-1, 30)
        for row in rows:
            row['name'] = row['name'] + '-r'
        if rows:
            self.broker.merge_items(rows, 'remote')

    def shard(self):
        bounds = ['', 'm', '']
        ranges = [ShardRange('.shards_%s/%s-%d' % (self.account, self.container, i),
                             NormalTimestamp.now(), bounds[i], bounds[i + 1],
                             self.rng.randrange(99), self.rng.randrange(999),
                             state=self.rng.choice(list(ShardRange.STATES)),
                             tombstones=self.rng.choice([-1, 0, 7])) for i in range(2)]
        self.broker.merge_shard_ranges(ranges)
        if self.rng.random() < 0.6 and self.broker.get_db_state() == 'unsharded':
            self.broker.enable_sharding(NormalTimestamp.now())
            assert self.broker.set_sharding_state()

    def cleave(self):
        if self.broker.get_db_state() == 'sharding':
            self.broker.get_brokers()[0].remove_objects('', 'm')

    def finish_sharding(self):
        if self.broker.get_db_state() == 'sharding':
            assert self.broker.set_sharded_state()

    def live(self):
        acts = [self.put] * 6 + [self.overwrite, self.delete, self.reclaim, self.metadata] * 2 + [
            self.put_one_by_one, self.stray, self.same_name_in_two_policies, self.move_policy,
            self.sync, self.replicate, self.delete_all, self.shard, self.cleave,
            self.finish_sharding]
        for _ in range(self.rng.randrange(1, 9)):
            self.rng.choice(acts)()


def make(root, count, seed):
    for number in range(int(count)):
        History(root, number, random.Random('%s-%d' % (seed, number))).live()


def write(root, share):
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(root)
                   for name in names if name.endswith('.db'))
    brokers = [ContainerBroker(path, account='a', container='c') for path in paths[::int(share)]]
    brokers = [broker for broker in brokers
               if not broker.is_deleted() and broker.get_db_state() == 'unsharded']
    rng, puts = random.Random(1), 0
    print('ready', flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        row = {'name': 'late-%d' % rng.randrange(1000), 'created_at': now(), 'deleted': puts % 7 == 0,
               'etag': 'e', 'size': 0 if puts % 7 == 0 else puts, 'content_type': 'text/plain',
               'storage_policy_index': 0}
        rng.choice(brokers).merge_items([row])
        puts += 1
    print(puts)


{'make': make, 'write': write}[sys.argv[1]](*sys.argv[2:])
