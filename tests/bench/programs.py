# SPDX-License-Identifier: GPL-3.0-or-later
# The programs part: what real programs keep of their throughput. Servers listen on the loopback only, and end with each round.
# Beside throughput, the processor time of the program itself is compared: that is steadier on a machine that is shared.
import csv
import glob
import os
import shutil
import socket
import subprocess
import time

from common import HERE, Missing, median


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


class Server:
    """A server for the length of a `with` block."""

    def __init__(self, bench, command, port, preload):
        self.process = subprocess.Popen(command, env=bench.environment(preload), cwd=bench.work, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid, encoding="ascii", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()


def memcached(bench):
    need("memcached")
    load = bench.compile("kvload", ["kvload.c"])

    def once(preload):
        port = free_port()
        command = ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "4", "-m", "64"]
        if os.geteuid() == 0:
            command += ["-u", "root"]
        with Server(bench, command, port, preload) as server:
            bench.run([load, str(port), "16", "200"])
            before = server.cpu_s()
            rate = float(bench.run([load, str(port), "16", "1000"]).stdout)
            return rate, (server.cpu_s() - before) / rate

    return once


def redis(bench):
    need("redis-server", "redis-benchmark")
    requests = 60000

    def once(preload):
        port = free_port()
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--io-threads", "2",
                   "--io-threads-do-reads", "yes"]
        with Server(bench, command, port, preload) as server:
            load = ["redis-benchmark", "-p", str(port), "-t", "set,get", "-c", "30", "-P", "16", "--csv", "-n"]
            bench.run(load + ["5000"])
            before = server.cpu_s()
            rows = list(csv.reader(bench.run(load + [str(requests)]).stdout.decode().splitlines()))[1:]
            rate = sum(float(row[1]) for row in rows) / len(rows)
            return rate, (server.cpu_s() - before) / requests

    return once


def batch(bench, command, prints_seconds):
    """A program that does its work and ends: the inverse of its time."""
    def once(preload):
        with open(os.path.join(bench.work, "out"), "w+b") as out:
            start = time.monotonic()
            child = subprocess.Popen(command, env=bench.environment(preload), cwd=bench.work, stdin=subprocess.DEVNULL,
                                     stdout=out if prints_seconds else subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.monotonic() - start
            if child.returncode:
                raise Missing("%s ended with status %d" % (command[0], child.returncode))
            out.seek(0)
            return 1 / (float(out.read()) if prints_seconds else seconds), usage.ru_utime + usage.ru_stime

    return once


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
    return batch(bench, ["java", "-cp", bench.work, "Pool", "200000"], True)


def subject(name):
    return os.path.join(HERE, "programs", name)


MAKERS = {
    "memcached": memcached,
    "redis": redis,
    "pigz": lambda b: batch(b, [need("pigz"), "-p", "2", "-c", data(b, 40 << 20)], False),
    "xz": lambda b: batch(b, [need("xz"), "-T2", "-0", "--block-size=1MiB", "-c", data(b, 40 << 20)], False),
    "python-queue": lambda b: batch(b, [need("/usr/bin/python3"), subject("queues.py"), "100000"], True),
    "node-fs": lambda b: batch(b, [need("node"), subject("pool.js"), "fs", "20000", b.work], True),
    "node-crypto": lambda b: batch(b, [need("node"), subject("pool.js"), "crypto", "10000", b.work], True),
    "java-locks": java,
}


def run(bench):
    for figure in bench.wanted("programs"):
        try:
            native, shim = bench.interleave(bench.rounds(9), MAKERS[figure.case](bench), [None, bench.shim])
        except Missing as why:
            bench.skip(figure.case, why)
            continue
        kept = median([100 * s[0] / n[0] for n, s in zip(native, shim)])
        cpu = median([100 * n[1] / s[1] for n, s in zip(native, shim)])
        best = 100 * max(s[0] for s in shim) / max(n[0] for n in native)
        bench.result(figure, kept, median([n[0] for n in native]), median([s[0] for s in shim]), kept_of_best_pct=best,
                     kept_cpu_pct=cpu, rounds=len(native), note="best %.1f %%, cpu %.1f %%" % (best, cpu))
