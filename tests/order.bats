#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# order.bats - lock-order cycles from end to end: what programs do, what the recorder notes, what the report says. The rules
# themselves are tested on hand-made recordings by tests/unit/test_model_order*.c.

load helpers

setup()
{
	built "$BIN/threadreport" "$BIN/threadcheck" "$SHIM" "$MKTHREADS" "$PROGRAMS/lock_orders"
	require jq
	REC=$BATS_TEST_TMPDIR/rec
	R=$BATS_TEST_TMPDIR/report.json
}

# orders CASE [OPTION...] - runs lock_orders CASE; what is reported of lock order goes to $found, one line each.
orders()
{
	local case=$1
	shift
	rm -rf "$REC"
	preloaded "$REC" timeout 60 "$PROGRAMS/lock_orders" "$case"
	report --fail-on never "$@"
	validate_json "$R" report-1.json
	found=$(json "$R" '.findings[] | select(.rule | startswith("lock-order")) | "\(.rule) \(.confidence) \(.count)"')
}

# possible CASE... - each has exactly one possible deadlock.
possible()
{
	local case
	for case; do
		orders "$case"
		assert_equal "$found" "lock-order-cycle likely 1" "$case"
	done
}

# harmless CASE... - nothing is reported.
harmless()
{
	local case
	for case; do
		orders "$case"
		assert_equal "$found" "" "$case"
	done
}

edge()
{
	json "$R" ".findings[] | select(.rule == \"lock-order-cycle\") | .edges[] | $1"
}

@test "two mutexes taken in opposite order are reported, with what each thread held, wanted, and where" {
	orders inversion
	assert_equal "$found" "lock-order-cycle likely 1"
	assert_equal "$(edge '"\(.held_name) \(.wanted_name)"' | sort)" $'mutex a mutex b\nmutex b mutex a'
	assert_equal "$(edge '.want.frames[1].function' | sort)" $'backwards\nforwards' "callers of who wants it"
	assert_equal "$(edge '.hold.frames[0].function' | sort -u)" both "who took it"
	assert_equal "$(edge '.thread_name' | sort -u | wc -l)" 2 "threads"
	assert_json "$R" '.findings[0].level == "error" and (.findings[0].locks | length) == 2 and (.findings[0].threads | length) == 2'
}

@test "the text shows each step of the cycle with its stacks" {
	orders inversion
	run --separate-stderr "$BIN/threadreport" --section findings "$REC"
	assert_status 1
	assert_matches "$output" "1\. lock_orders \([0-9]+\) holds mutex a and wants mutex b"
	assert_matches "$output" "2\. lock_orders \([0-9]+\) holds mutex b and wants mutex a"
	assert_contains "$output" "took mutex a here:"
	assert_contains "$output" "asked for mutex b here:"
	assert_contains "$output" "forwards"
}

@test "threadcheck fails a program whose lock order can deadlock" {
	run --separate-stderr "$BIN/threadcheck" -- "$PROGRAMS/lock_orders" inversion
	assert_status 66
	assert_contains "$stderr" "lock-order-cycle"
	run --separate-stderr "$BIN/threadcheck" -- "$PROGRAMS/lock_orders" philosophers-in-order
	assert_status 0
}

@test "the fingerprint is the same in every run" {
	local first
	orders philosophers
	first=$(json "$R" '.findings[0].fingerprint')
	orders philosophers
	assert_equal "$(json "$R" '.findings[0].fingerprint')" "$first"
}

@test "a lock got by trylock is held like any other" {
	possible try-held
}

@test "a critical section that begins before a thread is created can meet that thread" {
	possible create-within
}

@test "what was done before a thread was created counts again when it is done while the thread runs" {
	possible create-between
}

@test "five philosophers are a ring of five, and none when they reach in one order" {
	orders philosophers
	assert_equal "$found" "lock-order-cycle likely 1"
	assert_json "$R" '[.findings[] | select(.rule == "lock-order-cycle")][0].edges | length == 5'
	harmless philosophers-in-order
}

@test "rings up to 16 locks are found in whole" {
	local n
	for n in 3 16; do
		rm -rf "$REC"
		recorded lock-order-inversion locks="$n"
		report --fail-on never
		assert_json "$R" "[.findings[] | select(.rule == \"lock-order-cycle\")] | length == 1 and (.[0].edges | length) == $n"
	done
}

