#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# report.bats - threadreport on recordings of programs whose truth is known: what it says, where it finds recordings, its status.

load helpers

setup()
{
	built "$BIN/threadreport" "$SHIM" "$MKTHREADS"
	require jq
	REC=$BATS_TEST_TMPDIR/rec
	R=$BATS_TEST_TMPDIR/report.json
	TRUTH=$BATS_TEST_TMPDIR/truth.json
}

teardown()
{
	kill_bg
}

# json_report [OPTION...] - the report as JSON in $R, whatever its status; checked against the schema.
json_report()
{
	report --fail-on never "$@"
	validate_json "$R" report-1.json
}

# finding RULE FILTER - of the first finding of that rule.
finding()
{
	json "$R" "[.findings[] | select(.rule == \"$1\")][0] | $2"
}

# text [OPTION...] - the report as text in $output.
text()
{
	run --separate-stderr "$BIN/threadreport" --fail-on never "$@" "$REC"
	assert_status 0
}

# ------------------------------------------------------------------ what it says

@test "a contended mutex is reported with its waiter, its holder and the time lost" {
	recorded contended-mutex
	json_report
	local wait want
	assert_equal "$(json "$R" '.locks[0].contended')" "$(json "$TRUTH" '.locks[0].contended')" "contended"
	assert_equal "$(json "$R" '.locks[0].acquisitions')" "$(json "$TRUTH" '.locks[0].acquisitions')" "acquisitions"
	wait=$(json "$R" '.locks[0].wait_ns.total')
	want=$(json "$TRUTH" '.locks[0].wait_ns')
	assert_between "$wait" "$(awk -v w="$want" 'BEGIN { print w * 0.98 - 1e6 }')" "$(awk -v w="$want" 'BEGIN { print w * 1.02 + 1e6 }')" "wait"
	assert_equal "$(json "$R" '.waits[0].waiter_site.function')" "$(json "$TRUTH" '.locks[0].pairs[0].waiter')" "waiter"
	assert_equal "$(json "$R" '.waits[0].holder_site.function')" "$(json "$TRUTH" '.locks[0].pairs[0].holder')" "holder"
	assert_equal "$(finding lock-contention .level)" warning
	assert_matches "$(finding lock-contention .title)" "^Threads lost .* of wall time\) waiting for mutex "
}

@test "a lock held long while others wait is a finding, and says who held it" {
	recorded long-hold
	json_report
	assert_equal "$(finding lock-long-hold .confidence)" proven
	assert_matches "$(finding lock-long-hold .title)" "^[a-z_]*holder.* held mutex .* for [0-9.]+ ms while others waited"
	assert_between "$(finding lock-long-hold .evidence.figures.hold_max_ns)" 300000000 900000000 "hold"
}

@test "a thread that waits far longer than its peers is a finding" {
	recorded starvation
	json_report
	assert_matches "$(finding lock-starvation .title)" "waited .* for mutex the_mutex; its peers "
	assert_equal "$(finding lock-starvation .evidence.figures.peers)" 1
}

@test "threads that ended and were never joined are an error, with the place that created them" {
	recorded leaked-thread
	json_report
	assert_equal "$(finding thread-leak-unjoined .level)" error
	assert_equal "$(finding thread-leak-unjoined '.evidence.figures.unjoined')" \
		"$(json "$TRUTH" '.created - .joined - .detached')" "unjoined"
	assert_json "$R" '[.findings[] | select(.rule == "thread-leak-unjoined")][0].stacks[0].frames | map(.function) | index("main") != null'
}

@test "threads that run when the program exits are a warning" {
	recorded leaked-running
	json_report
	assert_equal "$(finding thread-leak-running .level)" warning
	assert_json "$R" '.findings | map(.level) | index("error") == null'
}

@test "threads that only accumulate are a warning" {
	recorded leak-growth steps=60 step_us=8000
	json_report --threshold growth-live=4 --threshold growth-time=1ms
	assert_equal "$(finding thread-leak-growth .level)" warning
}

@test "a program whose threads all end and are joined has no finding about threads" {
	recorded threads-short
	json_report
	assert_json "$R" '[.findings[] | select(.rule | startswith("thread-"))] == []'
}

