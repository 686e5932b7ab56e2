# SPDX-License-Identifier: GPL-3.0-or-later
# The figures: one row each. Add a case: a row here, and its doing in the part that it names.
#
#   case    name; for the micro part that of tests/bench/micro.c
#   unit    x: shim over native, less is better; kept: percent of the native throughput, more is better; others: absolute
#   pin     keep it on one processor
#   must    what has to be reached, None: shown for information; aim: what we would like
from collections import namedtuple

Figure = namedtuple("Figure", "part case unit must aim pin what")

_ROWS = [
    # part, case, unit, must, aim, pin, what
    ("micro", "mutex", "x", 1.35, 1.20, True, "uncontended mutex pair"),
    ("micro", "nested3", "x", 1.35, 1.20, True, "three nested locks, order recorded"),
    ("micro", "private2", "x", 1.40, 1.25, False, "2 threads on private locks"),
    ("micro", "random1000", "x", 1.50, 1.30, True, "1,000 locks at random"),
    ("micro", "rwlock-read", "x", 1.50, 1.25, True, "rwlock read pair"),
    ("micro", "sem", "x", 1.50, 1.25, True, "sem wait + post"),
    ("micro", "contended2", "x", 1.40, 1.10, False, "2 threads contended"),
    ("micro", "contended8", "x", 1.40, 1.10, False, "8 threads contended"),
    ("micro", "cond-pingpong", "x", 1.20, 1.10, True, "condition ping-pong"),
    ("micro", "create-join", "x", 1.20, 1.10, True, "create + join"),
    ("micro", "malloc-free", "+ns", 3, 1, True, "free filter, no locks"),
    ("micro", "malloc-free-locks", "+ns", 3, 1, True, "free filter, 10,000 locks"),
    ("micro", "malloc-free-near", "+ns", None, None, True, "free filter, locks beside"),
    ("micro", "rwlock-write", "x", None, None, True, "rwlock write pair"),
    ("micro", "sem-try", "x", None, None, True, "sem trywait + post, as in CPython"),
    ("micro", "sem-taken", "x", None, None, True, "sem trywait in vain"),
    ("micro", "sem-units", "x", None, None, True, "sem that is no lock"),
    ("micro", "spin", "x", None, None, True, "spinlock pair"),
    ("micro", "trylock", "x", None, None, True, "mutex trylock + unlock"),
    ("micro", "recursive", "x", None, None, True, "recursive mutex pair"),
    ("micro", "c11", "x", None, None, True, "mtx_lock + mtx_unlock"),
    ("micro", "hand-over-hand", "x", None, None, True, "released out of order"),
    ("micro", "cond-signal", "x", None, None, True, "signal without waiters"),
    ("micro", "tight2", "x", None, None, False, "2 threads, no work at all"),
    ("micro", "tight8", "x", None, None, False, "8 threads, no work at all"),
    ("micro", "poll", "x", None, None, True, "poll(0): event-loop hook"),
    ("count", "instructions", "instr", None, None, True, "added to a mutex pair"),
    ("count", "syscalls", "calls", 0, 0, True, "added per 100,000 pairs"),
    ("scale", "threads-and-locks", "MiB", 16, 8, False, "added by 100 threads, 10,000 locks"),
    ("scale", "short-threads-file", "MiB", 64, 16, False, "1,000,000 short threads: recording"),
    ("scale", "short-threads-rss", "MiB", 64, 16, False, "... resident, added"),
    ("scale", "live-threads", "MiB", None, None, False, "5,000 live threads: resident, added"),
    ("report", "report-time", "s", 2, 0.5, False, "report of 1,000,000 waits, 10,000 locks"),
    ("report", "report-rss", "MiB", 256, None, False, "... resident"),
    ("top", "top-idle-5000", "ms", 20, 8, False, "threadtop's refresh, 5,000 idle threads"),
    ("top", "top-batch-5000", "ms", None, None, False, "... in full as text"),
    ("top", "top-idle-20000", "ms", None, None, False, "... 20,000 idle threads"),
    ("top", "top-dirty", "us", None, None, False, "... for each thread that has run"),
    ("dump", "dump-names", "ms", 150, 80, False, "1,000 threads of 40 frames, with names"),
    ("dump", "dump-lines", "ms", 500, 250, False, "... with lines and inlined functions"),
    ("dump", "dump-stop", "µs", 1000, 50, False, "... longest stop of a running thread"),
    ("dump", "dump-stops", "", 0, 0, False, "... blocked threads that were stopped"),
    ("dump", "dump-consistent", "ms", 15, 10, False, "... consistent: how long all stand"),
    ("dump", "dump-jvm", "ms", 1000, 300, False, "JVM with 500 threads, native stacks"),
    ("programs", "memcached", "kept", 95, 98, False, "lock-bound get and set, 4 threads"),
    ("programs", "redis", "kept", 97, 99, False, "io-threads under redis-benchmark"),
    ("programs", "pigz", "kept", 97, 99, False, "pigz -p 2"),
    ("programs", "xz", "kept", 97, 99, False, "xz -T2"),
    ("programs", "python-queue", "kept", 97, 99, False, "python3, threads and queues"),
    ("programs", "node-fs", "kept", 97, 99, False, "node, files through its pool"),
    ("programs", "node-crypto", "kept", 97, 99, False, "node, pbkdf2 through its pool"),
    ("programs", "java-locks", "kept", 97, 99, False, "java, executor and ReentrantLock"),
]
FIGURES = {row[1]: Figure(*row) for row in _ROWS}


def verdict(figure, value):
    """'aim', 'must', 'MISSED', or '' where nothing is asked."""
    if figure.must is None or value is None:
        return ""
    better = (lambda v, bound: v >= bound) if figure.unit == "kept" else (lambda v, bound: v <= bound)
    if figure.aim is not None and better(value, figure.aim):
        return "aim"
    return "must" if better(value, figure.must) else "MISSED"
