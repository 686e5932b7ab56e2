#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# lint.bats - what must agree with each other: --help, man pages, completion, tables; and what no file may contain.

load helpers

setup()
{
	cd "$TOP"
}

# Files of the project: what git tracks or would track; without git, everything but build directories.
ours()
{
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard | while read -r file; do [ -f "$file" ] && echo "$file"; done
	else
		find . -type f -not -path './build*' -not -path './.git/*' | sed 's|^\./||'
	fi
}

# Sources among them, by ending.
sources()
{
	ours | grep -E '\.(c|h|cc|def|bats|bash|py|rs)$|^Makefile$|^\.ci/(run|lint)$|^tests/(run|setup)$'
}

tools()
{
	local tool
	for tool in "$BIN"/*; do
		[ -x "$tool" ] && echo "${tool##*/}"
	done
}

# Every spelling of an option in the text on stdin, sorted. --[no-]x counts as --x and --no-x.
spellings()
{
	sed -E 's/--\[no-\]([a-z0-9-]+)/--\1 --no-\1/g' | grep -oE '(^|[[:space:],|])--?[A-Za-z0-9][A-Za-z0-9-]*' |
		grep -oE -- '-.*' | sort -u
}

# A man page as plain text.
page()
{
	mandoc -T utf8 -O width=200 "$1" | col -bx
}

# ------------------------------------------------------------------ options: help = man page = completion

@test "every tool answers --help and --version on standard output with status 0" {
	built "$BIN"
	local tool
	for tool in $(tools); do
		run --separate-stderr "$BIN/$tool" --help
		assert_status 0
		assert_matches "$output" "^Usage: $tool"
		assert_equal "$stderr" "" "stderr of $tool --help"
		run --separate-stderr "$BIN/$tool" --version
		assert_status 0
		assert_matches "$output" "^$tool \\(threadtools\\) [0-9]+\\.[0-9]+\\.[0-9]+\$"
	done
}

@test "every tool refuses an unknown option with status 2 and points to --help" {
	built "$BIN"
	local tool
	for tool in $(tools); do
		run --separate-stderr "$BIN/$tool" --no-such-option
		assert_status 2
		assert_equal "$output" "" "stdout"
		assert_contains "$stderr" "$tool: unknown option '--no-such-option'"
		assert_contains "$stderr" "Try '$tool --help' for more information."
	done
}

@test "every tool notices that its output is lost" {
	built "$BIN"
	local tool
	for tool in $(tools); do
		run bash -c "'$BIN/$tool' --help >/dev/full"
		assert_status 2
		assert_contains "$output" "$tool: cannot write to standard output: No space left on device"
	done
}

@test "--help and completion name the same options" {
	built "$BIN"
	local tool
	for tool in $(tools); do
		assert_equal "$("$BIN/$tool" --help | grep -E '^ +-' | sed -E 's/^( +(-[A-Za-z0-9](, )?)?(--[][a-z0-9-]+)?).*/\1/' | spellings)" \
			"$("$BIN/$tool" --help-completion=options | spellings)" "$tool: help and completion"
	done
}

@test "the help of every tool fits a terminal of 80 columns" {
	built "$BIN"
	local tool
	for tool in $(tools); do
		assert_empty "$(COLUMNS=80 "$BIN/$tool" --help | awk 'length > 80')" "$tool --help: lines too long"
	done
}

@test "every tool has a man page, and its options are those of --help" {
	require mandoc col
	built "$BIN"
	local tool
	for tool in $(tools); do
		built "man/$tool.1"
		assert_equal "$(page "man/$tool.1" | grep -E '^ {1,8}-' | sed -E 's/^( +(-[A-Za-z0-9][^-]{0,24})?((, )?--[][a-z0-9-]+[^ ,]*)*).*/\1/' | spellings)" \
			"$("$BIN/$tool" --help-completion=options | spellings)" "$tool: man page and help"
	done
}

