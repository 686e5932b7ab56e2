# SPDX-License-Identifier: GPL-3.0-or-later
# A ThreadPoolExecutor whose jobs compute a little and wait for a backend.
#   executor.py PORT SECONDS [MAX_WORKERS]; prints "ready", then jobs per second and the 99th percentile of their time in ms
import concurrent.futures
import socket
import sys
import threading
import time

port, seconds, workers = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None
IN_FLIGHT = 64
local = threading.local()


def job():
    if not hasattr(local, "socket"):
        local.socket = socket.create_connection(("127.0.0.1", port))
        local.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    begin = time.thread_time()
    while time.thread_time() - begin < 0.0003:
        sum(range(50))
    local.socket.send(b"x")
    local.socket.recv(1)


def main():
    times, free = [], threading.Semaphore(IN_FLIGHT)
    with concurrent.futures.ThreadPoolExecutor(max_workers=workers) as pool:
        print("ready", flush=True)
        start = time.monotonic()
        while time.monotonic() - start < seconds + 0.5:
            free.acquire()
            begin = time.monotonic()

            def done(_, begin=begin):
                now = time.monotonic()
                if 0.5 <= now - start < seconds + 0.5:
                    times.append(now - begin)
                free.release()

            pool.submit(job).add_done_callback(done)
    times.sort()
    print(len(times) / seconds, 1000 * times[int(len(times) * 0.99)])


main()
