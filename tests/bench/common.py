# SPDX-License-Identifier: GPL-3.0-or-later
# What all parts of the benchmark share: where things are, how a program is run, statistics, the table, the JSON document.
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import figures

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(TOP, "tests", "bench")


class Missing(Exception):
    """A peer or a program that is not there, or does not work here."""


def median(values):
    values = sorted(values)
    n = len(values)
    if not n:
        return None
    return values[n // 2] if n % 2 else (values[n // 2 - 1] + values[n // 2]) / 2


class Bench:
    def __init__(self, args):
        self.args = args
        self.build = os.environ.get("TT_BUILD", os.path.join(TOP, "build"))
        self.shim = os.path.abspath(args.shim) if args.shim else os.path.join(self.build, "lib", "libthreadcheck.so")
        self.out = os.path.join(self.build, "tests", "bench")
        self.work = tempfile.mkdtemp(prefix="tt-bench-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.results = {}
        self.peers = {}
        self.missing = []
        self.cpu = min(os.sched_getaffinity(0))
        self.loads = []

    # ---- what is to be done

    def wanted(self, part):
        chosen = self.args.case
        return [f for f in figures.FIGURES.values() if f.part == part and (not chosen or f.case in chosen)]

    def wanted_of(self, part):
        return bool(self.wanted(part))

    def rounds(self, usual):
        if self.args.rounds:
            return self.args.rounds
        return max(3, usual // 5) if self.args.quick else usual

    # ---- building

    def compile(self, target, sources, *flags, cc="gcc"):
        """One of the benchmark's own programs, made anew when its source is newer."""
        os.makedirs(self.out, exist_ok=True)
        path = os.path.join(self.out, target)
        sources = [os.path.join(HERE, s) for s in sources]
        if os.path.exists(path) and all(os.path.getmtime(s) < os.path.getmtime(path) for s in sources):
            return path
        cc = os.environ.get("CC", cc)
        done = subprocess.run([cc, "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-pthread", *flags, "-o",
                               path, *sources, "-ldl"], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise Missing("%s does not compile: %s" % (target, done.stderr.strip().splitlines()[-1]))
        return path

    def prepare(self):
        if not os.path.exists(self.shim):
            sys.exit("bench: %s is not built" % self.shim)
        self.micro = self.compile("micro", ["micro.c"])

    # ---- running

    def environment(self, preload=None, options=""):
        """Native, or with a library preloaded; recordings go to our own folder and are removed with it."""
        env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "THREADCHECK_OPTIONS")}
        if preload:
            env["LD_PRELOAD"] = preload
            env["THREADCHECK_OPTIONS"] = "output=%s/%s" % (self.work, ":" + options if options else "")
        return env

    def run(self, command, preload=None, pin=False, limit=120, options="", **more):
        """Runs to its end within `limit` seconds; returns CompletedProcess, or raises Missing."""
        def child():
            if pin:
                os.sched_setaffinity(0, {self.cpu})

        try:
            done = subprocess.run(command, env=self.environment(preload, options), preexec_fn=child, timeout=limit,
                                  stdin=subprocess.DEVNULL, stdout=more.pop("stdout", subprocess.PIPE),
                                  stderr=more.pop("stderr", subprocess.PIPE), **more)
        except subprocess.TimeoutExpired:
            raise Missing("%s took more than %d s" % (os.path.basename(command[0]), limit)) from None
        except OSError as error:
            raise Missing("%s: %s" % (command[0], error.strerror)) from None
        if done.returncode:
            words = (done.stderr or b"").decode(errors="replace").strip().splitlines()
            raise Missing("%s ended with status %d: %s" % (os.path.basename(command[0]), done.returncode,
                                                           words[-1][:120] if words else "no words"))
        return done

    def sweep(self):
        """Removes recordings, so that tmpfs does not fill while rounds go on."""
        for name in os.listdir(self.work):
            if name.endswith(".ttrec"):
                os.unlink(os.path.join(self.work, name))

    def recordings(self):
        return sorted(os.path.join(self.work, n) for n in os.listdir(self.work) if n.endswith(".ttrec"))

    def interleave(self, rounds, measure, modes):
        """measure(preload) for each of modes in turn, `rounds` times; returns a list of values for each mode."""
        values = [[] for _ in modes]
        for r in range(rounds):
            order = range(len(modes)) if r % 2 == 0 else reversed(range(len(modes)))
            for i in order:
                values[i].append(measure(modes[i]))
                self.sweep()
        self.loads.append(os.getloadavg()[0])
        return values

    # ---- results

    def title(self, part):
        print("\n%s\n%-20s %-38s %12s %12s %9s %9s %9s  %s" % (
            part, "case", "what", "native", "shim", "figure", "must", "aim", "verdict"), flush=True)

    def result(self, figure, value, native=None, shim=None, **more):
        verdict = figures.verdict(figure, value)
        self.results[figure.case] = {"part": figure.part, "what": figure.what, "unit": figure.unit, "value": value,
                                     "native": native, "shim": shim, "must": figure.must, "aim": figure.aim,
                                     "verdict": verdict, **more}
        print("%-20s %-38s %12s %12s %9s %9s %9s  %s" % (
            figure.case, figure.what, number(native), number(shim), number(value, figure.unit),
            number(figure.must, figure.unit), number(figure.aim, figure.unit),
            "  ".join(word for word in (verdict, more.get("note")) if word)), flush=True)

    def skip(self, name, why):
        self.missing.append({"name": name, "why": str(why)})
        print("%-20s not measured: %s" % (name, why), flush=True)

    def finish(self, path):
        missed = [c for c, r in self.results.items() if r["verdict"] == "MISSED"]
        document = {
            "schema": "threadtools.bench/1",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "quick": self.args.quick,
            "system": {"machine": platform.machine(), "kernel": platform.release(), "libc": " ".join(platform.libc_ver()),
                       "cpus": len(os.sched_getaffinity(0)), "load_mean": round(sum(self.loads) / len(self.loads), 2)
                       if self.loads else None},
            "figures": self.results, "peers": self.peers, "missing": self.missing, "missed": missed,
        }
        path = path or os.path.join(self.build, "bench.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, sort_keys=True)
            file.write("\n")
        print("\n%d figures, %d missed%s; written to %s" % (
            len(self.results), len(missed), ": " + ", ".join(missed) if missed else "", path))
        return 1 if missed else 0

    def close(self):
        shutil.rmtree(self.work, ignore_errors=True)


def number(value, unit=""):
    if value is None:
        return "-"
    suffix = {"kept": " %", "x": "", "": ""}.get(unit, " " + unit.lstrip("+"))
    digits = 2 if unit == "x" or abs(value) < 10 else 1 if abs(value) < 1000 else 0
    if value == int(value) and unit != "x":
        digits = 0
    return "%.*f%s" % (digits, value, suffix)


def peak_rss_kib(command, env, limit):
    """Runs a command; returns the most memory that it had resident. Waits for that one child only."""
    start = time.monotonic()
    child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() - start > limit:
            child.kill()
            child.wait()
            raise Missing("%s took more than %d s" % (os.path.basename(command[0]), limit))
        time.sleep(0.005)
    return usage.ru_maxrss, time.monotonic() - start, child.returncode


def raise_limits():
    """As many threads and descriptors as the system lets us."""
    for what in (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE):
        soft, hard = resource.getrlimit(what)
        if soft != hard:
            resource.setrlimit(what, (hard, hard))