@test "completion offers the options, the words of a choice, and leaves a wrapped command alone" {
	built "$BIN"
	local tool offered
	for tool in $(tools); do
		offered=$("$BIN/$tool" --help-completion=bash | bash -c '
			source /dev/stdin
			COMP_WORDS=('"$tool"' --) COMP_CWORD=1
			_'"$tool"'
			printf "%s\n" "${COMPREPLY[@]}"' 2>&1)
		assert_equal "$(sort -u <<<"$offered")" \
			"$("$BIN/$tool" --help-completion=options | spellings | grep -- '^--' | sort -u)" "$tool --<TAB>"
		offered=$("$BIN/$tool" --help-completion=bash | bash -c '
			source /dev/stdin
			COMP_WORDS=('"$tool"' --color = a) COMP_CWORD=3
			_'"$tool"'
			printf "%s\n" "${COMPREPLY[@]}"' 2>&1)
		assert_equal "$offered" $'auto\nalways' "$tool --color=a<TAB>"
	done
}

# ------------------------------------------------------------------ man pages

@test "man pages are clean for mandoc and groff" {
	require mandoc groff
	local page
	for page in man/*.[1-9]; do
		assert_empty "$(mandoc -T lint -W warning "$page" 2>&1 || true)" "mandoc about $page"
		assert_empty "$(groff -ww -man -mtty-char -Tutf8 "$page" 2>&1 >/dev/null || true)" "groff about $page"
	done
}

@test "every man page names itself, and those that it refers to exist" {
	require mandoc col
	local page name missing ref
	for page in man/*.[1-9]; do
		name=${page##*/}
		grep -qiE "^\.(TH|Dt) \"?${name%.*}\"? \"?${name##*.}" "$page" || fail "$page is titled otherwise"
		for ref in $(page "$page" | grep -oE '\b(thread(check|report|dump|top|size|tools)|ttrec)\([1-9]\)' | sort -u); do
			[ -e "man/${ref%(*}.${ref: -2:1}" ] || missing+="$page refers to $ref"$'\n'
		done
	done
	assert_empty "${missing-}" "missing pages"
}

# named_in NAMES PAGE... - every line of NAMES occurs as a word in one of the pages.
named_in()
{
	local name text missing=
	text=$(for p in "${@:2}"; do page "$p"; done)
	[ -n "$1" ]
	while read -r name; do
		grep -qE -- "(^|[^A-Za-z0-9_-])$name([^A-Za-z0-9_-]|\$)" <<<"$text" || missing+="$name "
	done <<<"$1"
	assert_empty "$missing" "not named in ${*:2}"
}

@test "every hooked function is named in threadtools(7)" {
	require mandoc col
	named_in "$(sed -n 's/^HOOK(\([A-Za-z0-9_]*\),.*/\1/p' preload/hooks.def)" man/threadtools.7
}

@test "every setting of the shim is named in threadtools(7)" {
	require mandoc col
	named_in "$(sed -nE 's/^OPTION(_TEXT)?\([a-z_]*, *"([^"]*)".*/\2/p' preload/options.def)" man/threadtools.7
}

@test "every rule, every threshold and every budget is named in a man page" {
	require mandoc col
	named_in "$(sed -n 's/^TT_RULE([A-Z0-9_]*, *"\([^"]*\)".*/\1/p' lib/findings/findings.def)" man/*.[1-9]
	named_in "$(sed -n 's/^TT_BUDGET([a-z0-9_]*, *"\([^"]*\)".*/\1/p' lib/findings/budgets.def)" man/*.[1-9]
	named_in "$(grep -oE '^TT_THRESHOLD\([A-Z0-9_]*, *"[^"]*"' lib/findings/thresholds.def | sed 's/.*"\(.*\)"/\1/')" man/*.[1-9]
}

@test "every column of threadtop is named in threadtop(1)" {
	require mandoc col
	named_in "$(sed -n 's/^TT_TOP_COLUMN(\([a-z_]*\),.*/\1/p' tools/threadtop/columns.def)" man/threadtop.1
}

@test "every key of threadtop is described in threadtop(1)" {
	require mandoc col
	local help text missing=
	text=$(page man/threadtop.1 | tr -s ' \n' '  ')
	while read -r help; do
		[[ $text == *"${help^}."* ]] || missing+="$help"$'\n'
	done < <(sed -nE 's/^TT_TOP_KEY\(.*, "([^"]*)"\)$/\1/p' tools/threadtop/keys.def)
	assert_empty "$missing" "not in threadtop(1)"
}

@test "every chunk, record, event, state and kind of the recording is named in ttrec(5)" {
	require mandoc col
	named_in "$(sed -nE 's/^[[:space:]]*X\([A-Z0-9_]+, *[0-9]+, *"([a-z0-9_-]+)"\).*/\1/p' lib/core/ttrec_format.h | sort -u)" man/ttrec.5
}

@test "every structure of the recording is described in ttrec(5)" {
	require mandoc col
	named_in "$(sed -nE 's/^struct (ttrec_[a-z_]+) \{$/\1/p' lib/core/ttrec_format.h | sort -u)" man/ttrec.5
}

# ------------------------------------------------------------------ sources

@test "no file names a directory of somebody's machine" {
	local bad
	bad=$(ours | grep -vE '^tests/lint\.bats$' | xargs grep -InE \
		'(^|[^[:alnum:]_}).*/%])/(root|work)(/|[^[:alnum:]_/-]|$)' 2>/dev/null || true)
	assert_empty "$bad" "machine paths"
}

@test "no source has more than 800 lines" {
	local bad
	bad=$(sources | xargs wc -l | awk '$2 != "total" && $1 > 800')
	assert_empty "$bad" "too long"
}

@test "every source names its licence in its first lines, the shim's LGPL, the rest GPL" {
	local file want bad=
	while read -r file; do
		want=GPL-3.0-or-later
		case $file in preload/*.bats | tests/*) ;; preload/* | lib/core/*) want=LGPL-2.1-or-later ;; esac
		head -3 "$file" | grep -qE "SPDX-License-Identifier: $want( \\*/)?\$" || bad+="$file"$'\n'
	done < <(sources | grep -v '^Makefile$')
	assert_empty "$bad" "no or another licence"
}

@test "every C source says what it is in its first comment" {
	local file name bad=
	while read -r file; do
		name=${file##*/}
		[ "$name" = main.c ] && name=$(basename "$(dirname "$file")")
		head -8 "$file" | grep -qE "^( \\*|/\\*|//) ($name|${name%.*}(\\.so)?) - " || bad+="$file"$'\n'
	done < <(ours | grep -E '\.(c|h|cc|def)$')
	assert_empty "$bad" "no 'NAME - what it is' in the first comment"
}

@test "every header of the library can be included alone and twice" {
	require cc
	local header bad= flags
	flags=$(pkg-config --cflags libdw jansson 2>/dev/null || true)
	for header in lib/*/*.h; do
		# shellcheck disable=SC2086
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
			cc -x c -std=gnu17 -D_GNU_SOURCE -I. $flags -Wall -Werror -fsyntax-only - 2>/dev/null || bad+="$header"$'\n'
	done
	assert_empty "$bad" "headers that need another one first"
}

@test "sources hold no unfinished work and no trailing blanks" {
	assert_empty "$(sources | grep -v '^tests/lint\.bats$' | xargs grep -nE '\b(TODO|FIXME|XXX)\b' || true)" "unfinished"
	assert_empty "$(sources | xargs grep -nE '[[:blank:]]+$' || true)" "trailing blanks"
}

@test "make help lists every target that is meant for people" {
	local target help missing=
	help=$(make -s help)
	for target in $(sed -n 's/^\.PHONY: //p' Makefile); do
		case $target in FORCE | tidy) continue ;; esac
		grep -qE "^  $target +[a-z]" <<<"$help" || missing+="$target "
	done
	assert_empty "$missing" "targets without help"
}

@test "every test file runs at least one test, and every test title is unique in its file" {
	local file bad=
	for file in tests/*.bats; do
		grep -q '^@test ' "$file" || bad+="$file has no test"$'\n'
		bad+=$(grep '^@test ' "$file" | sort | uniq -d)
	done
	assert_empty "$bad" "test files"
}
