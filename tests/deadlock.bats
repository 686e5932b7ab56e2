#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# deadlock.bats - threads that can never go on: found while the program hangs and afterwards, and nothing else taken for it.
load helpers

setup()
{
	cd "$BATS_TEST_TMPDIR" || return
	R=$BATS_TEST_TMPDIR/report.json
	TRUTH=$BATS_TEST_TMPDIR/truth.json
}
teardown()
{
	kill_bg
}

deadlock='.findings[] | select(.rule == "deadlock")'

# hangs SCENARIO [NAME=VALUE...] - threadcheck ends it; leaves $R, $TRUTH, $stderr.
hangs()
{
	run --separate-stderr timeout 60 threadcheck --report json="$R" -- "$MKTHREADS" "$@"
	printf '%s\n' "$output" >"$TRUTH"
	assert_status 66
	assert_contains "$stderr" "threadcheck: deadlock in process"
	assert_contains "$stderr" "was ended because of the deadlock"
	validate_json "$R" report-1.json
	assert_equal "$(json "$R" "[$deadlock] | length")" 1 "findings"
	assert_equal "$(json "$R" "$deadlock | .confidence")" proven confidence
	assert_between "$(json "$R" "$deadlock | .evidence.figures.lasted_ns")" 1 2000000000 "time until it was reported"
}

# members - the finding names exactly the threads of the truth's edges.
members()
{
	assert_equal "$(json "$R" "[$deadlock | .threads[].tid] | sort | tostring")" "$(json "$TRUTH" '[.edges[].tid] | sort | tostring')" members
}

title()
{
	assert_equal "$(json "$R" "$deadlock | .title")" "Deadlock: $1" title
}

@test "mutexes in opposite order, in a ring of 40, after many waits for them, in a forked child, and by std::lock_guard" {
	hangs deadlock-ab-ba
	members
	title "two threads of ring_main wait for each other's mutexes"
	hangs deadlock-3 threads=40
	members
	title "40 threads wait for each other in a circle: ring_main"
	hangs deadlock-child
	members
	hangs deadlock-std
	members
	hangs deadlock-late
	members
	# The sites are well known by then, and yet the stacks are those of these very waits.
	refute_contains "$(json "$R" "$deadlock | .evidence.lines[]")" "earlier wait"
	assert_json "$R" "[$deadlock | .edges[].want.frames | map(.function) | index(\"pair_main\") != null] | all"
}

@test "a thread that wants what it holds itself: mutex, rwlock, spinlock, mtx_t" {
	local kind
	for kind in 0 1 2 3; do
		hangs deadlock-own kind=$kind
		members
		assert_matches "$(json "$R" "$deadlock | .title")" "^Deadlock: own_main waits .*which it holds (itself|for reading)$"
	done
}

@test "a writer and readers that wait for each other, a reader behind a preferred writer" {
	hangs deadlock-rwlock
	members
	hangs deadlock-readers
	title "rw_reader and rw_writer wait for each other's locks"
	assert_json "$R" "$deadlock | .evidence.figures.threads == 4"
	hangs deadlock-preference
	members
	title "rw_again reads rwlock shared_rw again behind a writer that waits for it (rw_writer)"
}

@test "joins: of a thread that wants what the joiner holds, in a ring, and a mutex that a thread took to its grave" {
	hangs deadlock-join
	members
	title "the main thread waits for the end of join_main, which waits for mutex join_mutex that the first holds"
	hangs deadlock-join-ring
	members
	hangs deadlock-orphan
	title "wants_left waits for mutex own_mutex, which leaves_locked held when it ended"
}

@test "a barrier to which nobody can come, a condition whose signaller is shut out, semaphores as locks" {
	hangs deadlock-barrier
	members
	title "2 threads wait at barrier meeting for parties that cannot come any more"
	hangs deadlock-cond
	hangs deadlock-sem
	members
	title "two threads of sem_main wait for each other's semaphores"
}

