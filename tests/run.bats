#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# run.bats - the test runner itself: that it counts right, and that no kind of failure slips through as a success.

load helpers

setup()
{
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/tests/unit" "$tree/build/tests/unit"
	cp "$TOP/tests/run" "$tree/tests/run"
}

# unit NAME SCRIPT - a unit test that is a shell script.
unit()
{
	: >"$tree/tests/unit/$1.c"
	printf '#!/bin/sh\n%s\n' "$2" >"$tree/build/tests/unit/$1"
	chmod +x "$tree/build/tests/unit/$1"
}

runner()
{
	run "$tree/tests/run" "$tree/build" "$@"
}

@test "the runner adds up what passed, failed and was skipped, and ends with the totals" {
	unit test_a 'echo "ok 1 - a"; echo "ok 2 # SKIP no moon"; echo "1..2"'
	unit test_b 'echo "1..2"; echo "ok 1 - b"; echo "not ok 2 - c"; echo "# words about c"; exit 1'
	runner
	assert_status 1
	assert_equal "${lines[-1]}" "2 passed, 1 failed, 1 skipped"
	assert_contains "$output" "words about c"
	assert_matches "$output" '1 no moon'
}

@test "the runner succeeds only when nothing failed" {
	unit test_a 'echo "ok 1 - a"; echo "1..1"'
	runner
	assert_status 0
	assert_equal "${lines[-1]}" "1 passed, 0 failed, 0 skipped"
}

@test "a test that dies, stops early, says nothing, or ends badly is a failure" {
	unit test_dies 'echo "1..2"; echo "ok 1 - a"; kill -SEGV $$'
	unit test_early 'echo "1..2"; echo "ok 1 - a"'
	unit test_silent 'true'
	unit test_status 'echo "ok 1 - a"; echo "1..1"; exit 3'
	runner
	assert_status 1
	assert_equal "${lines[-1]}" "3 passed, 4 failed, 0 skipped"
	assert_contains "$output" "test_early: planned 2 checks, ran 1"
	assert_contains "$output" "test_silent: no plan: it did not run to its end"
	assert_contains "$output" "test_status: ended with status 3"
}

@test "a test that hangs is ended and counted as a failure" {
	unit test_hangs 'echo "ok 1 - a"; exec tail -f /dev/null'
	UNIT_TIMEOUT=0.5 runner
	assert_status 1
	assert_equal "${lines[-1]}" "1 passed, 1 failed, 0 skipped"
	assert_contains "$output" "ended after its time limit"
}

# meets FILE - TAP of a program that must meet another one at a pipe: 0 when it did.
meets()
{
	printf 'timeout %s sh -c ": %s %s" && echo "ok 1 - met" || echo "not ok 1 - met nobody"; echo "1..1"' "$2" "$1" "$BATS_TEST_TMPDIR/pipe"
}

@test "TEST_JOBS files run at once, and those that want it alone" {
	mkfifo "$BATS_TEST_TMPDIR/pipe"
	unit test_a "$(meets '<' 60)"
	unit test_b "$(meets '>' 60)"
	TEST_JOBS=2 runner
	assert_status 0
	assert_equal "${lines[-1]}" "2 passed, 0 failed, 0 skipped"
	unit test_a "$(meets '<' 0.3)"
	unit test_b "$(meets '>' 0.3)"
	TEST_JOBS=1 runner
	assert_equal "${lines[-1]}" "0 passed, 2 failed, 0 skipped"
	rm "$tree"/tests/unit/*
	local name
	for name in read write; do
		printf '# ALONE: it is shy\n@test "it meets nobody" {\n! timeout 0.3 sh -c ": %s %s"\n}\n' \
			"$([ $name = read ] && echo '<' || echo '>')" "$BATS_TEST_TMPDIR/pipe" >"$tree/tests/$name.bats"
	done
	TEST_JOBS=2 runner
	assert_status 0
	assert_equal "${lines[-1]}" "2 passed, 0 failed, 0 skipped"
}

@test "single tests can be named, and a name that fits none is a failure" {
	unit test_a 'echo "ok 1 - a"; echo "1..1"'
	unit test_b 'echo "not ok 1 - b"; echo "1..1"; exit 1'
	runner test_a
	assert_status 0
	assert_equal "${lines[-1]}" "1 passed, 0 failed, 0 skipped"
	runner test_none
	assert_status 1
}

@test "programs left over from a test that was removed do not run" {
	unit test_a 'echo "ok 1 - a"; echo "1..1"'
	unit test_old 'echo "not ok 1 - old"; echo "1..1"; exit 1'
	rm "$tree/tests/unit/test_old.c"
	runner
	assert_status 0
}

@test "installing what is there says nothing" {
	require dpkg-query
	mkdir -p "$tree/.ci"
	cp "$TOP/tests/setup" "$tree/tests/setup"
	printf 'some: bash coreutils|no-such-package\n' >"$tree/.ci/packages"
	run "$tree/tests/setup" some
	assert_status 0
	assert_equal "$output" ""
}

@test "without root, what is missing is named and nothing is installed" {
	require dpkg-query setpriv
	require_root
	mkdir -p "$tree/.ci"
	cp "$TOP/tests/setup" "$tree/tests/setup"
	chmod -R a+rX "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	printf 'some: bash no-such-package|other\n' >"$tree/.ci/packages"
	run setpriv --reuid=65534 --clear-groups "$tree/tests/setup" some
	assert_status 0
	assert_contains "$output" "missing and not installed (needs root and apt-get): no-such-package"
}

@test "a kept recording holds the status that the program returned, and the report names the file where it is now" {
	local report=$BATS_TEST_TMPDIR/report.json file=$BATS_TEST_TMPDIR/kept.ttrec
	run threadcheck --quiet -o "$file" --report "json=$report" -- "$MKTHREADS" exit-kinds kind=9
	assert_json "$report" '.processes[-1].recording == $file' --arg file "$file"
	run -0 threadreport --json "$file"
	printf '%s' "$output" >"$BATS_TEST_TMPDIR/again.json"
	assert_json "$BATS_TEST_TMPDIR/again.json" '.processes[0].exit == {kind: "exited", status: 5}'
	# Of one that is not kept there is no file to name.
	run threadcheck --quiet --report "json=$report" -- "$MKTHREADS" exit-kinds kind=9
	assert_json "$report" '.processes[-1].recording == null'
	validate_json "$report" report-1.json
}