@test "an event loop that did not come back in time is a warning" {
	recorded event-loop-stall
	json_report
	assert_equal "$(finding event-loop-blocked .level)" warning
	assert_equal "$(finding event-loop-blocked .evidence.figures.stalls)" "$(json "$TRUTH" .facts.stalls)" "stalls"
	assert_equal "$(finding event-loop-blocked '.stacks[0].frames[0].function')" "$(json "$TRUTH" .facts.waits_in)" "place"
}

@test "locks made of raw futexes are noted: their holders cannot be seen" {
	recorded futex-raw
	json_report
	assert_equal "$(finding invisible-locking .level)" note
}

@test "a semaphore used as a lock is ranked as one, one that signals is not" {
	recorded sem-as-lock
	json_report
	assert_equal "$(json "$R" '.locks[0].kind + " " + .locks[0].use')" "sem lock"
	rm -r "$REC"
	recorded sem-producer-consumer
	json_report
	assert_json "$R" '[.locks[] | select(.kind == "sem" and .use == "lock")] == []'
}

@test "waiting in a condition is waiting for work, no time lost" {
	recorded cond-pingpong
	json_report
	assert_json "$R" '.summary.lock_wait_pct < 50 and ([.locks[] | select(.kind == "cond")][0].wait_ns.count > 0)'
}

@test "the place shown for std::mutex is the function that locks, with the library's frames below it marked inlined" {
	recorded std-mutex
	text --section summary
	refute_contains "$output" "std::mutex::lock"
	refute_contains "$output" "__gthread"
	assert_contains "$output" "$(json "$TRUTH" '.locks[0].pairs[0].waiter')"
}

@test "the first screen says what ran, the verdict and the worst lock" {
	recorded contended-mutex
	text --section summary
	assert_matches "${lines[0]}" "^mkthreads \(pid [0-9]+\): .*exited"
	assert_contains "$output" "threads lost"
	assert_contains "$output" "mutex the_mutex"
}

@test "stacks are printed innermost first, with file, line and module" {
	recorded contended-mutex
	text --section contention
	assert_matches "$output" "#0  [a-z_]+ +[^ ]*mutex\.c:[0-9]+ +\(mkthreads\)"
	assert_contains "$output" "the holder took it here:"
	refute_contains "$output" "libthreadcheck"
}

# ------------------------------------------------------------------ options

@test "--source-root is cut from the paths of source files" {
	recorded contended-mutex
	json_report --source-root "$TOP/tests"
	assert_json "$R" '.waits[0].waiter_site.file | endswith("mkthreads/mutex.c") and (startswith("/") | not)'
}

@test "--wrapper makes the caller of a function its place" {
	recorded contended-mutex
	local waiter
	waiter=$(json "$TRUTH" '.locks[0].pairs[0].waiter')
	text --section summary
	assert_contains "$output" "  $waiter "
	text --section summary --wrapper "$waiter"
	refute_contains "$output" "  $waiter "
}

@test "--no-lines leaves out files and lines" {
	recorded contended-mutex
	json_report --no-lines
	assert_json "$R" '.waits[0].waiter_site | .function != null and .file == null and .line == null'
}

@test "--section takes only what it names, and refuses what does not exist" {
	recorded contended-mutex
	text --section gaps
	assert_contains "$output" "Not seen"
	refute_contains "$output" "Findings"
	run "$BIN/threadreport" --section nothing "$REC"
	assert_status 2
	assert_contains "$output" "'nothing' is not one of: summary, findings"
}

@test "--top limits the rows and says how many there are more" {
	recorded many-locks locks=40 rounds=500
	text --section locks --each --top 3
	assert_contains "$output" "... and 37 more (--top 0 shows all)"
	text --section locks --each --top 0
	refute_contains "$output" "more (--top"
}

@test "--lock, --thread and --site leave only what they name, in lists and findings" {
	recorded starvation
	json_report --lock no-such-lock
	assert_json "$R" '.locks == [] and .findings == []'
	json_report --lock the_mutex
	assert_json "$R" '(.locks | length) == 1 and (.findings | length) > 0'
	json_report --site starve_peer
	assert_json "$R" '(.waits | length) == 1 and .waits[0].waiter_site.function == "starve_peer"'
	json_report --thread no-such-thread
	assert_json "$R" '.threads == []'
}