@test "two locks of a Python program in opposite order, while its main thread joins" {
	cat >program.py <<-'PY'
		import threading
		a, b = threading.Lock(), threading.Lock()
		for lock in a, b:
		    with lock:
		        pass
		both = threading.Barrier(2)
		def takes(x, y):
		    with x:
		        both.wait()
		        with y:
		            pass
		threads = [threading.Thread(target=takes, args=pair) for pair in ((a, b), (b, a))]
		for t in threads:
		    t.start()
		for t in threads:
		    t.join()
	PY
	run --separate-stderr timeout 60 threadcheck --report json="$R" -- /usr/bin/python3 program.py
	assert_status 66
	assert_contains "$stderr" "threadcheck: deadlock in process"
	assert_json "$R" "$deadlock | .confidence == \"proven\" and (.threads | length) == 2 and .evidence.figures.threads_behind == 1"
}

@test "semaphores as locks are only a probable deadlock while another thread runs, and nothing is ended" {
	run --separate-stderr timeout 60 threadcheck --report json="$R" -- "$MKTHREADS" deadlock-sem runs=1
	assert_status 66
	assert_contains "$stderr" "threadcheck: probably a deadlock in process"
	refute_contains "$stderr" "was ended"
	assert_equal "$(json "$R" "$deadlock | .confidence")" likely
}

@test "each step tells what the thread holds, where it took it, and the stack with which it waits" {
	run --separate-stderr timeout 60 threadcheck --section findings -- "$MKTHREADS" deadlock-join
	assert_contains "$stderr" "holds mutex join_mutex and wants the end of"
	assert_contains "$stderr" "holds its own end and wants mutex join_mutex"
	assert_matches "$stderr" "took it here:[[:space:]]+#0  takes_first  "
	assert_matches "$stderr" "waits here:[[:space:]]+#0  takes_second .*[[:space:]]+#1  join_main "
}

@test "the status of a program that was ended because of a deadlock is --error-exitcode, its own with --fail-on never" {
	run timeout 60 threadcheck -q --error-exitcode 9 -- "$MKTHREADS" deadlock-ab-ba
	assert_status 9
	run timeout 60 threadcheck -q --fail-on never -- "$MKTHREADS" deadlock-ab-ba
	assert_status 143
}

@test "a program that hangs in a deadlock and cannot be told to end is killed, and the report is whole" {
	cat >program.c <<-'C'
		#include <pthread.h>
		#include <signal.h>
		int main(void)
		{
			pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
			signal(SIGTERM, SIG_IGN);
			pthread_mutex_lock(&m);
			return pthread_mutex_lock(&m);
		}
	C
	cc -g -pthread -o program program.c
	run --separate-stderr timeout 60 threadcheck --kill-after 200ms --report text=text --report json="$R" -- ./program
	assert_status 66
	assert_contains "$stderr" "had to be killed"
	assert_equal "$(json "$R" "$deadlock | .confidence")" proven
	assert_contains "$(<text)" "Deadlock: the main thread waits for mutex of main, which it holds itself"
}

# ------------------------------------------------------------------ without threadcheck

# Hangs with the shim alone; $bg_pid. Returns when the truth says that all members are blocked.
hangs_alone()
{
	mkdir rec
	LD_PRELOAD=$SHIM THREADCHECK_OPTIONS=output=$PWD/rec/ bg "$MKTHREADS" "$@" >"$TRUTH"
	poll_until 60 test -s "$TRUTH"
}

