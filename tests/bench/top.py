# SPDX-License-Identifier: GPL-3.0-or-later
# The top part: CPU time of one refresh of threadtop and of its peers on the same idle threads, in turn; of one that has run; of
# 20,000 threads. A program's own CPU time is read from its schedstat, between two moments of its life.
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

from common import Missing, median, raise_limits
from figures import FIGURES

WARM_S = 2.5


def cpu_ns(pid):
    total = 0
    for tid in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, tid), encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def drain(fd, until):
    """Reads what the program draws, as a terminal would."""
    while time.monotonic() < until:
        ready, _, _ = select.select([fd], [], [], max(0, until - time.monotonic()))
        if ready and not os.read(fd, 65536):
            break


def refresh_ms(command, seconds, screen):
    """CPU time per second, which is per refresh: the program refreshes once a second."""
    env = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    if screen:
        pid, fd = pty.fork()
        if pid == 0:
            try:
                os.execvpe(command[0], command, env)
            finally:
                os._exit(127)
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    else:
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        pid, fd = child.pid, None
    try:
        wait = (lambda s: drain(fd, time.monotonic() + s)) if screen else time.sleep
        wait(WARM_S)
        before, start = cpu_ns(pid), time.monotonic()
        wait(seconds)
        return (cpu_ns(pid) - before) / 1e6 / (time.monotonic() - start)
    except (OSError, ValueError) as why:
        raise Missing("%s: %s" % (command[0], why)) from None
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if fd is not None:
            os.close(fd)


def idle(bench, threads):
    subject = subprocess.Popen([os.path.join(bench.build, "tests/bin/mkthreads"), "threads-live", "threads=%d" % threads,
                                "hold_us=280000000", "--timeout", "280"], stdout=subprocess.DEVNULL)
    for _ in range(600):
        if subject.poll() is None and len(os.listdir("/proc/%d/task" % subject.pid)) > threads:
            return subject
        time.sleep(0.1)
    subject.kill()
    subject.wait()
    raise Missing("%d threads could not be made" % threads)


def tools(bench, pid):
    threadtop = os.path.join(bench.build, "bin", "threadtop")
    return {
        "threadtop": ([threadtop, "--no-config", "-p", str(pid)], True),
        "threadtop -b": ([threadtop, "-b", "-p", str(pid)], False),
        "top -H": (["top", "-H", "-d", "1", "-p", str(pid)], True),
        "top -H -b": (["top", "-H", "-b", "-d", "1", "-p", str(pid)], False),
        "htop": (["htop", "-d", "10", "-p", str(pid)], True),
        "atop": (["atop", "-y", "1"], True),
        "pidstat -t": (["pidstat", "-t", "-p", str(pid), "1"], False),
    }


def run_idle(bench):
    subject = idle(bench, 5000)
    seconds = 3 if bench.args.quick else 6
    values = {}
    try:
        for _ in range(bench.rounds(3) if not bench.args.quick else 1):
            for name, (command, screen) in tools(bench, subject.pid).items():
                if shutil.which(command[0]):
                    values.setdefault(name, []).append(refresh_ms(command, seconds, screen))
    finally:
        subject.kill()
        subject.wait()
    figures = {name: median(v) for name, v in values.items()}
    note = ", ".join("%s %.1f" % (name, value) for name, value in figures.items() if not name.startswith("threadtop"))
    bench.result(FIGURES["top-idle-5000"], figures["threadtop"], tools=figures, note=note)
    bench.result(FIGURES["top-batch-5000"], figures["threadtop -b"])


def run_many(bench):
    subject = idle(bench, 20000)
    try:
        command = [os.path.join(bench.build, "bin", "threadtop"), "--no-config", "-p", str(subject.pid)]
        bench.result(FIGURES["top-idle-20000"], refresh_ms(command, 4, True))
    finally:
        subject.kill()
        subject.wait()


def run_dirty(bench):
    """60 threads that run 50 times a second, against as many that sleep."""
    duty = os.path.join(bench.build, "tests/programs/duty")
    threadtop = [os.path.join(bench.build, "bin", "threadtop"), "--until", "cpu_pct>1000000", "-p"]
    subject = subprocess.Popen([duty, "-t", "60", *(["1"] * 60)], stdout=subprocess.DEVNULL)
    sleeper = idle(bench, 60)
    try:
        busy, quiet = (median([refresh_ms(threadtop + [str(p.pid)], 4, False) for _ in range(3)]) for p in (subject, sleeper))
        bench.result(FIGURES["top-dirty"], (busy - quiet) * 1000 / 60)
    finally:
        for p in (subject, sleeper):
            p.kill()
            p.wait()


def run(bench):
    raise_limits()
    cases = {"top-idle-5000": run_idle, "top-idle-20000": run_many, "top-dirty": run_dirty}
    for case, measure in cases.items():
        if case not in {f.case for f in bench.wanted("top")}:
            continue
        try:
            measure(bench)
        except Missing as why:
            bench.skip(case, why)
