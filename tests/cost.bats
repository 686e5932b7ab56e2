#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# cost.bats - what an event costs, in figures that are the same on a busy machine: instructions and system calls. Times are
# `make bench`. A bound is the figure measured on the reference system with a tenth more.

load helpers

setup()
{
	MICRO=$BATS_TEST_TMPDIR/micro
	built "$SHIM"
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O2 -pthread -o "$MICRO" "$TOP/tests/bench/micro.c"
}

counted()
{
	/usr/bin/python3 "$TOP/tests/bench/counts.py" "$@"
}

on_one_processor()
{
	taskset -c "$(awk '/^Cpus_allowed_list/ { sub(/[-,].*/, "", $2); print $2 }' /proc/self/status)" \
		/usr/bin/python3 "$TOP/tests/bench/counts.py" "$@"
}

# at_most CASE N - the shim adds at most N instructions to one operation.
at_most()
{
	local native shim
	require valgrind
	native=$(counted instructions "$MICRO" "$1")
	shim=$(counted instructions "$MICRO" "$1" "$SHIM")
	assert_between "$shim" "$native" "$(awk -v n="$native" -v most="$2" 'BEGIN { print n + most }')" \
		"instructions of '$1' (natively $native)"
}

@test "an uncontended mutex pair costs at most 30 instructions more" {
	at_most mutex 30
}

@test "three nested mutexes cost at most 110 instructions more" {
	at_most nested3 110
}

@test "two mutexes released out of order cost at most 220 instructions more" {
	at_most hand-over-hand 220
}

@test "a read pair of a rwlock costs at most 28 instructions more" {
	at_most rwlock-read 28
}

@test "a semaphore's wait and post cost at most 48 instructions more" {
	at_most sem 48
}

@test "a try of a semaphore that is taken costs at most 22 instructions more" {
	at_most sem-taken 22
}

@test "eight semaphores among 32, taken, tried in vain and posted, cost at most 107 instructions more each" {
	at_most sem-some 107
}

@test "a free costs at most 17 instructions more" {
	at_most malloc-free 17
}

@test "a free costs no more when there are 10,000 locks on the heap" {
	at_most malloc-free-locks 17
}

@test "a write costs at most 11 instructions more when the thread holds nothing, and 415 when it holds a lock" {
	at_most write 11
	at_most write-held 415
}

@test "a signal that nobody waits for costs at most 61 instructions more, a turn of two threads through conditions 1,014" {
	at_most cond-signal 61
	at_most cond-pingpong 1014
}

@test "a mutex that is just being recorded is tried 20 times before the thread sleeps; got by that, it was not contended" {
	[ "$(uname -m)" = x86_64 ] || skip "needs the trap flag of x86-64"
	built "$PROGRAMS/lock_steps"
	run -0 env LD_PRELOAD="$SHIM" THREADCHECK_OPTIONS="output=$BATS_TEST_TMPDIR/" "$PROGRAMS/lock_steps"
	assert_equal "$output" "$(printf '%s\n' 'way: 0, 3 turns, 0 sleeps' 'stays: 0, 20 turns, 1 sleeps' 'held: 0, 0 turns, 1 sleeps')"
	threadreport --json --fail-on never "$BATS_TEST_TMPDIR"/*.ttrec >"$BATS_TEST_TMPDIR/report.json"
	assert_json "$BATS_TEST_TMPDIR/report.json" '
		[.locks[] | select(.kind == "mutex") | {(.name | ltrimstr("mutex ")): [.acquisitions, .contended]}] | add |
		.way == [2, 0] and .stays == [1, 1] and .held == [2, 1]'
	# Its order is known as ever.
	assert_json "$BATS_TEST_TMPDIR/report.json" '[.findings[] | select(.rule == "lock-order-cycle")] | length == 1'
}

@test "an event in the steady state makes no system call" {
	require strace
	local case
	for case in mutex nested3 random1000 rwlock-read rwlock-write sem sem-units spin trylock recursive c11 hand-over-hand \
		cond-signal malloc-free malloc-free-near; do
		# Of 100,000 operations; a few may find that the next 128 KiB of the recording are needed.
		assert_between "$(counted syscalls "$MICRO" "$case" "$SHIM")" -3 3 "system calls of '$case'"
	done
}

@test "a contended lock and a condition make only the system calls that they make without the shim" {
	require strace
	local native shim
	# One processor: then it is the program's order, not luck, that decides who waits.
	native=$(on_one_processor syscalls "$MICRO" cond-pingpong)
	shim=$(on_one_processor syscalls "$MICRO" cond-pingpong "$SHIM")
	# Who is preempted where differs between runs by some per cent; one call more per turn would be half as many again.
	assert_between "$shim" $((${native%.*} * 80 / 100)) $((${native%.*} * 120 / 100)) "system calls (natively $native)"
}

@test "a thread costs one system call more: its CPU clock at its end" {
	require strace
	local native shim
	native=$(counted syscalls/10 "$MICRO" create-join)
	shim=$(counted syscalls/10 "$MICRO" create-join "$SHIM")
	# Of 10,000 threads; the join's futex call depends on who is first.
	assert_between "$shim" $((${native%.*} + 9000)) $((${native%.*} + 11000)) "system calls (natively $native)"
}

@test "bench says how well it knows a median: the interval of order statistics, from tables of the binomial distribution" {
	# Of 11 values the 2nd and the 10th, of 25 the 8th and the 18th (sign test, two-sided 5 %); of 5 it knows nothing.
	run -0 /usr/bin/python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1])
from programs import known
print(known(range(1, 12)), known(range(25, 0, -1)), known([1] * 5))' "$TOP/tests/bench"
	assert_equal "$output" "(2, 10) (8, 18) (-inf, inf)"
}

@test "the benchmark of stacks builds, and its walks find as many frames as they are to" {
	local sources
	# As its own words say what it needs.
	read -ra sources <<<"$(sed -n 's,^/\* LINK: \(.*\) \*/$,\1,p' "$TOP/tests/bench/bench_stack.c" | tr '\n' ' ')"
	(cd "$TOP" && "${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -I. -fasynchronous-unwind-tables -pthread \
		-o "$BATS_TEST_TMPDIR/bench_stack" tests/bench/bench_stack.c "${sources[@]}")
	run -0 "$BATS_TEST_TMPDIR/bench_stack"
	assert_equal "$(awk '$2 == "threadtools," && $3 == "warm" { print $1 ":" $4 }' <<<"$output" | paste -sd' ')" "8:8 20:20 64:64"
}
