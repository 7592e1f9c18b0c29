"""One container database by Swift's broker: deep_database.py PATH OBJECTS random|ascending.

The same names in both orders. Every hundredth object is deleted again.
"""
import os
import random
import sys

from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker

START = 1700000000
BATCH = 20000


def row(number, deleted):
    return {
        "name": "photos/2026/%09d-%08x.jpg" % (number, number * 2654435761 % 2**32),
        "created_at": Timestamp(START + number / 1000 + deleted).internal,
        "size": 0 if deleted else number % 10000000, "deleted": deleted,
        "content_type": "application/deleted" if deleted else "image/jpeg",
        "etag": "noetag" if deleted else "%032x" % (number * 2654435761 ** 3 % 2**128),
        "storage_policy_index": 0,
    }


def main(path, count, order):
    numbers = list(range(int(count)))
    if order == "random":
        random.Random(7).shuffle(numbers)
    broker = ContainerBroker(path, account="AUTH_bench", container=order, skip_commits=True)
    broker.initialize(Timestamp(START).internal, 0)
    broker.conn.execute("PRAGMA synchronous = OFF")
    for at in range(0, len(numbers), BATCH):
        rows = [row(number, 0) for number in numbers[at:at + BATCH]]
        broker.merge_items(rows + [row(number, 1) for number in numbers[at:at + BATCH:100]])
    broker.conn.commit()
    broker.conn.close()


main(*sys.argv[1:])
