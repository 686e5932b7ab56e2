#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-3.0-or-later
# topscreen.bats - threadtop in a real terminal (tmux): keys, sizes, colours, and the terminal as it was before, whatever happens.
# What screens look like is compared in tests/unit/test_top_screens.c.
# ALONE: it waits for what one refresh shows

load helpers

setup()
{
	require tmux
	cd "$BATS_TEST_TMPDIR" || return
	export HOME=$BATS_TEST_TMPDIR
	unset XDG_CONFIG_HOME TMUX
	SOCKET=top$BATS_TEST_NUMBER.$$
}
teardown()
{
	tmux -L "$SOCKET" kill-server 2>/dev/null || :
	kill_bg
}

mux()
{
	tmux -L "$SOCKET" -f /dev/null "$@" 3>&-
}

# terminal COLSxROWS TERM - a shell in a terminal of that size. A server that is on its way out takes no more: each has its own.
terminals=0
terminal()
{
	SOCKET=top$BATS_TEST_NUMBER.$$.$((++terminals))
	mux new-session -d -x "${1%x*}" -y "${1#*x}" "env TERM=$2 PS1='ready ' bash --norc --noprofile"
	mux set -g status off
	mux resize-window -x "${1%x*}" -y "${1#*x}"
	poll_until 60 shows 'ready'
}

screen()
{
	mux capture-pane -p
}

shows()
{
	screen | grep -qE -- "$1"
}

# start ARG... - threadtop in it, until it shows a table.
start()
{
	mux send-keys "threadtop --delay 100ms $*" Enter
	poll_until 60 shows 'F1'
}

at_prompt()
{
	! shows 'F1Help' && [ "$(screen | grep -v '^$' | tail -1)" = ready ]
}

# quit [KEY] - until the shell has its terminal back: what is typed before may be read by threadtop.
quit()
{
	mux send-keys "${1:-q}"
	poll_until 60 at_prompt
}

# The shell has its terminal back: what is typed is seen, and lines are lines.
sane()
{
	mux send-keys "stty -a | tr ' ;' '\n\n' | grep -xE -- '-?(echo|icanon|isig|opost)' | sort | paste -sd," Enter
	poll_until 60 shows '^echo,icanon,isig,opost$'
	refute_contains "$(screen)" "F1Help"
}

@test "it shows a table, and leaves the terminal as it was: q, F10, Ctrl-C, SIGTERM, SIGHUP, a crash" {
	local way
	terminal 80x24 tmux-256color
	for way in q F10 C-c; do
		start
		quit "$way"
		sane
		mux send-keys clear Enter
	done
	for way in TERM HUP SEGV ABRT; do
		start
		pkill -"$way" -f -P "$(mux display -p '#{pane_pid}')" threadtop
		poll_until 60 at_prompt
		sane
		mux send-keys clear Enter
	done
}

@test "every key of the help page, in a terminal of 2^24, of 256, of 8 and of no colours" {
	local term key theme
	bg "$MKTHREADS" threads-live threads=5 hold_us=300000000 --timeout 300 >/dev/null
	for term in tmux-direct tmux-256color screen screen.mono; do
		theme=default
		[ "$term" = screen.mono ] && term=screen theme=mono
		infocmp "$term" >/dev/null 2>&1 || continue
		terminal 100x30 "$term"
		start -p "$bg_pid" --no-config --theme $theme
		for key in 1 2 3 4 5 Tab H w q Enter q s q L t t P R T N B I F n u Escape K K Space c U Up Down j PgUp PgDn Home End G \
			Left Right ^ '$' C-a C-e + - '*' Z z d Escape ',' . g C-l y y y y F1 q h q '?' q F2 Escape C Escape F3 a Escape / b Enter \
			F4 m Escape '\' m Escape F5 F5 F6 Escape '>' Escape F7 F8 k Escape F9 Escape Escape; do
			mux send-keys "$key"
		done
		poll_until 60 shows 'F1'
		mux send-keys 1
		poll_until 60 shows 'mkthreads'
		mux kill-server
	done
}

# mouse BUTTON COL ROW - what a terminal sends when a button goes down there, and up again: 0 the left one, 64 and 65 the wheel.
mouse()
{
	local down up
	printf -v down '\\e[M\\x%x\\x%x\\x%x' $((32 + $1)) $((32 + $2)) $((32 + $3))
	printf -v up '\\e[M\\x%x\\x%x\\x%x' 35 $((32 + $2)) $((32 + $3))
	[ "$1" -eq 0 ] || up=
	mux send-keys -l "$(printf '%b' "$down$up")"
}

# row_of REGEX - the line of the screen that it stands in, from 1.
row_of()
{
	screen | grep -nE -m 1 -- "$1" | cut -d: -f1
}

# tids - the numbers of the list, as they stand there.
tids()
{
	screen | grep -oE '^ *[0-9]+ mk[a-z]*' | awk '{ print $1 }'
}
rising()
{
	[ "$(tids | wc -l)" = 6 ] && tids | sort -c -n 2>/dev/null
}
falling()
{
	[ "$(tids | wc -l)" = 6 ] && tids | sort -c -n -r 2>/dev/null
}

