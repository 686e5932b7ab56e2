#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# A program with the shim behaves as without it: the programs of tests/transparency print what every call returned, and must
# print the same, and end the same, with the shim; also beside other preloaded libraries.

load helpers

setup()
{
	built "$SHIM"
}

# run_one NAME OUTPUT PRELOAD - standard output and error of one run go to OUTPUT, then its status.
run_one()
{
	local status=0
	env LD_PRELOAD="$3" THREADCHECK_OPTIONS="output=$BATS_TEST_TMPDIR/rec/" timeout -k 5 120 "$TRANSPARENCY/$1" \
		>"$2" 2>&1 </dev/null 3>&- 4>&- || status=$?
	echo "status: $status" >>"$2"
}

# library NAME - path of an installed library that programs preload, or nothing.
library()
{
	ldconfig -p | awk -v name="$1" '$1 == name { print $NF; exit }'
}

# differences NAME WITHOUT WITH - empty when the program behaves the same with preload list WITH as with WITHOUT.
differences()
{
	local dir=$BATS_TEST_TMPDIR
	rm -rf "$dir/rec"
	mkdir "$dir/rec"
	run_one "$1" "$dir/native" "$2"
	grep -q '^checks: \|; checks: ' "$dir/native" || fail "$1 did not finish without the shim:" "$(tail -5 "$dir/native")" || return
	run_one "$1" "$dir/shim" "$3"
	compgen -G "$dir/rec/*.ttrec" >/dev/null || fail "the shim left no recording of $1" || return
	diff -U2 "$dir/native" "$dir/shim"
}

# same NAME - alone, and on both sides of the allocators that are installed.
same()
{
	local other path
	built "$TRANSPARENCY/$1"
	differences "$1" "" "$SHIM" || fail "$1 differs under the shim"
	for other in libjemalloc.so.2 libtcmalloc_minimal.so.4; do
		path=$(library $other)
		[ -n "$path" ] || continue
		differences "$1" "$path" "$SHIM:$path" || fail "$1 differs under the shim before $other"
		differences "$1" "$path" "$path:$SHIM" || fail "$1 differs under the shim behind $other"
	done
}

@test "every mutex call returns what it returns without the shim, for every type" {
	same mutex
}

@test "sleeps, input and output, and waits for children return, are interrupted and cancelled as without the shim, with and without a lock held" {
	same io
}

@test "robust mutexes of dead owners are taken over, made consistent or given up as without the shim" {
	same robust
}

@test "every read-write lock call returns what it returns without the shim, and readers and writers keep their order" {
	same rwlock
}

@test "condition variables keep their clocks, wake whom they should, and work between processes" {
	same cond
}

@test "semaphores count, name, time out, are interrupted, and are posted from signal handlers as without the shim" {
	same sem
}

@test "barriers, spinlocks and once behave as without the shim" {
	same sync
}

@test "C11 threads, mutexes and conditions return their own codes" {
	same c11
}

@test "threads get their own arguments, stacks, names and signal masks, and fail to start as without the shim" {
	same threads
}

@test "every cancellation point stays one, nothing else becomes one, and handlers find the mutex held" {
	same cancel
}

@test "C++ exceptions, pthread_exit, cancellation and longjmp unwind through hooked calls" {
	same unwind
}

@test "no lock is touched once it is unlocked" {
	same afterunlock
}

@test "threads with the smallest stack can do everything" {
	same minstack
}

@test "a program counts the same descriptors, threads, signal handlers, keys and environment" {
	same resources
}

@test "no lock call allocates memory, so an allocator may lock" {
	same mallochook
}

@test "locks work before all constructors and after main, with the shim's own beginning and end in between" {
	same early
}

@test "children of fork, vfork, clone and spawn work, whatever the parent's threads did" {
	same forks
}

@test "system calls, event loops, sleeps, memory and modules give their results and errno" {
	same calls
}

@test "the names that only older programs call behave as without the shim" {
	same compat
}

@test "a stack is captured without any lock of the loader" {
	built "$PROGRAMS/dlopen_deadlock" "$PROGRAMS/dlopen_ctor.so"
	run -0 timeout -k 5 "${TT_HANG_SECONDS:-60}" "$PROGRAMS/dlopen_deadlock"
	local native=$output
	run -0 preloaded "$BATS_TEST_TMPDIR/rec" timeout -k 5 "${TT_HANG_SECONDS:-60}" "$PROGRAMS/dlopen_deadlock"
	assert_equal "$output" "$native"
}

@test "the transparency programs make at least 1500 checks, and each has its test here" {
	local source name total=0 n
	for source in "$TOP"/tests/transparency/*.c "$TOP"/tests/transparency/*.cc; do
		name=${source##*/}
		name=${name%.*}
		grep -q "^	same $name\$" "$BATS_TEST_FILENAME" || fail "no test runs $name"
		run_one "$name" "$BATS_TEST_TMPDIR/out" ""
		n=$(sed -n 's/.*checks: =//p' "$BATS_TEST_TMPDIR/out")
		total=$((total + n))
	done
	assert_between $total 1500 100000 "number of checks"
}
