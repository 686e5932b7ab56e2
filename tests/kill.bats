#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A recording needs no orderly end: a busy program is killed at random moments, and what its recording says must lie between
# what the program had confirmed before and after. KILL_RUNS=1000 for the full matrix, KILL_SEED=N to repeat one.

load helpers

setup()
{
	built "$SHIM" "$PROGRAMS/killme" "$BIN/threadreport"
	export SHIM KILLME=$PROGRAMS/killme THREADREPORT=$BIN/threadreport
	runs=${KILL_RUNS:-60}
}

# killed RUNS OPTIONS - and most kills must come in the middle of the work.
killed()
{
	run /usr/bin/python3 "$TOP/tests/programs/killcheck.py" "$@"
	echo "$output"
	assert_status 0
	assert_matches "$output" '^([0-9]+) counted, [0-9]+ early, 0 failed'
	assert_between "${BASH_REMATCH[1]}" $(($1 / 2)) "$1" "runs killed in mid-work"
}

@test "a program that ends by itself leaves every count exact" {
	run -0 /usr/bin/python3 "$TOP/tests/programs/killcheck.py" 0 ""
	assert_matches "$output" '^1 counted'
	run -0 /usr/bin/python3 "$TOP/tests/programs/killcheck.py" 0 "hold=exact:max-size=8M"
}

@test "a program killed at a random moment leaves a recording that opens, and no acquisition is lost or invented" {
	killed $((runs / 2)) ""
}

@test "the same with small tables, whose counts are always on their way elsewhere" {
	killed $((runs / 4)) "max-size=6M"
}

@test "the same when every hold is timed" {
	killed $((runs / 4)) "hold=exact:events=64K"
}
