# SPDX-License-Identifier: GPL-3.0-or-later
"""queues.py N - for each line of input, two producers and two consumers pass N items through a bounded queue.Queue, under a lock of
their own. Prints seconds."""
import queue
import sys
import threading
import time

items = int(sys.argv[1])
passed = queue.Queue(maxsize=64)
lock = threading.Lock()
total = 0


def produce():
    for i in range(items // 2):
        passed.put(i)


def consume():
    global total
    for _ in range(items // 2):
        i = passed.get()
        with lock:
            total += i
        passed.task_done()


for line in sys.stdin:
    total = 0
    start = time.monotonic()
    threads = [threading.Thread(target=f) for f in (produce, consume) * 2]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    passed.join()
    if total != (items // 2) * (items // 2 - 1):
        sys.exit("queues.py: wrong sum")
    print(time.monotonic() - start, flush=True)