@test "--threshold changes what is reported, and help lists the names" {
	recorded contended-mutex
	json_report
	assert_equal "$(finding lock-contention .rule)" lock-contention
	json_report --threshold contention-pct=1000
	assert_equal "$(finding lock-contention .rule)" null
	run "$BIN/threadreport" --threshold no-such=1
	assert_status 2
	assert_contains "$output" "no threshold is called 'no-such'"
	run "$BIN/threadreport" --threshold help
	assert_status 0
	assert_contains "$output" "contention-pct"
}

@test "--report writes several reports at once" {
	recorded contended-mutex
	run --separate-stderr "$BIN/threadreport" --fail-on never --report "json=$R" --report "text=$BATS_TEST_TMPDIR/r.txt" "$REC"
	assert_status 0
	assert_equal "$output" ""
	validate_json "$R" report-1.json
	assert_contains "$(<"$BATS_TEST_TMPDIR/r.txt")" "Who waits where for whom"
	run "$BIN/threadreport" --report yaml "$REC"
	assert_status 2
	assert_contains "$output" "no report format is called 'yaml'"
}

@test "the report fits the width that it is given" {
	recorded contended-mutex
	local width wide
	for width in 80 100 132; do
		wide=$(COLUMNS=$width "$BIN/threadreport" --fail-on never "$REC" | grep -E "^.{$((width + 1)),}" || true)
		assert_empty "$wide" "lines longer than $width"
	done
}

@test "colour is used when asked for, and never against NO_COLOR" {
	recorded contended-mutex
	text --color=always
	assert_contains "$output" $'\e['
	NO_COLOR=1 text
	refute_contains "$output" $'\e['
}

@test "without UTF-8 the report is ASCII" {
	recorded contended-mutex
	LC_ALL=C text
	assert_empty "$(LC_ALL=C grep -n -P '[^\x00-\x7f]' <<<"$output" || true)" "characters beyond ASCII"
}

@test "hostile thread names do no harm in text and JSON" {
	recorded thread-names
	text --section threads
	assert_empty "$(LC_ALL=C grep -n -P '[\x00-\x08\x0b-\x1f\x7f]' <<<"$output" || true)" "control characters"
	json_report
}

# ------------------------------------------------------------------ recordings

# Two threads in a deadlock; $bg_pid is their process. Returns when both are seen to wait.
hanging_program()
{
	mkdir -p "$REC"
	LD_PRELOAD=$SHIM THREADCHECK_OPTIONS=output=$REC/ bg "$MKTHREADS" deadlock-ab-ba >/dev/null
	poll_until 60 two_wait
}
two_wait()
{
	"$BIN/threadreport" --json --fail-on never "$bg_pid" 2>/dev/null |
		jq -e '[.threads[] | select(.waiting.op == "lock")] | length == 2' >/dev/null
}

@test "a directory is one report of all its recordings, merged by program" {
	recorded contended-mutex
	recorded contended-mutex
	json_report
	assert_json "$R" '(.processes | length) == 2 and (.processes | map(.program) | unique | length) == 1'
	assert_json "$R" '[.lock_classes[] | select(.name == "mutex the_mutex")] | length == 1 and .[0].locks == 2'
}

@test "a live process is reported by its number, also when its file was removed" {
	hanging_program
	rm -r "$REC"
	"$BIN/threadreport" --json --fail-on never "$bg_pid" >"$R"
	validate_json "$R" report-1.json
	assert_json "$R" '.processes[0].exit.kind == "running" and ([.threads[] | select(.waiting.op == "lock" and (.held | length) == 1)] | length == 2)'
}

@test "a killed program's recording is whole" {
	hanging_program
	kill -KILL "$bg_pid"
	poll_until 60 gone "$bg_pid"
	json_report
	assert_json "$R" '.processes[0].exit.kind == "killed" and ([.threads[] | select(.waiting.op == "lock")] | length == 2)'
}

