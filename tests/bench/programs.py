# SPDX-License-Identifier: GPL-3.0-or-later
# The programs part: what real programs keep of their throughput. A native one and one under the shim are alive at once and work in
# turns, a fraction of a second each: this machine's speed changes by more than the shim costs, but not as fast as that. Where a
# program's memory lies, and with it what its caches hold, differs from start to start: hence several starts.
# Beside throughput, the processor time of the program itself is compared. Servers listen on the loopback only.
import csv
import glob
import math
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack

from common import HERE, Missing, median

# A turn of python3's threads differs from the next by a fifth and more, a start of any of these from the next by some points. So a
# program is started anew until the figure is known well enough - within CLOSE points, or on one side of what it must reach - or
# LIMIT_S are over. As it is asked after each start, the interval is a little narrower than it should be.
STARTS = 11
START_S = 4  # of work, both together
LIMIT_S = 240
CLOSE = 1.0
WARM_UP = 3


def need(*names):
    for name in names:
        path = name if "/" in name else shutil.which(name)
        if not path or not os.path.exists(path):
            raise Missing(name + " is not installed")
    return path


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """A program for the length of a `with` block; turn() lets it work for a moment: returns work per second, and how much it was."""

    def __init__(self, bench, command, preload, **more):
        self.bench, self.command = bench, command
        self.process = subprocess.Popen(command, env=bench.environment(preload), cwd=bench.work, stderr=subprocess.DEVNULL, **more)

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def measured(self):
        before = self.cpu_s()
        rate, work = self.turn()
        return rate, work, self.cpu_s() - before

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()


