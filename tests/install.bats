#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# install.bats - what make install puts where, that it works from there, and that make uninstall takes it away again.

load helpers

setup()
{
	cd "$TOP"
	root=$BATS_TEST_TMPDIR/root
}

target()
{
	make --no-print-directory O="${BUILD#"$TOP"/}" DESTDIR="$root" PREFIX=/usr "$@" >"$BATS_TEST_TMPDIR/make.log" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/make.log" >&2
		return 1
	}
}

@test "make install puts every part in its place" {
	target install
	local file name
	for file in "$BIN"/*; do
		name=${file##*/}
		[ -x "$root/usr/bin/$name" ]
		[ -s "$root/usr/share/bash-completion/completions/$name" ]
		[ -s "$root/usr/share/man/man1/$name.1" ]
	done
	cmp "$SHIM" "$root/usr/lib/threadtools/libthreadcheck.so"
	for file in man/*.[1-9]; do
		cmp "$file" "$root/usr/share/man/man${file##*.}/${file##*/}"
	done
	for file in NEWS LICENSE COPYING.LESSER README.md; do
		[ -s "$root/usr/share/doc/threadtools/$file" ]
	done
}

@test "nothing that is installed knows where it was built or may be written by others" {
	target install
	assert_empty "$(find "$root" -perm /022 -not -type l)" "writable by others"
	assert_empty "$(grep -rlF "$BUILD/" "$root/usr/share" || true)" "the build directory is named in"
}

@test "an installed threadcheck finds its library and threadreport" {
	target install
	cd "$BATS_TEST_TMPDIR"
	run --separate-stderr "$root/usr/bin/threadcheck" --report=json=r.json -- "$MKTHREADS" contended-mutex
	assert_status 0
	assert_json r.json '.locks | length > 0'
}

@test "make uninstall leaves nothing behind" {
	target install
	target uninstall
	assert_empty "$(find "$root" -not -type d)" "left behind"
}
