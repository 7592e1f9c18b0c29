"""A tree of container databases by Swift's broker: bench_tree.py DEVICES COUNT plain|mixed.

Mixed, in hundredths: 2 sharded, 5 deleted, 10 with two policies, 5 with metadata that runs over its
page; of all but the sharded, 20 have an empty pending file.
"""
import hashlib
import os
import random
import sys

from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker

PREFIX, SUFFIX, PART_POWER = "martlet-prefix", "martlet-suffix", 14
START = 1700000000


def stamp(seconds):
    return Timestamp(START + seconds).internal


def hash_dir(devices, account, container):
    path = f"{PREFIX}/{account}/{container}{SUFFIX}"
    digest = hashlib.md5(path.encode()).hexdigest()
    partition = int(digest[:8], 16) >> (32 - PART_POWER)
    return digest, f"{devices}/sda/containers/{partition}/{digest[-3:]}/{digest}"


def make(devices, number, dice):
    """One container. `dice` is None in a plain tree."""
    account, container = f"AUTH_{number % 97}", f"container-{number}"
    digest, directory = hash_dir(devices, account, container)
    os.makedirs(directory)
    path = f"{directory}/{digest}.db"
    broker = ContainerBroker(path, account=account, container=container, skip_commits=True)
    broker.initialize(stamp(number), 0)
    kind = dice.random() if dice else 1
    objects = [
        {
            "name": f"object-{each}", "created_at": stamp(number + each), "size": each,
            "content_type": "text/plain", "etag": "e" * 32, "deleted": 0,
            "storage_policy_index": each % 2 if 0.07 <= kind < 0.17 else 0,
        }
        for each in range(number % 20 + 1)
    ]
    if not 0.02 <= kind < 0.07:
        broker.merge_items(objects)
    if kind < 0.02:
        broker.enable_sharding(Timestamp(START + number + 50))
        broker.set_sharding_state()
        broker.set_sharded_state()
    elif kind < 0.07:
        broker.delete_db(stamp(number + 99))
    elif 0.17 <= kind < 0.22:
        keys = {f"X-Container-Meta-{key}": ("v" * 240, stamp(number + 1)) for key in range(35)}
        broker.update_metadata(keys)
    if dice and 0.02 <= kind and dice.random() < 0.2:
        open(path + ".pending", "w").close()
    if broker.conn:
        broker.conn.close()


def main(devices, count, kind):
    dice = random.Random(7) if kind == "mixed" else None
    for number in range(int(count)):
        make(devices, number, dice)


main(*sys.argv[1:])
