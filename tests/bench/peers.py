# SPDX-License-Identifier: GPL-3.0-or-later
# The peers that are installed, on the same micro cases. Ratios to native, in turn with it, like ours. Those that slow a
# program a hundred times get one short run; a ratio is a ratio.
import glob
import json
import os
import shutil

from common import Missing, median, number
from figures import FIGURES

CASES = ("mutex", "nested3", "private2", "random1000", "rwlock-read", "sem", "contended2", "contended8", "cond-pingpong",
         "create-join", "malloc-free")


def installed(name):
    path = shutil.which(name)
    if not path:
        raise Missing(name + " is not installed")
    return path


def shim(bench):
    return [bench.micro], bench.shim


def passthrough(bench):
    return [bench.micro], bench.compile("passthrough.so", ["passthrough.c"], "-shared", "-fPIC", "-fno-optimize-sibling-calls")


def lttng(bench):
    found = glob.glob("/usr/lib/*/liblttng-ust-pthread-wrapper.so*")
    if not found:
        raise Missing("liblttng-ust-pthread-wrapper.so is not installed (liblttng-ust1, liblttng-ust-dev)")
    return [bench.micro], sorted(found)[0]


def tsan(bench):
    return [bench.compile("micro.tsan", ["micro.c"], "-fsanitize=thread")], None


def mutrace(bench):
    installed("mutrace")
    found = glob.glob("/usr/lib/*/mutrace/libmutrace.so") + glob.glob("/usr/lib/mutrace/libmutrace.so")
    if not found:
        raise Missing("libmutrace.so is not found")
    return [bench.micro], found[0]


def valgrind(tool):
    def peer(bench):
        return [installed("valgrind"), "-q", "--tool=" + tool, "--log-file=/dev/null", bench.micro], None

    return peer


def uftrace(bench):
    folder = os.path.join(bench.work, "uftrace")
    return [installed("uftrace"), "record", "--force", "--no-event", "--data=" + folder, bench.micro], None


# name: maker, rounds, milliseconds
PEERS = {
    "shim": (shim, 5, 20),
    "passthrough": (passthrough, 5, 20),
    "lttng-wrapper": (lttng, 5, 20),
    "tsan": (tsan, 3, 20),
    "mutrace": (mutrace, 3, 20),
    "uftrace": (uftrace, 1, 3),
    "helgrind": (valgrind("helgrind"), 1, 20),
    "drd": (valgrind("drd"), 1, 20),
}


def measure(bench, case, command, preload, rounds, ms):
    figure = FIGURES[case]

    def once(peer):
        words, library = (command, preload) if peer else ([bench.micro], None)
        done = bench.run(words + [case, "--ms", str(ms if peer else 10)], library, figure.pin, limit=60)
        shutil.rmtree(os.path.join(bench.work, "uftrace"), ignore_errors=True)
        return json.loads(done.stdout.decode().strip().splitlines()[-1])["low_ns"]

    native, peer = bench.interleave(rounds, once, [False, True])
    return median([p / n for n, p in zip(native, peer)])


def run(bench):
    cases = [c for c in CASES if not bench.args.case or c in bench.args.case]
    print("%-16s" % "peer (x native)" + "".join("%15s" % c for c in cases), flush=True)
    for name, (maker, rounds, ms) in PEERS.items():
        try:
            command, preload = maker(bench)
        except Missing as why:
            bench.skip(name, why)
            continue
        row = {}
        for case in cases:
            try:
                row[case] = measure(bench, case, command, preload, rounds, ms)
            except (Missing, ValueError, IndexError) as why:
                row[case] = None
                bench.missing.append({"name": "%s %s" % (name, case), "why": str(why)})
        bench.peers[name] = row
        print("%-16s" % name + "".join("%15s" % number(row[c], "x") for c in cases), flush=True)
