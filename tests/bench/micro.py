# SPDX-License-Identifier: GPL-3.0-or-later
# The micro part: tests/bench/micro.c, native and under the shim in turn.
import json

from common import Missing, median


def measure(bench, figure, ms):
    def once(preload):
        done = bench.run([bench.micro, figure.case, "--ms", str(ms)], preload, figure.pin)
        return json.loads(done.stdout)["low_ns"]

    return once


def run(bench):
    rounds = bench.rounds(25)
    for figure in bench.wanted("micro"):
        # What depends on the scheduler varies more: more and longer rounds.
        parallel = not figure.pin and figure.case != "private2"
        try:
            native, shim = bench.interleave(rounds * (2 if parallel else 1), measure(bench, figure, 60 if parallel else 30),
                                            [None, bench.shim])
        except Missing as why:
            bench.skip(figure.case, why)
            continue
        ratio = median([s / n for n, s in zip(native, shim)])
        added = median([s - n for n, s in zip(native, shim)])
        bench.result(figure, added if figure.unit == "+ns" else ratio, median(native), median(shim),
                     ratio=ratio, ratio_of_least=min(shim) / min(native), added_ns=added,
                     added_of_least_ns=min(shim) - min(native), rounds=len(native))
