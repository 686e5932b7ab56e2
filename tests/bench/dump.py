# SPDX-License-Identifier: GPL-3.0-or-later
# The dump part: how long threaddump takes for 1,000 threads with 40 frames each, how long it stops them, and the same by peers.
# Where stops are measured, the target has one thread that runs all the time and measures itself how long it could not.
import json
import os
import shutil
import subprocess
import time

from common import Missing, median


class Subject:
    """tests/bench/deep.c, running."""

    def __init__(self, bench, threads, frames, *tick):
        self.process = subprocess.Popen([bench.compile("deep", ["deep.c"], "-fno-optimize-sibling-calls"), str(threads), str(frames), *tick],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=bench.environment())
        words = self.process.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise Missing("the subject did not start")
        self.pid, self.ticking = self.process.pid, int(words[1])

    def gap_ms(self):
        """The longest time since the last question in which the running thread did not run."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()) / 1e6

    def end(self):
        self.process.kill()
        self.process.wait()


def timed(bench, command, limit=60):
    """(seconds, bytes of stdout) of one run; threaddump's status 1 is a finding."""
    start = time.monotonic()
    try:
        done = subprocess.run(command, env=bench.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, timeout=limit)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise Missing("%s: %s" % (command[0], error)) from None
    if done.returncode not in (0, 1):
        raise Missing("%s ended with status %d" % (os.path.basename(command[0]), done.returncode))
    return time.monotonic() - start, done.stdout


def times_ms(bench, command, rounds):
    return [timed(bench, command)[0] * 1000 for _ in range(rounds)]


def stops(bench, tool, subject, rounds, *options):
    """Of several dumps: stops of the running thread in µs, blocked threads that were stopped, longest pause in ms, gaps in ms."""
    running, blocked, pauses, gaps = [], 0, [], []
    for _ in range(rounds):
        subject.gap_ms()
        document = json.loads(timed(bench, [tool, "--json", *options, str(subject.pid)])[1])
        gaps.append(subject.gap_ms())
        for thread in document["threads"]:
            if thread["tid"] == subject.ticking:
                running.append(thread["stopped_us"])
            else:
                blocked += thread["stopped_us"] > 0
        pauses.append(document["pause_us"]["max"] / 1000)
    return running, blocked, pauses, gaps


def java(bench, tool, threads):
    """ms that a native dump of a JVM takes, median."""
    if not shutil.which("java") or not shutil.which("javac"):
        raise Missing("java and javac are not installed")
    source = os.path.join(bench.work, "Threads.java")
    with open(source, "w", encoding="utf-8") as file:
        file.write("""public class Threads {
    public static void main(String[] args) throws Exception {
        java.util.concurrent.CountDownLatch ready = new java.util.concurrent.CountDownLatch(%d);
        Object lock = new Object();
        for (int i = 0; i < %d; i++)
            new Thread(() -> { ready.countDown(); synchronized (lock) { try { lock.wait(); } catch (Exception e) { } } }).start();
        ready.await();
        System.out.println("ready");
        Thread.sleep(1000000);
    }
}""" % (threads, threads))
    subprocess.run(["javac", "-d", bench.work, source], check=True, stderr=subprocess.DEVNULL)
    process = subprocess.Popen(["java", "-cp", bench.work, "Threads"], stdout=subprocess.PIPE, text=True)
    try:
        process.stdout.readline()
        return median(times_ms(bench, [tool, "--no-managed", str(process.pid)], bench.rounds(5)))
    finally:
        process.kill()
        process.wait()


PEERS = {
    "gdb": ["gdb", "-batch", "-nx", "-ex", "thread apply all bt", "-p"],
    "eu-stack": ["eu-stack", "-p"],
    "eu-stack -s": ["eu-stack", "-s", "-p"],
}


def peers(bench, subject):
    for name, command in PEERS.items():
        try:
            if not shutil.which(command[0]):
                raise Missing(name + " is not installed")
            subject.gap_ms()
            took = timed(bench, [*command, str(subject.pid)], 120)[0] * 1000
            gap = subject.gap_ms()
        except Missing as why:
            bench.skip("peer " + name, why)
            continue
        bench.peers.setdefault(name, {})["dump"] = {"ms": took, "longest_gap_ms": gap}
        print("%-20s %-38s %12.1f ms, the running thread stood %.1f ms" % (name, "the same dump", took, gap), flush=True)


def measure_times(bench, tool, wanted, subject):
    rounds = bench.rounds(9)
    if "dump-names" in wanted:
        bench.result(wanted["dump-names"], median(times_ms(bench, [tool, str(subject.pid)], rounds)))
    if "dump-lines" in wanted:
        bench.result(wanted["dump-lines"], median(times_ms(bench, [tool, "--lines", "--inlines", str(subject.pid)], rounds)))


def measure_stops(bench, tool, wanted, subject):
    rounds = bench.rounds(9)
    running, blocked, _, gaps = stops(bench, tool, subject, rounds)
    if "dump-stop" in wanted:
        bench.result(wanted["dump-stop"], max(running), mean=sum(running) / len(running), own_gap_ms=gaps)
    if "dump-stops" in wanted:
        bench.result(wanted["dump-stops"], blocked)
    if "dump-consistent" in wanted:
        _, _, pauses, gaps = stops(bench, tool, subject, rounds, "--consistent")
        bench.result(wanted["dump-consistent"], median(pauses), own_gap_ms=gaps)
    if not bench.args.no_peers and not bench.args.quick:
        peers(bench, subject)


def run(bench):
    tool = os.path.join(bench.build, "bin", "threaddump")
    wanted = {f.case: f for f in bench.wanted("dump")}
    subject = None
    try:
        if not os.path.exists(tool):
            raise Missing("%s is not built" % tool)
        threads = 200 if bench.args.quick else 1000
        for measure, ticks, cases in ((measure_times, (), {"dump-names", "dump-lines"}),
                                      (measure_stops, ("tick",), {"dump-stop", "dump-stops", "dump-consistent"})):
            if cases & set(wanted):
                subject = Subject(bench, threads, 40, *ticks)
                measure(bench, tool, wanted, subject)
                subject.end()
    except Missing as why:
        bench.skip("dump", why)
    finally:
        if subject:
            subject.end()
    try:
        if "dump-jvm" in wanted:
            bench.result(wanted["dump-jvm"], java(bench, tool, 100 if bench.args.quick else 500))
    except Missing as why:
        bench.skip("dump-jvm", why)