@test "a process without the recorder is refused with words" {
	run "$BIN/threadreport" $$
	assert_status 2
	assert_matches "$output" "^threadreport: .*$$"
}

@test "what is no recording is refused with words, and the others are reported" {
	recorded contended-mutex
	echo "no recording" >"$BATS_TEST_TMPDIR/junk"
	run --separate-stderr "$BIN/threadreport" --section summary "$BATS_TEST_TMPDIR/junk" "$REC"
	assert_status 2
	assert_contains "$stderr" "cannot open '$BATS_TEST_TMPDIR/junk': "
	assert_contains "$output" "threads lost"
	run "$BIN/threadreport" "$BATS_TEST_TMPDIR/absent"
	assert_status 2
	assert_equal "$output" "threadreport: cannot open '$BATS_TEST_TMPDIR/absent': No such file or directory"
}

@test "a truncated recording gives a report that says it is partial" {
	recorded contended-mutex
	local file=("$REC"/*.ttrec)
	truncate -s 20000 "${file[0]}"
	json_report
	assert_json "$R" '.dropped.partial and (.dropped.problems | length) > 0'
	text
	assert_contains "$output" "damaged"
}

@test "--list shows the recordings, without an operand the newest is reported, --clean removes those that ended" {
	export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
	local folder=$XDG_RUNTIME_DIR/threadcheck
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	run "$BIN/threadreport" --folder "$XDG_RUNTIME_DIR"
	assert_status 2
	LD_PRELOAD=$SHIM "$MKTHREADS" threads-short >/dev/null
	LD_PRELOAD=$SHIM "$MKTHREADS" contended-mutex >"$TRUTH"
	run "$BIN/threadreport" --list
	assert_status 0
	assert_contains "$output" "/run/threadcheck/mkthreads.$(json "$TRUTH" .pid)."
	run "$BIN/threadreport" --list --folder "$folder"
	assert_status 0
	assert_equal "${#lines[@]}" 3 "lines"
	assert_matches "${lines[1]}" " $(json "$TRUTH" .pid)  exited .*mkthreads contended-"
	run --separate-stderr "$BIN/threadreport" --json --fail-on never --folder "$folder"
	assert_status 0
	assert_equal "$(jq -c '[.processes[].pid]' <<<"$output")" "[$(json "$TRUTH" .pid)]"
	run "$BIN/threadreport" --clean --folder "$folder"
	assert_status 0
	assert_matches "$output" "^2 recordings removed, "
	assert_empty "$(ls "$folder")" "what is left"
	run "$BIN/threadreport" --list file
	assert_status 2
}

# ------------------------------------------------------------------ status

@test "the exit status is 0 without a finding of the level asked for, 1 with one, 2 when it cannot work" {
	recorded leaked-thread
	run "$BIN/threadreport" "$REC"
	assert_status 1
	run "$BIN/threadreport" --fail-on never "$REC"
	assert_status 0
	rm -r "$REC"
	recorded contended-mutex
	run "$BIN/threadreport" "$REC"
	assert_status 0
	run "$BIN/threadreport" --fail-on warning "$REC"
	assert_status 1
	run "$BIN/threadreport" --json "$REC" "$BATS_TEST_TMPDIR/absent"
	assert_status 2
}

@test "a full disk is noticed" {
	recorded contended-mutex
	run bash -c "'$BIN/threadreport' --json '$REC' >/dev/full"
	assert_status 2
	assert_contains "$output" "No space left on device"
}

@test "a finding keeps its fingerprint from run to run" {
	local first
	recorded contended-mutex
	json_report
	first=$(finding lock-contention .fingerprint)
	rm -r "$REC"
	recorded contended-mutex rounds=30
	json_report
	assert_equal "$(finding lock-contention .fingerprint)" "$first" "fingerprint"
	assert_matches "$first" '^[0-9a-f]{16}$'
}

@test "errors are named on the first screen" {
	recorded lock-order-inversion
	text --section summary
	assert_contains "$output" "1 error; no thread had to wait for a lock"
	assert_contains "$output" "takes two locks of one kind"
}
