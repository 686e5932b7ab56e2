#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""demo.py - an order service whose workers stand in each other's way; what `make demo` shows.

A dispatcher hands out orders through a queue. Each worker prices an order by itself, and then books it into one ledger
under one lock, which it holds while it also writes the journal: that lock is what the report must name. One more thread,
the auditor, takes the same lock for long. Nothing here is broken; it is just slower than it could be.
"""
import queue
import sys
import threading
import time

WORKERS = 4
ORDERS = 400

orders = queue.Queue(maxsize=16)
ledger_lock = threading.Lock()
ledger = {}


def price(order):
    total = 0
    for i in range(2000):
        total += (order * i) % 97
    return total


def write_journal(order):
    time.sleep(0.0005)  # a disk that answers in half a millisecond


def book(order, total):
    with ledger_lock:
        ledger[order] = total
        write_journal(order)  # the mistake: input and output under the lock


def worker():
    while True:
        order = orders.get()
        if order is None:
            return
        book(order, price(order))


def auditor(stop):
    while not stop.wait(0.05):
        with ledger_lock:
            sum(ledger.values())
            time.sleep(0.01)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    stop = threading.Event()
    threads = [threading.Thread(target=worker, name=f"worker-{n}") for n in range(WORKERS)]
    audit = threading.Thread(target=auditor, args=(stop,), name="auditor")
    for thread in threads + [audit]:
        thread.start()
    for order in range(count):
        orders.put(order)
    for _ in threads:
        orders.put(None)
    for thread in threads:
        thread.join()
    stop.set()
    audit.join()
    print(f"booked {len(ledger)} orders")


if __name__ == "__main__":
    main()
