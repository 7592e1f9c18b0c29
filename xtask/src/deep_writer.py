"""A Swift broker that puts objects: deep_writer.py DATABASE SECONDS_BETWEEN.

Says `ready` after the first put, ends when its stdin does, and then says how many puts it made and how
many milliseconds the slowest took.
"""
import select
import sys
import time

from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker


def main(path, between):
    broker = ContainerBroker(path, account="AUTH_bench", container="random")
    slowest, puts = 0.0, 0
    while not select.select([sys.stdin], [], [], float(between) if puts else 0)[0]:
        row = {
            "name": "new-%d" % puts, "created_at": Timestamp.now().internal, "size": 1,
            "deleted": 0, "content_type": "text/plain", "etag": "0" * 32,
            "storage_policy_index": 0,
        }
        began = time.monotonic()
        broker.merge_items([row])
        slowest, puts = max(slowest, time.monotonic() - began), puts + 1
        if puts == 1:
            print("ready", flush=True)
    print(puts, slowest * 1000)


main(*sys.argv[1:])
