#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""orders.py - the same as orders_cc.cc in Python: a queue, four threads, one lock held while sleeping; then a pool of threads.
Prints the same on every run. Called by tests/real.bats."""
import hashlib
import queue
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

orders, ledger, lock = queue.Queue(maxsize=16), [], threading.Lock()


def clerk():
    for order in iter(orders.get, None):
        with lock:
            ledger.append(order)
            time.sleep(0.001)  # the journal's disk


clerks = [threading.Thread(target=clerk) for _ in range(4)]
for thread in clerks:
    thread.start()
for number in range(200):
    orders.put(number)
for _ in clerks:
    orders.put(None)
for thread in clerks:
    thread.join()
print("booked", len(ledger), "orders of", sum(ledger))
with ThreadPoolExecutor(max_workers=4) as pool:
    parts = pool.map(lambda n: hashlib.sha256(bytes([n]) * 100000).digest(), range(60))
    print("digest", hashlib.sha256(b"".join(parts)).hexdigest())
sys.exit(3)
