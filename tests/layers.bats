#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# layers.bats - who may use what: includes, linked libraries, and what the preloaded library brings into other programs.

load helpers

setup()
{
	cd "$TOP"
}

# includes DIR... - "file: header" of every quoted include.
includes()
{
	local dir
	for dir; do
		find "$dir" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.def' -o -name '*.in' \) -exec \
			sed -n 's|^#[[:space:]]*include "\(.*\)".*|\1|;T;F;p' {} \; | paste -d' ' - -
	done
}

# may_include DIR REGEX - every quoted include of DIR matches REGEX.
may_include()
{
	local bad
	[ -n "$(find "$1" -name '*.[ch]' 2>/dev/null)" ] || return 0
	bad=$(includes "$1" | awk -v allowed="^($2)/" '$2 !~ allowed')
	assert_empty "$bad" "$1 may include only ($2), but"
}

@test "each part of the library includes only the parts below it" {
	local part
	for part in lib/*; do
		[[ $part =~ ^lib/(core|util|rec|model|findings|proc|sym|size|launch|dump|out)$ ]] || fail "$part has no rule here"
	done
	may_include lib/core 'lib/core'
	may_include lib/util 'lib/(core|util)'
	may_include lib/rec 'lib/(core|util|rec)'
	may_include lib/model 'lib/(core|util|rec|model)'
	may_include lib/findings 'lib/(core|util|rec|model|findings)'
	may_include lib/proc 'lib/(core|util|proc)'
	may_include lib/sym 'lib/(core|util|sym)'
	may_include lib/size 'lib/(core|util|size)'
	may_include lib/launch 'lib/(core|util|rec|model|launch)'
	may_include lib/dump 'lib/(core|util|rec|model|proc|sym|dump)'
	may_include lib/out 'lib/(core|util|proc|rec|model|findings|size|sym|dump|out)'
	may_include tools 'lib/[a-z]+|tools'
}

@test "the shim includes only itself and lib/core" {
	may_include preload 'lib/core|preload'
}

@test "the test subjects include nothing of what judges them" {
	assert_empty "$(includes tests/mkthreads tests/programs tests/transparency | grep -E ' (lib|preload|tools)/' || true)" \
		"subjects that include the product"
}

@test "libraries are used only where they belong" {
	only()
	{
		local bad
		bad=$(grep -rlE "#[[:space:]]*include <($1)" lib tools preload | grep -vE "^($2)" || true)
		assert_empty "$bad" "<$1> belongs to $2, but is included by"
	}
	only 'jansson' 'lib/out/'
	only 'elfutils|libelf|gelf|libdw|dwarf|libunwind|lzma' 'lib/sym/'
	only 'libproc2' 'lib/proc/'
	only 'n?curses' 'tools/threadtop/screen\.c'
	only 'math\.h' 'lib/(size|model|findings|util|out)/|tools/'
}

@test "lib/core has headers only, and includes nothing but what a freestanding compiler has" {
	local bad
	assert_empty "$(find lib/core -name '*.c')" "sources in lib/core"
	bad=$(grep -hE '^#[[:space:]]*include <' lib/core/*.h | grep -vE '<std(int|def|bool|atomic|arg|align)\.h>' || true)
	assert_empty "$bad" "lib/core includes"
}

@test "the library never prints and never exits, but for main's own words" {
	require nm
	built "$BUILD/libtt.a"
	local bad
	bad=$(nm -A --undefined-only "$BUILD/libtt.a" | sed 's/.*libtt\.a:\([^:]*\): *U \(.*\)/\1 \2/' |
		grep -vE '^(cli_main|term)\.o ' |
		grep -E ' (exit|abort|quick_exit|v?f?printf|puts|putchar|perror|v?errx?|v?warnx?|std(out|err)|__v?f?printf_chk)(@.*)?$' ||
		true)
	assert_empty "$bad" "these print or exit"
}

# ------------------------------------------------------------------ what is linked

needed()
{
	readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

@test "the shim needs libc and the unwinder, nothing else" {
	require readelf
	built "$SHIM"
	assert_empty "$(needed "$SHIM" | grep -vxE 'libc\.so\.6|libgcc_s\.so\.1|ld-linux-.*' || true)" "other libraries"
}

@test "only threadtop needs curses and libproc2; no tool has a library path built in" {
	require readelf
	built "$BIN"
	local tool bad
	for tool in "$BIN"/*; do
		bad=$(needed "$tool" | grep -E 'ncurses|tinfo|proc2' || true)
		[ "${tool##*/}" = threadtop ] || assert_empty "$bad" "${tool##*/} needs"
		bad=$(needed "$tool" | grep -vE '^(libc|libm|libdw|libelf|libjansson|libstdc\+\+|libgcc_s|liblzma|libncursesw|libtinfo|libproc2|libunwind.*|libasan|libubsan|libtsan|libgcov|ld-linux.*)\.so' || true)
		assert_empty "$bad" "${tool##*/} needs"
		assert_empty "$(readelf -dW "$tool" | grep -E 'RPATH|RUNPATH' || true)" "${tool##*/} has"
	done
}