class Server(Program):
    """One that load() asks; what that returns is a turn's."""

    def __init__(self, bench, command, port, preload, load):
        super().__init__(bench, command, preload, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.load = load
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise Missing("%s does not answer" % command[0]) from None
                time.sleep(0.01)

    def turn(self):
        return self.load()


class Worker(Program):
    """One that does its work once for each line that it reads, and prints the seconds."""

    def __init__(self, bench, command, preload):
        super().__init__(bench, command, preload, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def turn(self):
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
            return 1 / float(self.process.stdout.readline()), 1
        except (OSError, ValueError):
            raise Missing("%s ended with status %d" % (self.command[0], self.process.wait())) from None


class Batch:
    """One that does its work and ends, each time anew."""

    def __init__(self, bench, command, preload):
        self.bench, self.command, self.preload = bench, command, preload

    def measured(self):
        start = time.monotonic()
        child = subprocess.Popen(self.command, env=self.bench.environment(self.preload), cwd=self.bench.work,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Missing("%s ended with status %d" % (self.command[0], child.returncode))
        return 1 / (time.monotonic() - start), 1, usage.ru_utime + usage.ru_stime

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        pass


def memcached(bench):
    need("memcached")
    load = bench.compile("kvload", ["kvload.c"])

    def begin(preload):
        port = free_port()
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "4", "-m", "64"]
        if os.geteuid() == 0:
            command += ["-u", "root"]

        def ask():
            rate = float(bench.run([load, str(port), "16", "150"]).stdout)
            return rate, rate

        return Server(bench, command, port, preload, ask)

    return begin


def redis(bench):
    need("redis-server", "redis-benchmark")

    def begin(preload):
        port = free_port()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--io-threads", "2",
                   "--io-threads-do-reads", "yes"]

        def ask():
            out = bench.run(["redis-benchmark", "-p", str(port), "-t", "set,get", "-c", "30", "-P", "16", "--csv", "-n", "30000"]).stdout
            rows = list(csv.reader(out.decode().splitlines()))[1:]
            return sum(float(row[1]) for row in rows) / len(rows), 1

        return Server(bench, command, port, preload, ask)

    return begin


def data(bench, size):
    """Something to compress: the system's own libraries, the same for all rounds."""
    path = os.path.join(bench.work, "data")
    if not os.path.exists(path):
        with open(path, "wb") as out:
            for name in sorted(glob.glob("/usr/lib/*-linux-gnu/*.so*")):
                if out.tell() >= size:
                    break
                if os.path.isfile(name):
                    with open(name, "rb") as file:
                        out.write(file.read(size - out.tell()))
    return path


def java(bench):
    need("java", "javac")
    bench.run(["javac", "-d", bench.work, os.path.join(HERE, "programs", "Pool.java")])
    return worker(bench, "java", "-cp", bench.work, "Pool", "20000")


def subject(name):
    return os.path.join(HERE, "programs", name)


def worker(bench, *command):
    need(command[0])
    return lambda preload: Worker(bench, list(command), preload)


def batch(bench, *command):
    need(command[0])
    return lambda preload: Batch(bench, list(command), preload)


MAKERS = {
    "memcached": memcached,
    "redis": redis,
    "pigz": lambda b: batch(b, "pigz", "-p", "2", "-c", data(b, 8 << 20)),
    "xz": lambda b: batch(b, "xz", "-T2", "-0", "--block-size=1MiB", "-c", data(b, 8 << 20)),
    "python-queue": lambda b: worker(b, "/usr/bin/python3", subject("queues.py"), "30000"),
    "node-fs": lambda b: worker(b, "node", subject("pool.js"), "fs", "3000", b.work),
    "node-crypto": lambda b: worker(b, "node", subject("pool.js"), "crypto", "3000", b.work),
    "java-locks": java,
}


def start(bench, begin, rounds):
    """One start: what measured() said of the native one and of the shim's, in turns: so many rounds, made even; None: for START_S."""
    native, shim = [], []
    with ExitStack() as alive:
        programs = [alive.enter_context(begin(preload)) for preload in (None, bench.shim)]
        for _ in range(WARM_UP):
            for program in programs:
                program.measured()
        since = time.monotonic()
        while len(native) < (rounds or 2) or (not rounds and time.monotonic() - since < START_S):
            for values, more in zip((native, shim), bench.interleave(2, lambda program: program.measured(), programs)):
                values += more
    return native, shim


def per_time(measured):
    return sum(m[1] for m in measured) / sum(m[1] / m[0] for m in measured)


def cpu_per_work(measured):
    return sum(m[2] for m in measured) / sum(m[1] for m in measured)


def known(values):
    """Where their true median lies, 95 times of 100, however they are distributed: between two of them, by rank."""
    values, n, rank, below = sorted(values), len(values), 0, 1
    while below <= 0.025 * 2 ** n:
        rank += 1
        below += math.comb(n, rank)
    return (values[rank - 1], values[n - rank]) if rank else (-math.inf, math.inf)


def is_enough(figure, kept, since):
    low, high = known(kept)
    sure = high - low <= 2 * CLOSE or not low < figure.must < high
    return len(kept) >= STARTS and (sure or time.monotonic() - since > LIMIT_S)


def run(bench):
    for figure in bench.wanted("programs"):
        starts, kept, since = [], [], time.monotonic()
        rounds = bench.args.rounds or (3 if bench.args.quick else None)
        try:
            begin = MAKERS[figure.case](bench)
            while not is_enough(figure, kept, since) and not (rounds and len(kept) == STARTS):
                starts.append(start(bench, begin, rounds))
                native, shim = starts[-1]
                kept.append(100 * per_time(shim) / per_time(native))
        except Missing as why:
            bench.skip(figure.case, why)
            continue
        low, high = known(kept)
        cpu = median([100 * cpu_per_work(native) / cpu_per_work(shim) for native, shim in starts])
        bench.result(figure, median(kept), median([per_time(native) for native, _ in starts]),
                     median([per_time(shim) for _, shim in starts]), kept_by_start_pct=kept, kept_cpu_pct=cpu,
                     known_pct=[low, high], rounds=sum(len(native) for native, _ in starts),
                     note="%.1f to %.1f%s, %d starts, cpu %.1f %%" % (
                         low, high, ", undecided" if low < figure.must < high else "", len(kept), cpu))
