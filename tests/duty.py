# SPDX-License-Identifier: GPL-3.0-or-later
"""duty.py - compares what threadtop --json says of the threads of tests/programs/duty.c with their own clocks.

    duty.py TRUTH FRAMES [--runnable]

Prints per thread: tid, true CPU percent, shown CPU percent, and with --runnable (threads that never sleep) also the true and the shown
share of waiting for a CPU. Averages over the frames; the truth is interpolated at the frames' times. Called by top.bats.
"""
import json
import sys


def seconds(text):
    import calendar
    import time

    whole, fraction = text.rstrip("Z").split(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + int(fraction) / 1000


def at(points, when):
    for (t0, c0), (t1, c1) in zip(points, points[1:]):
        if t0 <= when <= t1:
            return c0 + (c1 - c0) * (when - t0) / (t1 - t0)
    return None


truth = {}
for line in open(sys.argv[1], encoding="ascii"):
    when, tid, cpu = map(int, line.split())
    truth.setdefault(tid, []).append((when / 1e9, cpu / 1e9))
frames = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
for tid, points in truth.items():
    shown = run_queue = span = 0
    used = 0.0
    for frame in frames:
        end = seconds(frame["time"])
        begin = end - frame["span_ns"] / 1e9
        row = next((t for t in frame["threads"] if t["tid"] == tid), None)
        first, last = at(points, begin), at(points, end)
        if row is None or first is None or last is None:
            continue
        length = end - begin
        shown += row["cpu_pct"] * length
        run_queue += row["run_queue_pct"] * length
        used += last - first
        span += length
    if not span:
        sys.exit("no frame of thread %d lies within the truth" % tid)
    words = [tid, "%.2f" % (100 * used / span), "%.2f" % (shown / span)]
    if "--runnable" in sys.argv:
        words += ["%.2f" % (100 - 100 * used / span), "%.2f" % (run_queue / span)]
    print(*words)
