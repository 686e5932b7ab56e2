#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# Every fuzz target, with address and undefined-behaviour sanitizers, from its seeds and for a number of inputs that are the same each time.
# `make fuzz` searches for as long as one likes.

load helpers

@test "no parser of foreign input fails on what a fuzzer makes of its seeds" {
	require clang
	local target
	export FUZZ_OPT=-O0 FUZZ_SECONDS=60 FUZZ_OPTIONS="-seed=1 -runs=${FUZZ_RUNS:-3000} -verbosity=0"
	run env FUZZ_TARGETS= "$TOP/tests/fuzz/run"
	assert_status 0
	for target in "$TOP"/tests/fuzz/fuzz_*.c; do
		target=${target##*/fuzz_}
		assert_contains "$output" "fuzz: ${target%.c}: "
	done
}
