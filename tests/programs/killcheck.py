#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""killcheck.py RUNS OPTIONS - kill killme RUNS times at random moments; its recording must agree with what it confirmed.

Takes the program, the library and threadreport from the environment: KILLME, SHIM, THREADREPORT. OPTIONS are added to
THREADCHECK_OPTIONS. A moment is a random time after the start, so that some kills hit the start of the recording itself, or after
the program said that it works; seeds are printed. For each lock: done <= recorded <= begun. Prints one line of counts, and the words of every failure; status 1 then.
RUNS = 0: one run that ends by itself, where all three are equal. Called by tests/kill.bats.
"""
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

KILLME, SHIM, THREADREPORT = (os.environ[name] for name in ("KILLME", "SHIM", "THREADREPORT"))
HEAD = struct.Struct("8Q")
MAGIC = 0x656D6C6C696B


def read_progress(path):
    """What the program said: a dict, or None when it had not begun."""
    try:
        data = open(path, "rb").read()
    except FileNotFoundError:
        return None
    if len(data) < HEAD.size:
        return None
    magic, pid, first, stride, locks, threads_begun, threads_done, _ = HEAD.unpack_from(data)
    if magic != MAGIC:
        return None
    words = struct.unpack_from("%dQ" % (2 * locks), data, HEAD.size)
    address = {first + stride * i: (words[2 * i], words[2 * i + 1]) for i in range(locks)}
    return {"pid": pid, "locks": address, "threads": (threads_begun, threads_done)}


def read_report(path):
    """The recording as JSON; None: there is none yet, because its header is not complete."""
    r = subprocess.run([THREADREPORT, "--json", path], capture_output=True, timeout=60)
    if r.returncode == 2 and (b"is not ready" in r.stderr or os.path.getsize(path) == 0):
        return None
    if r.returncode not in (0, 1):
        raise AssertionError("threadreport: status %d: %s" % (r.returncode, r.stderr.decode()[:300]))
    return json.loads(r.stdout)


def recorded_counts(report):
    counts = {}
    for lock in report["locks"]:
        address = int(lock["address"], 16)
        counts[address] = counts.get(address, 0) + lock["acquisitions"]
    return counts


def compare(progress, report, ended):
    """Yields a sentence for everything that is wrong."""
    dropped = report["dropped"]
    if dropped["counters"] or dropped["problems"] or dropped["partial"]:
        yield "dropped: %s" % json.dumps(dropped)
    counts = recorded_counts(report)
    for address, (begun, done) in progress["locks"].items():
        got = counts.get(address, 0)
        if not (begun == got == done if ended else done <= got <= begun):
            yield "lock %#x: %d begun, %d recorded, %d done" % (address, begun, got, done)
    begun, done = progress["threads"]
    got = report["processes"][0]["threads_created"]
    if not done <= got <= begun:
        yield "threads: %d begun, %d recorded, %d created" % (begun, got, done)


def wait_for_work(path):
    """However slow the machine is: until the first operation is confirmed."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        progress = read_progress(path)
        if progress and any(done for _, done in progress["locks"].values()):
            return
        time.sleep(0.001)


def one_run(options, delay, working):
    """Returns (what happened, operations confirmed, sentences)."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BATS_TEST_TMPDIR")) as folder:
        progress_file = folder + "/progress"
        env = dict(os.environ, LD_PRELOAD=SHIM, THREADCHECK_OPTIONS="output=%s/:%s" % (folder, options))
        command = [KILLME, progress_file] + ([] if delay is not None else ["60000"])
        p = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        if delay is not None:
            if working:
                wait_for_work(progress_file)
            time.sleep(delay)
            p.send_signal(signal.SIGKILL)
        status = p.wait()
        if status != (0 if delay is None else -signal.SIGKILL):
            return "failed", 0, ["killme ended with status %d" % status]
        progress = read_progress(progress_file)
        mine = ["%s/%s" % (folder, n) for n in os.listdir(folder) if n.startswith("killme.%d." % p.pid)]
        confirmed = sum(done for _, done in progress["locks"].values()) if progress else 0
        if len(mine) > 1:
            return "failed", confirmed, ["%d recordings of one process" % len(mine)]
        report = read_report(mine[0]) if mine else None
        if report is None:
            return "early", confirmed, ["nothing recorded of %d" % confirmed] if confirmed else []
        if progress is None:
            return "early", 0, []
        return "counted", confirmed, list(compare(progress, report, delay is None))


def main():
    runs, options = int(sys.argv[1]), sys.argv[2]
    seed = int(os.environ.get("KILL_SEED", random.randrange(1 << 32)))
    rng = random.Random(seed)
    seen, total, failures = {}, 0, 0
    for run in range(max(runs, 1)):
        working = rng.random() < 0.8
        delay = None if runs == 0 else rng.uniform(0, 0.2 if working else 0.02)
        what, confirmed, wrong = one_run(options, delay, working)
        seen[what] = seen.get(what, 0) + 1
        total += confirmed
        if wrong:
            failures += 1
            print("run %d (seed %d, delay %s): %s" % (run, seed, delay, what), file=sys.stderr)
            for sentence in wrong[:5]:
                print("  " + sentence, file=sys.stderr)
    print("%d counted, %d early, %d failed, %d operations" % (seen.get("counted", 0), seen.get("early", 0), failures, total))
    sys.exit(failures > 0)


main()