@test "of a ring of 300 locks JSON has every step, and what people read the first ones and how many more there are" {
	cd "$BATS_TEST_TMPDIR" || return
	cat >ring.c <<-'C'
		#include <pthread.h>
		#include <semaphore.h>
		enum { N = 300 };
		static pthread_mutex_t lock[N];
		static sem_t turn[N];
		static void *member(void *arg)
		{
			long i = (long)arg;
			sem_wait(&turn[i]);
			pthread_mutex_lock(&lock[i]);
			pthread_mutex_lock(&lock[(i + 1) % N]);
			pthread_mutex_unlock(&lock[(i + 1) % N]);
			pthread_mutex_unlock(&lock[i]);
			sem_post(&turn[(i + 1) % N]);
			return 0;
		}
		int main(void)
		{
			pthread_t t[N];
			for (long i = 0; i < N; i++)
				pthread_create(&t[i], 0, member, (void *)i);
			sem_post(&turn[0]);
			for (long i = 0; i < N; i++)
				pthread_join(t[i], 0);
		}
	C
	cc -g -pthread -o ring ring.c
	run --separate-stderr "$BIN/threadcheck" --fail-on never --report text=text --report json="$R" --report junit=junit --report sarif=sarif \
		--report github=github --report html=html -- ./ring
	assert_json "$R" '.findings | map(select(.rule == "lock-order-cycle")) | length == 1 and (.[0].edges | length) == 300'
	assert_json "$R" 'any(.findings[]; .rule == "lock-order-bounded") | not'
	assert_contains "$(cat text)" "... and 290 more (--top 0 shows all)"
	assert_equal "$(grep -cE '^ *[0-9]+\. .* holds mutex .* and wants mutex ' text)" 10 "steps in the text"
	assert_contains "$(cat junit)" "... and 280 steps more"
	assert_contains "$(cat github)" "... and 280 steps more"
	assert_contains "$(cat html)" "of 300 steps the first 200 are shown"
	validate_json sarif sarif-2.1.0.json
	assert_json sarif '.runs[0].results[0].codeFlows[0].threadFlows | length == 200'
}

@test "the same places with other locks are one finding with a count" {
	orders pairs
	assert_equal "$found" "lock-order-cycle likely 3"
}

@test "hundreds of locks held at once are all part of the order" {
	orders deep
	assert_equal "$found" "lock-order-cycle likely 1"
}

@test "hand over hand in one direction is no cycle, in both it is" {
	harmless hand-over-hand
	orders hand-over-back
	assert_equal "$found" "lock-order-cycle likely 4"
}

@test "a lock that was let go out of order is not held" {
	harmless out-of-order
	orders out-of-order-three
	assert_json "$R" '[.findings[] | select(.rule == "lock-order-cycle")][0].edges | length == 3'
}

@test "a condition wait that takes its mutex again under another lock is a step" {
	orders cond-wait
	assert_equal "$found" "lock-order-cycle likely 1"
	assert_contains "$(edge '.want.frames[].function')" waits_holding
}

@test "a recursive lock taken again is no step" {
	harmless recursive
}

@test "a lock that is made again, or whose memory is used again, is another lock" {
	harmless reinit reuse
}

@test "readers are in nobody's way, unless a writer waits and the lock lets it go first" {
	harmless readers
	orders readers-behind-writer
	assert_equal "$found" "lock-order-cycle possible 1"
}

@test "a gate held for reading by both is none, and is one when one of them writes" {
	possible gate-read
	harmless gate-write
}

@test "a deadline makes it a warning" {
	orders timed
	assert_equal "$found" "lock-order-cycle possible 1"
	assert_json "$R" '[.findings[] | select(.rule == "lock-order-cycle")][0].level == "warning"'
}

@test "create and join keep threads apart" {
	harmless create-after join-before join-within
}

@test "--explain shows what was left out, and why" {
	orders gate-write --explain
	assert_equal "$found" "lock-order-gated likely 1"
	assert_contains "$(json "$R" '.findings[].evidence.lines[]')" "both hold rwlock gate meanwhile"
	orders join-before --explain
	assert_equal "$found" "lock-order-sequential likely 1"
	assert_contains "$(json "$R" '.findings[].evidence.lines[]')" "had been joined"
	orders out-of-order --explain
	assert_contains "$(json "$R" '.findings[].evidence.lines[]')" "a thread does not wait for itself"
	rm -rf "$REC"
	recorded lock-order-inversion kind=4
	report --explain
	assert_contains "$(json "$R" '.findings[].evidence.lines[]')" "with a trylock, which never waits"
}

@test "what mkthreads says of its orders is what is reported" {
	local kind
	for kind in 0 1 2 3 4; do
		rm -rf "$REC"
		run --separate-stderr "$BIN/threadcheck" -o "$REC" --fail-on never --report json="$R" -- \
			"$MKTHREADS" lock-order-inversion kind="$kind"
		assert_status 0
		assert_equal "$(json "$R" '[.findings[] | select(.rule == "lock-order-cycle")] | length')" \
			"$(jq .facts.deadlock_possible <<<"$output")" "kind $kind"
	done
}
