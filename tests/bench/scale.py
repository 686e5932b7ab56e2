# SPDX-License-Identifier: GPL-3.0-or-later
# The scale part: memory that populations of threads and locks need more under the shim (tests/bench/population.c).
import json
import os

from common import Missing, raise_limits


def population(bench, preload, *words):
    """(resident KiB, blocks of the recording in KiB) of one run."""
    done = bench.run([bench.compile("population", ["population.c"]), *map(str, words)], preload, limit=600)
    blocks = sum(os.stat(path).st_blocks for path in bench.recordings()) // 2
    bench.sweep()
    return json.loads(done.stdout)["resident_kib"], blocks


def added(bench, *words):
    """MiB resident, with the recording's mapped pages; MiB of the recording."""
    native = min(population(bench, None, *words)[0] for _ in range(3))
    shim, blocks = population(bench, bench.shim, *words)
    return native / 1024, shim / 1024, blocks / 1024


def run(bench):
    raise_limits()
    wanted = {f.case: f for f in bench.wanted("scale")}
    short = 100000 if bench.args.quick else 1000000
    live = 1000 if bench.args.quick else 5000
    populations = {
        "threads-and-locks": ("locks", 100, 10000),
        "short-threads-rss": ("short", short),
        "live-threads": ("live", live),
    }
    for case, words in populations.items():
        file_case = {"short-threads-rss": "short-threads-file"}.get(case)
        if case not in wanted and file_case not in wanted:
            continue
        try:
            if words[0] == "short":
                native, _ = population(bench, None, "short", 1000)
                shim, blocks = population(bench, bench.shim, *words)
                native, shim, blocks = native / 1024, shim / 1024, blocks / 1024
            else:
                native, shim, blocks = added(bench, *words)
        except Missing as why:
            bench.skip(case, why)
            continue
        if file_case in wanted:
            bench.result(wanted[file_case], blocks, None, blocks, population=words)
        if case in wanted:
            bench.result(wanted[case], shim - native, native, shim, population=words, recording_mib=blocks)
