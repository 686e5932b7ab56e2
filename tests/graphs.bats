#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# graphs.bats - graphs to look at: DOT, folded stacks, the timeline, the HTML page. Each is read back by what will open it.

load helpers

setup()
{
	built "$BIN/threadreport" "$SHIM" "$MKTHREADS"
	REC=$BATS_TEST_TMPDIR/rec
	TRUTH=$BATS_TEST_TMPDIR/truth.json
	OUT=$BATS_TEST_TMPDIR/out
}

teardown()
{
	kill_bg
}

# written FORMAT [OPTION...] - that report of the recordings into $OUT.
written()
{
	"$BIN/threadreport" --fail-on never --report "$1=$OUT" "${@:2}" "$REC"
}

# hung SCENARIO - the recording of a program that is stuck, taken once all its threads wait.
hung()
{
	mkdir -p "$REC"
	LD_PRELOAD=$SHIM THREADCHECK_OPTIONS="output=$REC/" bg "$MKTHREADS" "$@" >"$TRUTH"
	poll_until 20 test -s "$TRUTH"
	poll_until 20 stuck
	kill -KILL "$bg_pid"
	poll_until 10 gone "$bg_pid"
}
stuck()
{
	written dot-waits 2>/dev/null && [ "$(grep -c 'held by' "$OUT")" -ge 2 ] &&
		[ "$(grep -c 'shape=box' "$OUT")" -eq "$(grep -c 'held by' "$OUT")" ]
}

# ------------------------------------------------------------------ DOT

@test "the order of locks is a graph that Graphviz draws, with both places on each arrow" {
	recorded lock-order-inversion
	written dot
	assert_equal "$(grep -c ' -> ' "$OUT")" 2 "arrows"
	assert_equal "$(grep -c 'shape=box' "$OUT")" 2 "locks"
	assert_equal "$(grep -c 'held in takes_first .*wanted in takes_second ' "$OUT")" 2 "places"
	require dot
	run dot -Tsvg "$OUT"
	assert_status 0
	assert_contains "$output" "<svg"
}

@test "the graph of waits of a hung program leads from each thread to the lock and on to its holder" {
	hung deadlock-3
	written dot-waits
	local thread lock next start seen=0
	start=$(sed -nE 's/^ *(n[0-9]+) -> n[0-9]+ \[label="lock\\n.*/\1/p' "$OUT" | head -1)
	thread=$start
	# Around the ring of three, back to where it began.
	while :; do
		lock=$(sed -nE "s/^ *$thread -> (n[0-9]+) \\[label=\"lock.*/\\1/p" "$OUT")
		next=$(sed -nE "s/^ *$lock -> (n[0-9]+) \\[label=\"held by.*/\\1/p" "$OUT")
		[ -n "$next" ] || fail "no holder behind $thread" "$(cat "$OUT")"
		seen=$((seen + 1))
		thread=$next
		[ "$thread" != "$start" ] && [ $seen -lt 10 ] || break
	done
	assert_equal $seen 3 "steps of the ring"
	require dot
	run dot -Tsvg "$OUT"
	assert_status 0
}

@test "of a finished program the graph of waits says who had to wait for whom, and how long" {
	recorded contended-mutex waiters=3
	written dot-waits
	assert_equal "$(grep -c ' -> ' "$OUT")" 3 "arrows"
	assert_equal "$(sed -nE 's/^ *n[0-9]+ -> (n[0-9]+) .*/\1/p' "$OUT" | sort -u | wc -l)" 1 "holders"
	assert_contains "$(cat "$OUT")" 'mutex the_mutex\n'
	assert_contains "$(cat "$OUT")" 'in 20 waits'
}

@test "a graph that is cut says so" {
	hung deadlock-3
	written dot --top 2
	assert_contains "$(cat "$OUT")" 'the first 2 of '
	assert_equal "$(grep -c ' -> ' "$OUT")" 2 "arrows"
}

@test "a program without locks under locks has an empty graph that Graphviz accepts" {
	recorded contended-mutex
	written dot
	assert_contains "$(cat "$OUT")" 'nothing to show'
	require dot
	run dot -Tsvg "$OUT"
	assert_status 0
}

# ------------------------------------------------------------------ folded stacks

