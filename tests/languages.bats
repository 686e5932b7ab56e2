#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Programs of several languages and runtimes behave the same with the shim, and what is recorded of them is true. Each program
# prints the same on every run.

load helpers

setup()
{
	built "$SHIM" "$BIN/threadreport"
	rec=$BATS_TEST_TMPDIR/rec report=$BATS_TEST_TMPDIR/report.json
	mkdir -p "$rec"
}

# in_empty_dir NAME COMMAND... - output, error and status go to NAME.out, the files that it left behind to NAME.files.
in_empty_dir()
{
	local name=$BATS_TEST_TMPDIR/$1 status=0
	shift
	mkdir "$name.dir"
	(cd "$name.dir" && TMPDIR=$name.dir timeout -k 5 120 "$@") >"$name.out" 2>&1 </dev/null 3>&- || status=$?
	echo "status: $status" >>"$name.out"
	(cd "$name.dir" && find . | sort) >"$name.files"
}

# same WANT COMMAND... - the same output, status (WANT) and files with the shim as without; the report is left in $report.
same()
{
	local want=$1
	shift
	in_empty_dir native "$@"
	assert_equal "$(tail -1 "$BATS_TEST_TMPDIR/native.out")" "status: $want" "without the shim"
	in_empty_dir shim env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$rec/" "$@"
	diff -U1 "$BATS_TEST_TMPDIR/native.out" "$BATS_TEST_TMPDIR/shim.out" || fail "differs under the shim: $*"
	diff "$BATS_TEST_TMPDIR/native.files" "$BATS_TEST_TMPDIR/shim.files" || fail "left other files under the shim: $*"
	# Not all of a runtime's thousands of locks: python takes seconds to validate them.
	"$BIN/threadreport" --json --top=300 "$rec" >"$report" || [ $? -eq 1 ]
	validate_json "$report" report-1.json
}

# created LOW HIGH - threads that the program's main process created.
created()
{
	assert_between "$(json "$report" '[.processes[] | .threads_created] | max')" "$1" "$2" "threads created"
}

@test "a C++20 program: mutexes, shared and recursive ones, conditions, semaphores, barriers, futures" {
	built "$PROGRAMS/stdlocks"
	same 0 "$PROGRAMS/stdlocks"
	created 35 35
	assert_json "$report" '.locks | any(.kind == "rwlock" and .exclusive == 1000 and .shared == 15000)'
	assert_json "$report" '.locks | any(.type == "recursive" and .acquisitions == 4000)'
}

@test "a Rust program: its futexes are seen, its threads have their names" {
	require_file "$PROGRAMS/rustlocks"
	same 0 "$PROGRAMS/rustlocks"
	created 17 17
	assert_json "$report" '[.waits[] | select(.kind == "futex")] | length > 0'
	assert_json "$report" '[.waits[] | select(.kind == "futex") | .waiter_stack[]?.function | select(. != null and contains("holds_long"))] | length > 0'
}

@test "a Python program: its locks are semaphores, and are shown as locks with their holders" {
	same 3 /usr/bin/python3 "$TOP/tests/programs/pylocks.py"
	created 11 14
	assert_json "$report" '.locks | any(.kind == "sem" and .use == "lock" and .contended >= 4)'
	assert_json "$report" '[.waits[] | select(.kind == "sem" and .holder_site != null) | .count] | add >= 4'
}

@test "a Node program that keeps the thread pool busy with files and keys" {
	require node
	same 4 node "$TOP/tests/programs/nodepool.js"
	created 8 12
	assert_json "$report" '.event_loops | length >= 1'
	assert_json "$report" '.pools | any(.created == 4)'
}

@test "a Node program with worker threads" {
	require node
	same 0 node "$TOP/tests/programs/nodeworkers.js"
	created 9 60
}

@test "a Java program with contended monitors, locks and pools" {
	require javac java
	javac -d "$BATS_TEST_TMPDIR/classes" "$TOP/tests/programs/JavaLocks.java"
	same 6 java -Xmx128m -cp "$BATS_TEST_TMPDIR/classes" JavaLocks
	created 20 300
	assert_json "$report" '[.processes[] | select(.threads_created > 0) | .exit.kind] == ["exited"]'
}
