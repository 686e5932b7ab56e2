#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""pylocks.py - what Python programs do with threads: locks, conditions, queues, pools. Prints the same on every run.

CPython's locks are POSIX semaphores with one unit, its GIL a mutex and a condition. Called by tests/languages.bats.
"""

import concurrent.futures
import hashlib
import os
import queue
import subprocess
import sys
import threading
import time


def contended():
    """Three threads, one lock, held while sleeping: the others wait."""
    lock, start, total = threading.Lock(), threading.Barrier(3), [0]

    def hold():
        start.wait()
        for _ in range(10):
            with lock:
                time.sleep(0.003)
                total[0] += 1

    threads = [threading.Thread(target=hold, name=f"holder-{i}") for i in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return total[0]


def through_queue():
    work, results = queue.Queue(maxsize=16), queue.SimpleQueue()

    def worker():
        for item in iter(work.get, None):
            results.put(item * item)
            work.task_done()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for t in threads:
        t.start()
    for i in range(2000):
        work.put(i)
    work.join()
    for _ in threads:
        work.put(None)
    for t in threads:
        t.join()
    return sum(results.get() for _ in range(2000))


def primitives():
    condition, event, turns = threading.Condition(), threading.Event(), []
    bounded, reentrant = threading.BoundedSemaphore(2), threading.RLock()

    def odd():
        for i in range(1, 200, 2):
            with condition:
                condition.wait_for(lambda: len(turns) == i)
                turns.append(i)
                condition.notify_all()
        event.set()

    t = threading.Thread(target=odd)
    t.start()
    for i in range(0, 200, 2):
        with condition:
            condition.wait_for(lambda: len(turns) == i)
            turns.append(i)
            condition.notify_all()
    event.wait()
    t.join()
    with reentrant, reentrant, bounded, bounded:
        full = bounded.acquire(timeout=0.01)
    return turns == list(range(200)), full


def pools():
    def digest(i):
        return hashlib.sha256(bytes([i]) * 200000).hexdigest()  # gives up the GIL

    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        return hashlib.sha256("".join(pool.map(digest, range(40))).encode()).hexdigest()


def children():
    done = subprocess.run([sys.executable, "-c", "print('child')"], stdout=subprocess.PIPE, check=True).stdout
    pid = os.fork()
    if pid == 0:
        t = threading.Thread(target=lambda: None)
        t.start()
        t.join()
        os._exit(9)
    return done.decode().strip(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main():
    print("contended", contended())
    print("queue", through_queue())
    print("primitives", primitives())
    print("pools", pools())
    timer = threading.Timer(0.01, print, ["timer"])
    timer.start()
    timer.join()
    print("children", children(), flush=True)
    threading.Thread(target=lambda: None, daemon=True).start()
    sys.exit(3)


main()