@test "threadreport finds the deadlock of a process that hangs, and of one that was killed" {
	local kind
	for kind in ab-ba barrier orphan; do
		rm -rf rec
		hangs_alone deadlock-$kind
		run -1 threadreport --report json="$R" "$bg_pid"
		assert_equal "$(json "$R" "$deadlock | .confidence")" proven "$kind, running"
		assert_json "$R" "$deadlock | .evidence.lines[0] | startswith(\"it has lasted\")"
		local first
		first=$(json "$R" "$deadlock | .fingerprint")
		kill -KILL "$bg_pid"
		poll_until 60 gone "$bg_pid"
		run -1 threadreport --report json="$R" rec/*.ttrec
		# Of a dead process nobody can say any more whether there was a thread that was not recorded.
		case $kind in
		barrier) assert_equal "$(json "$R" "$deadlock | .confidence")" likely "$kind, killed" ;;
		*) assert_equal "$(json "$R" "$deadlock | .confidence")" proven "$kind, killed" ;;
		esac
		assert_equal "$(json "$R" "$deadlock | .fingerprint")" "$first" fingerprint
	done
}

@test "the fingerprint is the same in every run, however many threads are in the ring" {
	local one
	hangs deadlock-3
	one=$(json "$R" "$deadlock | .fingerprint")
	hangs deadlock-3 threads=5
	assert_equal "$(json "$R" "$deadlock | .fingerprint")" "$one"
}

# ------------------------------------------------------------------ what is none

# goes_on SCENARIO [NAME=VALUE...] - runs to its end under threadcheck, in the background.
goes_on()
{
	bg timeout 60 threadcheck -q --fail-on never --report json="$1.json" -- "$MKTHREADS" "$@" 2>"$1.err" >"$1.out"
	names+=("$1")
}

all_went_on()
{
	local i
	for i in "${!bg_pids[@]}"; do
		wait "${bg_pids[$i]}" || fail "${names[$i]}: status $?, $(<"${names[$i]}.err")"
		assert_empty "$(<"${names[$i]}.err")" "${names[$i]} says"
		assert_json "${names[$i]}.json" "[$deadlock] | length == 0"
	done
	bg_pids=()
}

@test "long holds, late parties, deadlines, preferred readers and convoys are no deadlock" {
	names=() bg_pids=()
	goes_on long-hold rounds=1 hold_us=5500000
	goes_on quiet-barrier
	goes_on quiet-timed
	goes_on quiet-preference
	all_went_on
	names=()
	goes_on contended-ping threads=24 rounds=20000 inside=50
	goes_on sem-producer-consumer items=200000
	goes_on cond-pingpong rounds=20000
	goes_on rwlock-kinds hold_us=1000000
	all_went_on
}

@test "a program that wakes its threads by unlocking their mutex is warned, and goes on" {
	cat >program.c <<-'C'
		#include <pthread.h>
		#include <unistd.h>
		static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
		static void *wakes(void *arg)
		{
			for (long us = 20000; us <= 2000000; us *= 100) {
				usleep((useconds_t)us);
				pthread_mutex_unlock(&m);
			}
			return arg;
		}
		int main(void)
		{
			pthread_t t;
			pthread_mutex_lock(&m);
			pthread_create(&t, 0, wakes, 0);
			pthread_mutex_lock(&m);
			pthread_mutex_lock(&m);
			pthread_join(t, 0);
			return 0;
		}
	C
	cc -pthread -o program program.c
	run --separate-stderr timeout 60 threadcheck -q --fail-on never --report json="$R" -- ./program
	assert_status 0
	refute_contains "$stderr" "threadcheck: deadlock"
	assert_contains "$stderr" "threadcheck: probably a deadlock"
}

@test "a process that is stopped while threads wait for a lock is no deadlock" {
	bg timeout 60 threadcheck -q --fail-on never --report json="$R" -- "$MKTHREADS" long-hold rounds=1 hold_us=1000000 2>err >"$TRUTH"
	local checker child
	checker=$bg_pid
	poll_until 60 pgrep -x mkthreads -P "$(pgrep -x threadcheck -P "$checker" || echo "$checker")"
	child=$(pgrep -x mkthreads -P "$(pgrep -x threadcheck -P "$checker" || echo "$checker")")
	kill -STOP "$child"
	sleep 1.2 # several looks pass
	kill -CONT "$child"
	wait "$checker"
	assert_empty "$(<err)"
	assert_json "$R" "[$deadlock] | length == 0"
}
