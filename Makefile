# threadtools. `make help` lists targets and variables. Sources are found by wildcard: nothing to edit when a file is added.
VERSION := 0.1.0

O      ?= build
PREFIX ?= /usr/local
CC     ?= gcc
CXX    ?= g++
RUSTC  ?= rustc

bindir      = $(PREFIX)/bin
libdir      = $(PREFIX)/lib/threadtools
mandir      = $(PREFIX)/share/man
docdir      = $(PREFIX)/share/doc/threadtools
bashcompdir = $(PREFIX)/share/bash-completion/completions

OPT      ?= -O2 -g
WARN      = -Wall -Wextra -Wpointer-arith $(if $(DEVELOPER),-Werror)
CWARN     = $(WARN) -Wwrite-strings -Wshadow -Wstrict-prototypes -Wmissing-prototypes
SANFLAGS  = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
COVFLAGS  = $(if $(COVERAGE),--coverage)
CPPFLAGS += -I. -D_GNU_SOURCE -DTT_VERSION='"$(VERSION)"'
DEPS      = -MMD -MP
BASE      = -std=gnu17 $(OPT) $(CWARN) $(DEPS)
TOOLFLAGS = $(BASE) -fno-strict-aliasing -fstack-protector-strong $(SANFLAGS) $(COVFLAGS)

# Intel's microcode against the JCC erratum slows branches that touch a 32-byte boundary: up to a tenth of a mutex pair, by chance.
comma := ,
WITHIN_32 := -mbranches-within-32B-boundaries
WITHIN_32 := $(firstword $(foreach f,$(WITHIN_32) -Wa$(comma)$(WITHIN_32),$(shell $(CC) $(f) -xc -c -o /dev/null /dev/null 2>/dev/null && echo $(f))))

# The shim never sees a sanitizer, pkg-config or stack protector: it runs inside other people's programs.
SHIMFLAGS = $(BASE) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions -fasynchronous-unwind-tables \
            -fno-stack-protector -fno-plt -fno-strict-aliasing -fstack-usage $(WITHIN_32) $(SHIM_DEFS)
SHIMLINK  = -shared -Wl,-z,now,-z,relro,-z,nodelete -Wl,--no-undefined -Wl,--no-undefined-version -Wl,-soname,libthreadcheck.so

# Subject programs of the tests: ordinary programs, without sanitizers.
PROGFLAGS = $(OPT) $(WARN) $(DEPS) -pthread

PKGS      = libdw libelf liblzma libunwind-generic jansson libproc2 ncursesw
PC_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# libgcc_s first: libunwind has its own _Unwind_Backtrace and _Unwind_RaiseException, which are neither as exact nor as quiet.
LIBS      = -Wl,--as-needed -lgcc_s $(shell pkg-config --libs $(PKGS) 2>/dev/null || echo -ldw -lelf -llzma -lunwind-x86_64 -lunwind -ljansson) -lstdc++ -lm -lpthread

ifneq ($(V),1)
say = @printf '  %-7s %s\n' $(1) '$(2)';
endif
# Jobs for recipes that run make again; an outer -j is inherited.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

