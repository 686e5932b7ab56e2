#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""compare.py TRUTH REPORT - does a report (threadreport --json) say what mkthreads says is true?

TRUTH holds one JSON object per line, one for each program image. Prints every difference; exits 1 when a count or a name differs,
2 when only times do (on a busy machine a thread may be stopped between the recorder's clock and the program's), else 0. Counts must be exact; times within 2 % or 1 ms, whichever is more (DESIGN: acceptance of the recorder).
Knows the two schemas, threadtools.mkthreads/1 and threadtools.report/1; knows nothing of how either is made. Called by
truth.bats.
"""

import json
import re
import sys

RELATIVE, ABSOLUTE_NS = 0.02, 1_000_000

# What can be held or used up. Of the other kinds (conditions, barriers, ...) a report counts the waits.
ACQUIRED = {"mutex", "rwlock", "spin", "sem"}

# Counts of the truth that a report has per call site: the operation that it says there.
OPERATIONS = {"posts": "sem_post", "signals": "cond_signal", "broadcasts": "cond_broadcast", "wakes": "futex_wake",
              "owner_died": "owner_died"}

# Frames of the C and C++ libraries' own wrappers: code built without optimisation calls pthread_mutex_lock in these.
WRAPPER = re.compile(r"^(__gthr|std::|__shared_mutex|[a-z_:]*__gthread)")

differences = []
late = []  # those of times alone


def differ(where, what, got, want, into=differences):
    into.append(f"{where}: {what}: the report says {got}, the truth is {want}")


def near(got, want):
    return abs(got - want) <= max(RELATIVE * want, ABSOLUTE_NS)


def functions(frame):
    """Names of a frame: itself and what is inlined into it."""
    if not frame:
        return []
    return [frame["function"]] + [f["function"] for f in frame.get("inlined") or []]


def in_function(name, site, stack):
    """Is `site` in the function that the truth names? Through the library's wrappers the stack tells."""
    if name is None:
        return site is None
    if site is None:
        return False
    if name in functions(site):
        return True
    if not WRAPPER.match(site["function"] or ""):
        return False
    callers = [f for f in stack or [] if not WRAPPER.match(f["function"] or "")]
    return not callers or name in functions(callers[0])


def check_count(where, what, got, want):
    if want is not None and got != want:
        differ(where, what, got, want)


def check_time(where, what, got, want):
    if want is not None and not near(got, want):
        differ(where, what, f"{got} ns", f"{want} ns", late)


def check_pair(where, pair, waits):
    """Waits of one (waiter, holder): their number, those that timed out, and their time."""
    where = f"{where}: {pair['waiter']} waits for {pair['holder']}"
    mine = [w for w in waits if in_function(pair["waiter"], w["waiter_site"], w.get("waiter_stack"))
            and (pair["holder"] is None or in_function(pair["holder"], w["holder_site"], None))]
    timeouts = sum(w["timeouts"] for w in mine)
    check_count(where, "waits", sum(w["count"] for w in mine) - timeouts, pair["count"])
    check_count(where, "timeouts", timeouts, pair["timeouts"])
    check_time(where, "time", sum(w["wait_ns"]["total"] for w in mine), pair["wait_ns"])


def nested_drops(report):
    """Events that a signal handler did not record because it interrupted the recorder: allowed, and said."""
    return sum(c["count"] for c in report["dropped"]["counters"] if "signal handler" in c["what"])


def check_operations(where, counts, entries, report):
    for name, operation in OPERATIONS.items():
        if name in counts:
            # Of a semaphore that is a lock, posts are releases: no site has them, their number is the lock's.
            got = sum(e["wakes"] if operation == "sem_post" and e["use"] == "lock" else
                      sum(s["count"] for s in e["sites"] if s["op"] == operation) for e in entries)
            if not counts[name] - nested_drops(report) <= got <= counts[name]:
                differ(where, name, got, counts[name])


def check_lock(lock, process, report):
    where = f"{lock['kind']} {lock['name']} {lock['address']}"
    mine = report["by_address"].get((process["id"], lock["address"]), [])
    if not mine:
        if lock["acquisitions"] or lock["try_failed"] or lock["timeouts"]:
            differ(where, "lock", "nothing", f"{lock['acquisitions']} acquisitions")
        return
    for entry in mine:
        check_count(where, "kind", entry["kind"], lock["kind"])
    keys = ["try_failed", "timeouts"]
    if lock["kind"] in ACQUIRED:
        keys += ["acquisitions", "contended"]
    check_operations(where, lock["counts"], mine, report)
    for key in keys:
        check_count(where, key, sum(e[key] for e in mine), lock[key])
    if lock["contended"] is not None:
        waits = sum(e["wait_ns"]["count"] for e in mine)
        check_count(where, "waits", waits, lock["contended"] + lock["timeouts"])
    check_time(where, "wait time", sum(e["wait_ns"]["total"] for e in mine), lock["wait_ns"])
    if lock["contended"] is not None:
        classes = {e["class"] for e in mine}
        waits = [w for w in report["waits"] if w["class"] in classes and w["process"] == process["id"]]
        if len(lock["pairs"]) > 1 and any(WRAPPER.match(w["waiter_site"]["function"] or "") for w in waits):
            return # without optimisation both callers wait in one function of the library: one pair in the report
        for pair in lock["pairs"]:
            check_pair(where, pair, waits)


def check_process(truth, process, report):
    pids = {lock["pid"] for lock in truth["locks"]}
    for lock in truth["locks"]:
        if lock["pid"] == process["pid"]:
            check_lock(lock, process, report)
    if pids <= {process["pid"]}: # threads of one process, not of its children as well
        for key in ("created", "joined", "detached"):
            check_count(f"process {process['pid']}", f"threads {key}", process[f"threads_{key}"], truth[key])


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        truths = [json.loads(line) for line in file if line.strip()]
    with open(sys.argv[2], encoding="utf-8") as file:
        report = json.load(file)
    if not truths:
        differ(sys.argv[1], "truth", "nothing", "one line per image")
    report["by_address"] = {}
    for entry in report["locks"]:
        report["by_address"].setdefault((entry["process"], entry["address"]), []).append(entry)
    images = {}  # an exec leaves several processes of one pid, in order
    for truth in truths:
        for pid in {truth["pid"]} | {lock["pid"] for lock in truth["locks"]}:
            same = [p for p in report["processes"] if p["pid"] == pid]
            nth = images.get(pid, 0)
            images[pid] = nth + 1
            if nth < len(same):
                check_process(truth, same[nth], report)
            elif truth["created"] or any(lock["pid"] == pid for lock in truth["locks"]):
                differ(f"process {pid}", "recordings", len(same), nth + 1)
    if report["dropped"]["any"] and len(report["dropped"]["counters"]) != (nested_drops(report) > 0):
        differ("report", "dropped", json.dumps(report["dropped"]), "nothing")
    print("\n".join(differences + late), end="\n" if differences or late else "")
    return 1 if differences else 2 if late else 0


if __name__ == "__main__":
    sys.exit(main())
