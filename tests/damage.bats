#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Recordings of busy programs, cut at many lengths and with flipped bits: words or a report, never a crash or a hang of the reader.
# DAMAGE_FLIPS=10000 for the long mode, DAMAGE_SEED=N for other damage; the build may be one with SAN=address,undefined.

load helpers

setup_file()
{
	export RECORDINGS=$BATS_FILE_TMPDIR/rec
	local words
	local -a scenario
	mkdir "$RECORDINGS"
	# What only a running or killed program leaves is among them: the last two hang, and are killed.
	for words in "contended-mutex rounds=10 hold_us=500 waiters=3" "many-locks locks=200 rounds=2000" \
		"rwlock-readers-wait-writer rounds=5 hold_us=500" "sem-as-lock rounds=5 hold_us=500" "cond-pingpong rounds=200" \
		"threads-short threads=50" leaked-thread thread-names "barrier rounds=10" "futex-raw rounds=3" \
		"event-loop-stall events=20 stall_us=30000" lock-order-inversion "process-shared rounds=3 hold_us=500" \
		"std-mutex rounds=5 hold_us=500" deadlock-3 deadlock-join; do
		read -ra scenario <<<"$words"
		local limit=60
		[[ $words != deadlock* ]] || limit=1
		preloaded "$RECORDINGS" timeout -s KILL $limit "$MKTHREADS" "${scenario[@]}" >/dev/null 2>&1 3>&- || :
	done
}

setup()
{
	built "$SHIM" "$MKTHREADS" "$BIN/threadreport" "$BUILD/tests/fuzz/damage"
	assert_between "$(find "$RECORDINGS" -type f | wc -l)" 16 40 "number of recordings"
}

@test "recordings with flipped bits, and cut ones, are refused with words or reported on, and cut ones are said to be partial" {
	run "$BUILD/tests/fuzz/damage" --seed "${DAMAGE_SEED:-1}" --flips "${DAMAGE_FLIPS:-600}" \
		--cuts "$((${DAMAGE_FLIPS:-600} / 3))" --save "$BATS_TEST_TMPDIR/failed.ttrec" "$RECORDINGS"/*
	assert_status 0
	assert_matches "${lines[-1]}" '^[0-9]+ refused, ([0-9]+) read, ([0-9]+) of them partial, 0 failed$'
	assert_between "${BASH_REMATCH[1]}" "$((${DAMAGE_FLIPS:-600} / 2))" 100000000 "damaged recordings that were read"
}

@test "threadreport answers damaged recordings with a report or words, and status 0, 1 or 2" {
	local file copy=$BATS_TEST_TMPDIR/copy.ttrec used at i=0
	for file in "$RECORDINGS"/*; do
		used=$(du -k "$file" | cut -f1)
		at=$(((i * 7919 + 4096) % (used * 1024)))
		i=$((i + 1))
		head -c $at "$file" >"$copy"
		run timeout 30 threadreport --report text --report json "$copy"
		assert_between "$status" 0 2 "status for ${file##*/} cut at $at"
		[ "$status" -eq 2 ] || assert_contains "$output" partial
		head -c $((used * 1024)) "$file" >"$copy"
		printf '\377\001\200' | dd of="$copy" bs=1 seek=$at conv=notrunc status=none
		run timeout 30 threadreport --report text --report json "$copy"
		assert_between "$status" 0 2 "status for ${file##*/} written over at $at"
	done
}
