# SPDX-License-Identifier: GPL-3.0-or-later
# The count part: figures that are the same on every run, whatever the machine does: instructions by callgrind, system calls
# by strace. tests/cost.bats asks it too:   counts.py instructions|syscalls[/10] MICRO CASE [SHIM]   (/10: of a tenth as many operations)
import os
import re
import shutil
import subprocess
import sys
import tempfile

LESS, MORE = 20000, 120000


def _run(command, env):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, timeout=300, check=True).stderr


def _environment(shim, work):
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "THREADCHECK_OPTIONS")}
    if shim:
        env["LD_PRELOAD"] = shim
        env["THREADCHECK_OPTIONS"] = "output=%s/" % work
    return env


def instructions(micro, case, shim=None):
    """Instructions of one operation: the difference of two runs, so that start and end are not in it."""
    with tempfile.TemporaryDirectory(prefix="tt-count-") as work:
        def total(ops):
            words = _run(["valgrind", "--tool=callgrind", "--callgrind-out-file=%s/out" % work, micro, case, "--ops", str(ops)],
                         _environment(shim, work))
            return int(re.search(r"Collected : (\d+)", words).group(1))

        return (total(MORE) - total(LESS)) / (MORE - LESS)


def syscalls(micro, case, shim=None, share=1):
    """System calls that 100,000 / share more operations make. The program's own environment is set by strace: it is not preloaded."""
    with tempfile.TemporaryDirectory(prefix="tt-count-") as work:
        def total(ops):
            settings = ["-E%s=%s" % kv for kv in _environment(shim, work).items()
                        if kv[0] in ("LD_PRELOAD", "THREADCHECK_OPTIONS")]
            table = os.path.join(work, "calls")
            _run(["strace", "-f", "-qq", "-c", "-S", "none", "-U", "calls,name", "-o", table, *settings,
                  micro, case, "--ops", str(ops)], _environment(None, work))
            with open(table, encoding="utf-8") as file:
                return sum(int(line.split()[0]) for line in file
                           if line.split()[:1] and line.split()[0].isdigit() and line.split()[-1] != "total")

        return total(MORE // share) - total(LESS // share)


def run(bench):
    wanted = {f.case: f for f in bench.wanted("count")}
    for case, tool, count in (("instructions", "valgrind", instructions), ("syscalls", "strace", syscalls)):
        if case not in wanted:
            continue
        if not shutil.which(tool):
            bench.skip(case, tool + " is not installed")
            continue
        native, shim = count(bench.micro, "mutex"), count(bench.micro, "mutex", bench.shim)
        bench.result(wanted[case], shim - native, native, shim)


if __name__ == "__main__":
    counters = {"instructions": instructions, "syscalls": syscalls, "syscalls/10": lambda *a: syscalls(*a, share=10)}
    print(round(counters[sys.argv[1]](*sys.argv[2:]), 1))