@test "the mouse: a click on a heading sorts, on a row chooses, twice opens it; the wheel moves; the last line has keys" {
	local third
	bg "$MKTHREADS" threads-live threads=5 hold_us=300000000 --timeout 300 >/dev/null
	poll_until 60 test -e "/proc/$bg_pid/task"
	ready() { [ "$(ls "/proc/$bg_pid/task" | wc -l)" = 6 ]; }
	poll_until 60 ready
	terminal 100x30 tmux-256color
	start -p "$bg_pid" --no-config -o tid,name,cpu_pct,state
	mouse 0 5 "$(row_of '^ *TID THREAD')"
	poll_until 60 rising
	mouse 0 5 "$(row_of '^ *TID THREAD')"
	poll_until 60 falling
	third=$(tids | sed -n 3p)
	mouse 0 4 "$(row_of "^ *$third ")"
	mouse 0 4 "$(row_of "^ *$third ")"
	poll_until 60 shows "thread $third"
	mux send-keys q
	poll_until 60 falling
	mux send-keys Home
	mouse 65 10 15
	mux send-keys Enter
	poll_until 60 shows "thread $(ls "/proc/$bg_pid/task" | sort -rn | sed -n 4p)"
	mux send-keys q
	poll_until 60 falling
	mouse 0 $(($(screen | tail -1 | grep -bo F10 | cut -d: -f1) + 2)) 30
	poll_until 60 at_prompt
	sane
}

@test "the terminal may become as small as 20 by 5, and as large as 300 by 80" {
	terminal 80x24 tmux-256color
	start
	mux resize-window -x 20 -y 5
	poll_until 60 shows '^F1HelpF2'
	[ "$(screen | wc -l)" -le 5 ]
	mux resize-window -x 300 -y 80
	poll_until 60 shows 'Enter detail'
	mux send-keys 4 Tab
	mux resize-window -x 1 -y 1
	mux resize-window -x 80 -y 24
	poll_until 60 shows 'F10Quit'
	quit
	sane
}

@test "a terminal that cannot be drawn on, and none at all, are answered in words" {
	run threadtop </dev/null
	assert_status 2
	assert_contains "$output" "the screen needs a terminal: use -b, --json or --csv"
	for term in dumb no-such-terminal; do
		terminal 80x24 tmux-256color
		mux send-keys "TERM=$term threadtop; echo status \$?" Enter
		poll_until 60 shows '^status 2'
		assert_matches "$(screen)" "threadtop: the terminal '$term' (cannot be drawn on|is not known here)"
		mux kill-server
	done
}

@test "a signal is sent after a question only, and only for y" {
	sleep 600 3>&- &
	local victim=$!
	bg_pids+=("$victim")
	terminal 100x24 tmux-256color
	start -p "$victim" --no-config
	mux send-keys k
	poll_until 60 shows 'SIGTERM'
	mux send-keys Enter
	poll_until 60 shows "Send SIGTERM to $victim sleep\\? y or n"
	mux send-keys n
	poll_until 60 shows 'nothing was sent'
	kill -0 "$victim"
	mux send-keys F9
	poll_until 60 shows 'SIGTERM'
	mux send-keys Enter
	poll_until 60 shows 'y or n'
	mux send-keys y
	poll_until 60 gone "$victim"
}

@test "the nice value of a thread is changed, and shown" {
	sleep 600 3>&- &
	bg_pids+=("$!")
	terminal 100x24 tmux-256color
	start -p "$!" --no-config -o pid,tid,name,nice
	mux send-keys F8 F8
	poll_until 60 shows ' sleep +2$'
	assert_equal "$(ps -o ni= -p "$!" | tr -d ' ')" 2 "nice value"
}

@test "W saves the columns, the order, the delay and the theme, and the next start has them" {
	terminal 100x24 tmux-256color
	start -o tid,name,nice --sort nice --theme mono
	mux send-keys W
	poll_until 60 shows 'saved in'
	quit
	assert_equal "$(grep -E '^(columns|sort|theme|delay) ' .config/threadtools/threadtop.conf)" \
		$'columns = tid,name,nice\nsort = nice\ndelay = 100000000ns\ntheme = mono'
	mux send-keys clear Enter "threadtop -d 200ms" Enter
	poll_until 60 shows '^ *TID THREAD .* NI'
	quit
	mux send-keys clear Enter
	echo 'colums = tid' >>.config/threadtools/threadtop.conf
	mux send-keys threadtop Enter
	poll_until 60 shows "threadtop.conf:11: 'colums' is no setting"
	run threadtop --config .config/threadtools/threadtop.conf -b -n 1 -d 10ms
	assert_status 2
	run threadtop -b -n 1 -d 10ms --top 1
	assert_status 0
}

@test "the stack of a blocked thread, without stopping it" {
	bg "$MKTHREADS" threads-live threads=1 hold_us=300000000 --timeout 300 >/dev/null
	terminal 100x30 tmux-256color
	start -p "$bg_pid" --no-config
	mux send-keys s
	poll_until 60 shows 'read without stopping it'
	shows '#0'
	shows 'main|start_thread'
}

@test "a recording is played: it can be gone through, and says where it is" {
	threadtop --record r -b -n 8 -d 50ms --top 1 >/dev/null
	terminal 120x24 tmux-256color
	start --replay r --no-config
	poll_until 60 shows 'REPLAY 9/9'
	mux send-keys ',' ','
	poll_until 60 shows 'REPLAY 7/9 .*PAUSED'
	mux send-keys '\;'
	poll_until 60 shows 'REPLAY 1/9'
	mux send-keys '\;'
	poll_until 60 shows 'this is the first frame'
	mux send-keys ':'
	poll_until 60 shows 'REPLAY 9/9'
	mux send-keys g
	mux send-keys 00:00:01 Enter
	poll_until 60 shows 'the nearest frame|REPLAY'
	mux send-keys k
	poll_until 60 shows 'cannot be signalled'
	quit
	sane
}