@test "folded stacks hold the time of all waits, by waiter and by holder" {
	require jq
	recorded contended-mutex waiters=2
	report --fail-on never
	local lost
	lost=$(json "$BATS_TEST_TMPDIR/report.json" '.locks[0].wait_ns.total')
	written folded
	assert_matches "$(cat "$OUT")" '^mkthreads;.*;mutex_waiter;\[mutex_the_mutex\] [0-9]+$'
	assert_equal "$(awk '{ sum += $NF } END { printf "%d", sum }' "$OUT")" "$lost" "time by waiter"
	written folded-holder
	assert_matches "$(cat "$OUT")" '^mkthreads;main;.*;\[mutex_the_mutex\] [0-9]+$'
	assert_equal "$(awk '{ sum += $NF } END { printf "%d", sum }' "$OUT")" "$lost" "time by holder"
}

# ------------------------------------------------------------------ timeline

# timeline - the recordings as a timeline in $OUT: valid, ordered by time, its slices nested, its arrows paired and within slices.
# Prints "waits holds joins arrows instants tracks".
timeline()
{
	written timeline
	validate_json "$OUT" timeline-1.json
	/usr/bin/python3 - "$OUT" <<-'PY'
		import decimal, json, sys
		document = json.load(open(sys.argv[1], encoding="utf-8"), parse_float=decimal.Decimal)
		events = [e for e in document["traceEvents"] if e["ph"] != "M"]
		named = {(e["pid"], e["tid"]) for e in document["traceEvents"] if e["name"] == "thread_name"}
		last, stacks, arrows = 0, {}, {}
		for e in events:
		    track = e["pid"], e["tid"]
		    assert track in named, "no name of %s" % (track,)
		    assert e["ts"] >= last, "not ordered: %s" % e
		    last = e["ts"]
		    stack = stacks.setdefault(track, [])
		    while stack and stack[-1] <= e["ts"]:
		        stack.pop()
		    if e["ph"] == "X":
		        end = e["ts"] + e["dur"]
		        assert not stack or end <= stack[-1], "not nested: %s" % e
		        stack.append(end)
		    elif e["ph"] in "sf":
		        assert stack, "an arrow's end is in no slice: %s" % e
		        arrows.setdefault(e["id"], []).append(e)
		for ends in arrows.values():
		    assert [e["ph"] for e in ends] == ["s", "f"], "not a pair: %s" % ends
		    assert ends[0]["tid"] != ends[1]["tid"], "from a thread to itself: %s" % ends
		assert len(arrows) == document["otherData"]["arrows"]
		count = lambda c: sum(e.get("cat") == c for e in events)
		print(count("wait"), count("hold"), count("join"), len(arrows), sum(e["ph"] == "i" for e in events), len(stacks))
	PY
}

@test "the timeline has each wait as a slice on its thread's track, with an arrow from the holder" {
	recorded contended-mutex waiters=3 rounds=8
	local waits holds joins arrows instants tracks
	read -r waits holds joins arrows instants tracks < <(timeline)
	assert_equal "$waits" 24 "waits"
	assert_equal "$arrows" 24 "arrows"
	assert_equal "$holds" 8 "holds of 5 ms"
	assert_equal "$joins" 3 "joins"
	assert_equal "$tracks" 4 "tracks"
	assert_between "$instants" 9 9 "create, start, end of each thread"
	require jq
	assert_json "$OUT" '[.traceEvents[] | select(.cat == "wait")][0].args | .lock == "mutex the_mutex" and .operation == "lock"
		and (.site | startswith("mutex_waiter ")) and (.holder | startswith("mkthreads ("))'
	# From the one who held to those who waited.
	assert_json "$OUT" '([.traceEvents[] | select(.ph == "s") | .tid] | unique | length) == 1'
	assert_json "$OUT" '([.traceEvents[] | select(.ph == "f") | .tid] | unique | length) == 3'
}

@test "waits that had not ended when the program was killed are on the timeline" {
	hung deadlock-ab-ba
	timeline >/dev/null
	require jq
	assert_json "$OUT" '[.traceEvents[] | select(.args.ended == false and (.args.lock // "" | startswith("mutex ")))] | length == 2'
}

@test "the timelines of many kinds of programs are valid, ordered and nested" {
	local scenario
	for scenario in event-loop-stall many-locks rwlock-readers-wait-writer std-shared-mutex cond-pingpong fork-child \
		thread-names recursive threads-short; do
		rm -rf "$REC"
		recorded "$scenario"
		timeline >/dev/null || fail "$scenario"
	done
}

@test "times on the timeline keep their nanoseconds" {
	recorded contended-mutex
	written timeline
	run grep -cE '"ts":[0-9]+\.[0-9]{3},' "$OUT"
	assert_status 0
}
