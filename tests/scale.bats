#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# scale.bats - what the recorder needs for many threads, locks and waits: memory of the program, size of the recording, and
# that nothing of them is lost. SCALE=full runs the populations that `make bench` measures; else a tenth of them.

load helpers

setup()
{
	built "$SHIM"
	POPULATION=$BATS_TEST_TMPDIR/population
	REC=$BATS_TEST_TMPDIR/rec
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O2 -pthread -o "$POPULATION" "$TOP/tests/bench/population.c"
	[ "${SCALE-}" = full ] && full=1 || full=0
}

# population WORDS... - natively; populated WORDS... - under the shim, recording into $REC. The resident KiB.
population()
{
	"$POPULATION" "$@" | jq .resident_kib
}
populated()
{
	rm -rf "$REC"
	preloaded "$REC" "$POPULATION" "$@" >"$BATS_TEST_TMPDIR/out.json"
	jq .resident_kib "$BATS_TEST_TMPDIR/out.json"
}

# recording_kib - disk blocks of the one recording.
recording_kib()
{
	local files=("$REC"/*.ttrec)
	assert_equal ${#files[@]} 1 "recordings"
	du -k "${files[0]}" | cut -f1
}

@test "100 threads that use 10,000 locks need at most 16 MiB more" {
	local native shim
	native=$(population locks 100 10000)
	shim=$(populated locks 100 10000)
	assert_between $((shim - native)) 0 $((16 << 10)) "KiB added"
	"$BIN/threadreport" --json "$REC"/*.ttrec >"$BATS_TEST_TMPDIR/report.json"
	# Each of the 100 threads locked each of the 10,000 mutexes once: every count must be there, however tables overflowed.
	assert_json "$BATS_TEST_TMPDIR/report.json" '[.locks[] | select(.kind == "mutex") | .acquisitions] | add == 1000000'
	assert_json "$BATS_TEST_TMPDIR/report.json" '[.locks[] | select(.kind == "mutex")] | length == 10000'
}

@test "short threads, one after the other, leave the recording as large as the first of them made it" {
	local few many n=$((full ? 1000000 : 50000))
	populated short 5000 >/dev/null
	few=$(recording_kib)
	assert_between "$(populated short $n)" 0 $((64 << 10)) "KiB resident with $n short threads"
	many=$(recording_kib)
	# The ring of events fills meanwhile (4 MiB by default); beside it nothing grows.
	assert_between "$many" 0 $((few + (4 << 10) + 512)) "KiB of the recording with $n threads ($few with 5,000)"
	"$BIN/threadreport" --json "$REC"/*.ttrec >"$BATS_TEST_TMPDIR/report.json"
	assert_json "$BATS_TEST_TMPDIR/report.json" "[.locks[] | select(.kind == \"mutex\") | .acquisitions] | add == $n"
}

@test "threads that live at once need at most 6 KiB each, and all of them are reported" {
	local native shim n=$((full ? 5000 : 500))
	native=$(population live $n)
	shim=$(populated live $n)
	assert_between $((shim - native)) 0 $((n * 6 + 2048)) "KiB added by $n threads"
	"$BIN/threadreport" --json "$REC"/*.ttrec >"$BATS_TEST_TMPDIR/report.json"
	assert_json "$BATS_TEST_TMPDIR/report.json" ".summary.threads_peak == $n + 1 and .processes[0].threads_joined == $n"
}

@test "a report of very many waits is made within 2 seconds and 256 MiB" {
	local n=$((full ? 1000000 : 100000)) kib cpu
	populated waits $n 10000 >/dev/null
	/usr/bin/python3 - "$BIN/threadreport" --json "$REC"/*.ttrec >"$BATS_TEST_TMPDIR/used" <<-'PY'
		import os, resource, subprocess, sys
		with open(os.path.join(os.environ["BATS_TEST_TMPDIR"], "report.json"), "wb") as out:
		    status = subprocess.run(sys.argv[1:], stdout=out).returncode
		used = resource.getrusage(resource.RUSAGE_CHILDREN)
		print(used.ru_maxrss, used.ru_utime + used.ru_stime)
		sys.exit(status not in (0, 1))
	PY
	read -r kib cpu <"$BATS_TEST_TMPDIR/used"
	assert_between "$kib" 0 $((256 << 10)) "KiB resident"
	assert_between "$cpu" 0 2 "seconds of processor time"
	assert_json "$BATS_TEST_TMPDIR/report.json" "[.waits[] | select(.kind == \"mutex\") | .count] | add == $n"
	assert_json "$BATS_TEST_TMPDIR/report.json" '[.waits[] | select(.kind == "mutex" and .holder_site == null)] == []'
}