@test "the shim is bound at load, relocated once, never unloaded, and has no text relocations" {
	require readelf
	built "$SHIM"
	local dynamic segments
	dynamic=$(readelf -dW "$SHIM")
	segments=$(readelf -lW "$SHIM")
	assert_matches "$dynamic" 'FLAGS_1.*NOW'
	assert_matches "$dynamic" 'FLAGS_1.*NODELETE'
	refute_contains "$dynamic" TEXTREL
	assert_contains "$segments" GNU_RELRO
	assert_empty "$(grep GNU_STACK <<<"$segments" | grep RWE || true)" "executable stack"
}

@test "the shim imports nothing that is not on the list" {
	require nm
	built "$SHIM"
	local bad
	bad=$(comm -23 <(nm -D --undefined-only "$SHIM" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort -u) \
		<(sed 's/#.*//; /^[[:space:]]*$/d' "$DATA/shim-imports.allow" | sort -u))
	assert_empty "$bad" "not in tests/data/shim-imports.allow"
}

@test "what the shim looks up by name at run time is on the list too" {
	local bad
	bad=$(sed -n 's/^IMPORT(\([A-Za-z0-9_]*\),.*/\1/p' preload/hooks.def | sort -u |
		comm -23 - <(sed 's/#.*//; /^[[:space:]]*$/d' "$DATA/shim-imports.allow" | sort -u))
	assert_empty "$bad" "IMPORT rows that are not in tests/data/shim-imports.allow"
}

@test "the list of imports names nothing that allocates, prints, locks, exits or handles signals" {
	local bad
	bad=$(sed 's/#.*//; /^[[:space:]]*$/d' "$DATA/shim-imports.allow" |
		grep -xE '(m|c|re|v|memal|pv|aligned_al)?alloc|free|.*printf.*|f?put.*|f?write|exit|_exit|abort|sig(action|nal)|pthread_(key|mutex|cond|rwlock|once|atfork|get|set).*|set?locale|setenv|putenv|syscall|backtrace.*|dl_iterate_phdr|__tls_get_addr|_Unwind_Backtrace|dladdr.*|dlopen|dlerror' || true)
	assert_empty "$bad" "forbidden in tests/data/shim-imports.allow"
}

@test "the shim exports exactly the rows of hooks.def" {
	require nm cpp
	built "$SHIM"
	local rows
	rows=$(printf '#define HOOK(n, ...) HOOKED n\n#define ALIAS(a, n) HOOKED a\n#define IMPORT(...)\n#include "preload/hooks.def"\n' |
		cpp -P -I. - | grep -oE 'HOOKED [A-Za-z0-9_]+' | cut -d' ' -f2 | sort -u)
	[ -n "$rows" ]
	assert_empty "$(nm -D --defined-only "$SHIM" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u |
		comm -3 - <(printf '%s\n' "$rows"))" "exported without a row, or (indented) a row that is not exported"
}

@test "each hook has one row, and each alias names a hook" {
	local names twice
	names=$(sed -n 's/^HOOK(\([A-Za-z0-9_]*\),.*/\1/p' preload/hooks.def)
	twice=$( (printf '%s\n' "$names" && sed -n 's/^ALIAS(\([A-Za-z0-9_]*\),.*/\1/p' preload/hooks.def) | sort | uniq -d)
	assert_empty "$twice" "named twice in hooks.def"
	assert_empty "$(sed -n 's/^ALIAS([A-Za-z0-9_]*, *\([A-Za-z0-9_]*\)).*/\1/p' preload/hooks.def | sort -u |
		comm -23 - <(sort -u <<<"$names"))" "aliases of hooks that do not exist"
}

# ------------------------------------------------------------------ what the shim costs each thread

@test "the shim has at most 256 bytes of thread-local storage, initial-exec" {
	require readelf
	built "$SHIM"
	local size
	size=$(readelf -lW "$SHIM" | awk '$1 == "TLS" { print $6 }')
	assert_between $((${size:-0})) 0 256 "bytes of thread-local storage"
	[ -z "$size" ] || assert_matches "$(readelf -dW "$SHIM")" 'FLAGS.*STATIC_TLS'
}

@test "no wrapper has a frame of more than 512 bytes, and no other function one of more than 2304" {
	built "$BUILD/preload"
	ls "$BUILD"/preload/*.su >/dev/null 2>&1 || skip "this compiler does not write stack usage"
	local bad
	# execl and its kin build the array of their arguments, however many, as the C library does.
	bad=$(awk -F'\t' '{
		limit = FILENAME ~ /\/hook_[a-z0-9]*\.su$/ ? 512 : 2304
		if ($2 > limit || ($3 == "dynamic" && $1 !~ /:execl[ep]?$/)) print $1, $2, $3
	}' "$BUILD"/preload/*.su)
	assert_empty "$bad" "frames (bytes)"
}

@test "every fault of make mutants still finds its place in the shim" {
	run "$TOP/tests/mutants/run" --dry
	[ "$status" -eq 0 ] || { echo "$output"; false; }
}

@test "the top level holds the folders and files that it is to hold, and nothing that a test left" {
	command -v git >/dev/null && git -C "$TOP" rev-parse --git-dir >/dev/null 2>&1 || skip "not a git checkout"
	local odd
	odd=$(git -C "$TOP" ls-files | sed 's|/.*||' | sort -u | grep -vxE '\..*|LICENSE|Makefile|NEWS|README\.md|lib|man|preload|tests|tools') || true
	assert_empty "$odd" "at the top"
}
