#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# corpus.bats - small programs with known verdicts: what must be reported, and what must not. See tests/corpus/run.

load helpers

CORPUS=$TOP/tests/corpus

setup()
{
	require python3
	built "$BIN/threadcheck" "$SHIM" "$BUILD/tests/corpus/order_ab_ba"
	export TT_BUILD=$BUILD
	cd "$BATS_TEST_TMPDIR"
}

@test "every program of the corpus gets the verdict that it states" {
	run python3 "$CORPUS/run"
	assert_status 0
}

@test "the corpus has a program for every rule, and every second program must not be reported" {
	local rule expected
	python3 "$CORPUS/run" --list >list
	expected=" $(cut -d' ' -f2- list | tr '|\n' '  ') "
	for rule in $(sed -nE 's/^TT_RULE\([A-Z0-9_]+, *"([a-z-]+)".*/\1/p' "$TOP/lib/findings/findings.def"); do
		# Limits of the command line and of the analysis, not of the program.
		case $rule in budget-* | lock-order-bounded) continue ;; esac
		# What threadsize measures of pools and of the machine: size.bats, test_size_recommend.
		case $rule in cpu-* | oversubscribed | run-queue-delay | pool-* | priority-inversion) continue ;; esac
		[[ $expected == *" $rule "* ]] || fail "no program expects $rule"
	done
	[ "$(wc -l <list)" -ge 120 ]
	[ $((2 * $(grep -c quiet list))) -ge "$(wc -l <list)" ] || fail "only $(grep -c quiet list) of $(wc -l <list) must not be reported"
}

@test "a program that is not what its head says is named, with what was wrong" {
	mkdir sources
	sed 's|^// EXPECT: .*|// EXPECT: none|' "$CORPUS/order_ab_ba.c" >sources/order_ab_ba.c
	sed 's|^// EXPECT: .*|// EXPECT: lock-order-cycle|; s|^// FORBID.*||' "$CORPUS/order_same_thread.c" >sources/order_same_thread.c
	sed 's|^// EXPECT: .*|&\n// EXIT: 4|' "$CORPUS/use_try_own_ok.c" >sources/use_try_own_ok.c
	sed 's|title~sleep|title~snores|' "$CORPUS/hold_sleep.c" >sources/hold_sleep.c
	CORPUS_SOURCES=$PWD/sources CORPUS_PROGRAMS=$BUILD/tests/corpus run python3 "$CORPUS/run"
	assert_status 1
	assert_matches "$output" "order_ab_ba +unexpected: error lock-order-cycle"
	assert_matches "$output" "order_same_thread +missing: lock-order-cycle"
	assert_matches "$output" "use_try_own_ok +exit status 0, not 4"
	assert_matches "$output" "hold_sleep +missing: lock-held-blocking \\(title does not match snores\\)"
	assert_contains "$output" "4 wrong"
}

@test "a head that cannot be read is refused" {
	mkdir sources
	echo "// EXPEKT: none" >sources/odd.c
	CORPUS_SOURCES=$PWD/sources run python3 "$CORPUS/run"
	assert_status 2
	assert_contains "$output" "odd.c: unknown key EXPEKT"
	echo "int main(void) { return 0; }" >sources/odd.c
	CORPUS_SOURCES=$PWD/sources run python3 "$CORPUS/run"
	assert_status 2
	assert_contains "$output" "odd.c: expects nothing"
}