LIB_SRC    := $(wildcard lib/*/*.c)
PAGE       := $(addprefix lib/out/assets/,report.css base.js table.js graph.js charts.js page.js)
LIB_OBJ    := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/html_assets.o
TOOL_SRC   := $(wildcard tools/*.c)
TOOL_DIRS  := $(patsubst tools/%/main.c,%,$(wildcard tools/*/main.c))
TOOLS      := $(TOOL_SRC:tools/%.c=$(O)/bin/%) $(TOOL_DIRS:%=$(O)/bin/%)
SHIM_SRC   := $(wildcard preload/*.c)
SHIM_OBJ   := $(SHIM_SRC:%.c=$(O)/%.o)
SHIM       := $(O)/lib/libthreadcheck.so
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNITS      := $(UNIT_SRC:%.c=$(O)/%)
MK_SRC     := $(wildcard tests/mkthreads/*.c tests/mkthreads/*.cc)
MKTHREADS  := $(if $(MK_SRC),$(O)/tests/bin/mkthreads)
MK_OBJ     := $(addprefix $(O)/,$(addsuffix .o,$(MK_SRC)))
PROG_SRC   := $(wildcard tests/programs/*.c tests/transparency/*.c)
PROG_CXX   := $(wildcard tests/real/*.cc tests/programs/*.cc tests/transparency/*.cc)
PROG_RUST  := $(wildcard tests/real/*.rs tests/programs/*.rs)
PROGRAMS   := $(PROG_SRC:%.c=$(O)/%) $(PROG_CXX:%.cc=$(O)/%) $(if $(shell command -v $(RUSTC)),$(PROG_RUST:%.rs=$(O)/%))
COMPLETION := $(TOOLS:$(O)/bin/%=$(O)/completions/%)
MAN        := $(wildcard man/*.[1-9])

all: $(TOOLS) $(if $(SHIM_SRC),$(SHIM)) ## build everything into build/ (the default)

# ------------------------------------------------------------------ compile

# Changed flags rebuild everything: objects depend on this file, which changes only with its content.
FLAGS := $(CC) $(CXX) $(CPPFLAGS) $(CFLAGS) $(CXXFLAGS) $(LDFLAGS) $(OPT) $(SAN) $(COVERAGE) $(DEVELOPER) $(SHIM_DEFS)
$(O)/.flags: FORCE
	@mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@
FORCE:

define compile # directory, compiler, flags
$(O)/$(1)/%.o: $(1)/%.c $(O)/.flags
	$$(call say,CC,$$<) mkdir -p $$(@D) && $$(CC) $$(CPPFLAGS) $(2) $$(CFLAGS) -c -o $$@ $$<
endef
$(eval $(call compile,lib,$$(PC_CFLAGS) $$(TOOLFLAGS)))
$(eval $(call compile,tools,$$(PC_CFLAGS) $$(TOOLFLAGS)))
$(eval $(call compile,tests/unit,$$(PC_CFLAGS) $$(TOOLFLAGS)))
$(eval $(call compile,preload,$$(SHIMFLAGS)))

# The style and the script of the HTML report, as C.
$(O)/gen/html_assets.c: lib/out/assets/embed $(PAGE)
	$(call say,GEN,$@) mkdir -p $(@D) && lib/out/assets/embed $(PAGE) >$@
$(O)/gen/html_assets.o: $(O)/gen/html_assets.c $(O)/.flags
	$(call say,CC,$<) $(CC) $(CPPFLAGS) $(TOOLFLAGS) $(CFLAGS) -c -o $@ $<

# The shim's parts inside an ordinary program, so that unit tests can run them under a sanitizer.
$(O)/testobj/%.o: %.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(TOOLFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/testobj/%.cc.o: %.cc $(O)/.flags
	$(call say,CXX,$<) mkdir -p $(@D) && $(CXX) $(CPPFLAGS) -std=gnu++20 $(PROGFLAGS) $(SANFLAGS) $(CXXFLAGS) -c -o $@ $<
$(O)/tests/mkthreads/%.c.o: tests/mkthreads/%.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(PROGFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/tests/mkthreads/%.cc.o: tests/mkthreads/%.cc $(O)/.flags
	$(call say,CXX,$<) mkdir -p $(@D) && $(CXX) $(CPPFLAGS) -std=gnu++20 $(PROGFLAGS) $(CXXFLAGS) -c -o $@ $<

# ------------------------------------------------------------------ link

$(O)/libtt.a: $(LIB_OBJ)
	$(call say,AR,$@) rm -f $@ && ar rcs $@ $(LIB_OBJ)

$(O)/bin/%: $(O)/tools/%.o $(O)/libtt.a
	$(call say,LINK,$@) mkdir -p $(@D) && $(CC) $(SANFLAGS) $(COVFLAGS) $(LDFLAGS) -o $@ $< $(O)/libtt.a $(LIBS)

define tool_directory # name
$(O)/bin/$(1): $(patsubst %.c,$(O)/%.o,$(wildcard tools/$(1)/*.c)) $(O)/libtt.a
	$$(call say,LINK,$$@) mkdir -p $$(@D) && $$(CC) $$(SANFLAGS) $$(COVFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach d,$(TOOL_DIRS),$(eval $(call tool_directory,$(d))))

# The export list comes from the hook table: a row without a body does not link.
$(O)/preload/exports.map: preload/exports.map.in preload/hooks.def
	$(call say,GEN,$@) mkdir -p $(@D) && $(CC) -E -P -x c -I. $< -o $@
$(SHIM): $(SHIM_OBJ) $(O)/preload/exports.map
	$(call say,LINK,$@) mkdir -p $(@D) && $(CC) $(SHIMLINK) $(LDFLAGS) -Wl,--version-script=$(O)/preload/exports.map -o $@ $(SHIM_OBJ)

$(MKTHREADS): $(MK_OBJ)
	$(call say,LINK,$@) mkdir -p $(@D) && $(CXX) -pthread $(LDFLAGS) -o $@ $(MK_OBJ)
$(O)/tests/programs/% $(O)/tests/transparency/%: LDLIBS = -ldl -lm
$(O)/tests/%: tests/%.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(PROGFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LDLIBS)
$(O)/tests/%: tests/%.cc $(O)/.flags
	$(call say,CXX,$<) mkdir -p $(@D) && $(CXX) $(CPPFLAGS) -std=gnu++20 $(PROGFLAGS) $(CXXFLAGS) $(LDFLAGS) -o $@ $< $(LDLIBS)
$(O)/tests/%: tests/%.rs
	$(call say,RUSTC,$<) mkdir -p $(@D) && env -u MAKEFLAGS -u MFLAGS $(RUSTC) -O -g -o $@ $<

# A unit test names what it needs of the shim in its own first lines: /* LINK: preload/arena.c preload/locks.c */
linked = $(patsubst %.c,$(O)/testobj/%.o,$(patsubst %.cc,$(O)/testobj/%.cc.o,$(shell sed -n 's|^/\* LINK: \(.*\) \*/$$|\1|p' $(1))))
.SECONDEXPANSION:
$(UNITS): $(O)/%: $(O)/%.o $(O)/libtt.a $$(call linked,$$*.c)
	$(call say,LINK,$@) $(CC) $(SANFLAGS) $(COVFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/libtt.a $(LIBS)
# A program with holes between its segments, for the stack walker.
$(O)/tests/unit/test_stack_gap: private LDFLAGS += -Wl,-z,max-page-size=0x200000
# A benchmark does the same, and gets those parts as they are in the shim.
linked_shim = $(patsubst $(O)/testobj/%,$(O)/%,$(call linked,$(1)))
$(O)/tests/bench/%: tests/bench/%.c $(O)/.flags $$(call linked_shim,tests/bench/$$*.c)
	$(call say,CC,$@) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(PROGFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c %.o,$^) -ldl

$(O)/completions/%: $(O)/bin/%
	$(call say,GEN,$@) mkdir -p $(@D) && $< --help-completion=bash >$@

-include $(wildcard tests/*/rules.mk)

# ------------------------------------------------------------------ tests

test-programs: all $(UNITS) $(MKTHREADS) $(PROGRAMS) $(COMPLETION) ## build what the tests need, without running them

check: ## run all tests; installs what they need (as root on Debian). TESTS="layers.bats test_util_buf" runs some
	@tests/setup build check programs
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	@tests/run $(O) $(TESTS)
check-unit: ## only the unit tests
	@tests/setup build
	@$(MAKE) --no-print-directory $(JOBS) $(UNITS)
	@tests/run $(O) $(or $(TESTS),unit)
check-bats: ## only the end-to-end tests (tests/*.bats)
	@tests/setup build check programs
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	@tests/run $(O) $(or $(TESTS),bats)

lint: ## formatting, clang-tidy, cppcheck, shellcheck, man pages
	@tests/setup build lint
	@$(MAKE) --no-print-directory $(JOBS) $(COMPLETION)
	@.ci/lint $(O)

format: ## let clang-format rewrite the sources
	@find lib preload tools tests -name '*.[ch]' -o -name '*.cc' | xargs clang-format -i

# One stamp per source, so that only what changed is analysed again. Called by .ci/lint.
HEADERS := $(wildcard lib/*/*.h lib/*/*.def preload/*.h preload/*.def tools/*.h tools/*/*.h)
TIDY    := $(patsubst %.c,$(O)/lint/%.tidy,$(LIB_SRC) $(TOOL_SRC) $(wildcard tools/*/*.c) $(SHIM_SRC))
# The analyzer's own limit on states per function (225000) takes minutes for one file.
TIDY_LIMIT = -Xclang -analyzer-config -Xclang max-nodes=20000
tidy: $(TIDY)
$(O)/lint/%.tidy: %.c .clang-tidy $(HEADERS)
	@mkdir -p $(@D); clang-tidy --quiet --warnings-as-errors='*' $< -- $(CPPFLAGS) $(PC_CFLAGS) -std=gnu17 $(TIDY_LIMIT) >$@.out 2>/dev/null && \
		touch $@ || { grep -E '(error|warning): ' $@.out; echo '  (why: $@.out)'; exit 1; }

demo: ## build, and run a python program with contended locks under threadcheck
	@tests/setup build demo
	@$(MAKE) --no-print-directory $(JOBS) all
	$(O)/bin/threadcheck --fail-on=never -- $(firstword $(wildcard /usr/bin/python3) python3) tests/programs/demo.py

bench: ## measure what the shim costs, beside the peers that are installed, threadsize's sizes against sweeps (as root) and on real programs
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	TT_BUILD=$(abspath $(O)) tests/bench/run
	TT_BUILD=$(abspath $(O)) tests/bench/size --json $(O)/bench-size.json
	TT_BUILD=$(abspath $(O)) tests/bench/advice --json $(O)/bench-advice.json
mutants: ## plant faults in the shim, one at a time: a test must catch each
	@tests/setup build check programs
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	TT_BUILD=$(abspath $(O)) tests/mutants/run
fuzz: ## feed damaged recordings and texts to what reads them. FUZZ_SECONDS=300
	TT_BUILD=$(abspath $(O)) FUZZ_SECONDS=$(or $(FUZZ_SECONDS),300) tests/fuzz/run

# ------------------------------------------------------------------ install

install: all $(COMPLETION) ## install below DESTDIR, into PREFIX (/usr/local)
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir) $(DESTDIR)$(docdir) $(DESTDIR)$(bashcompdir)
	install -m 755 $(TOOLS) $(DESTDIR)$(bindir)
	install -m 644 $(SHIM) $(DESTDIR)$(libdir)
	install -m 644 $(COMPLETION) $(DESTDIR)$(bashcompdir)
	install -m 644 $(wildcard README.md) NEWS LICENSE preload/COPYING.LESSER $(DESTDIR)$(docdir)
	$(foreach m,$(MAN),install -D -m 644 $(m) $(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)) &&) true

uninstall: ## remove what install put there
	rm -f $(TOOLS:$(O)/bin/%=$(DESTDIR)$(bindir)/%) $(COMPLETION:$(O)/completions/%=$(DESTDIR)$(bashcompdir)/%)
	rm -f $(foreach m,$(MAN),$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
	rm -rf $(DESTDIR)$(libdir) $(DESTDIR)$(docdir)

clean: ## remove build/
	rm -rf $(O)

help: ## this list
	@echo 'Targets:'
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' Makefile | expand -t 18
	@echo 'Variables:'
	@printf '  %-15s %s\n' O=DIR 'build into DIR instead of build/' V=1 'show the commands' CC=clang 'another compiler' \
		OPT=-O0\ -g 'optimisation' SAN=LIST 'sanitizers for tools and unit tests: address,undefined or thread' \
		COVERAGE=1 'gcov for tools and lib' DEVELOPER=1 'warnings are errors' PREFIX=DIR 'where install puts things (/usr/local)' \
		DESTDIR=DIR 'root to install into' TESTS=NAMES 'which tests check runs'

.PHONY: all test-programs check check-unit check-bats lint format tidy demo bench mutants fuzz install uninstall clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
