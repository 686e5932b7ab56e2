# SPDX-License-Identifier: GPL-3.0-or-later
# The report part: how long threadreport takes for a recording with 1,000,000 waits and 10,000 locks, and what it needs.
import os

from common import Missing, median, peak_rss_kib
from figures import FIGURES


def run(bench):
    tool = os.path.join(bench.build, "bin", "threadreport")
    try:
        if not os.path.exists(tool):
            raise Missing("%s is not built" % tool)
        waits = 100000 if bench.args.quick else 1000000
        bench.run([bench.compile("population", ["population.c"]), "waits", str(waits), "10000"], bench.shim, limit=300)
        recording = bench.recordings()[0]
        text, document = ([peak_rss_kib([tool, *more, recording], bench.environment(), 60) for _ in range(bench.rounds(5))]
                          for more in ([], ["--json"]))
        status = {r[2] for r in text + document}
        if status - {0, 1}:
            raise Missing("threadreport ended with status %s" % sorted(status))
    except Missing as why:
        bench.skip("report", why)
        return
    finally:
        bench.sweep()
    wanted = {f.case for f in bench.wanted("report")}
    more = {"waits": waits, "json_s": median([r[1] for r in document])}
    if "report-time" in wanted:
        bench.result(FIGURES["report-time"], median([r[1] for r in text]), **more)
    if "report-rss" in wanted:
        bench.result(FIGURES["report-rss"], max(r[0] for r in text + document) / 1024, **more)
