# threadtools: `make help` lists the targets and variables.
VERSION := 0.1.0

O      ?= build
PREFIX ?= /usr/local
CC     ?= gcc
CXX    ?= g++
bindir     = $(PREFIX)/bin
libdir     = $(PREFIX)/lib/threadtools
mandir     = $(PREFIX)/share/man
datadir    = $(PREFIX)/share
bashcompdir = $(PREFIX)/share/bash-completion/completions

OPT      ?= -O2 -g
WARN      = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings
WARN     += $(if $(DEVELOPER),-Werror)
SANFLAGS  = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
COVFLAGS  = $(if $(COVERAGE),--coverage)
CPPFLAGS += -I. -D_GNU_SOURCE -DTT_VERSION='"$(VERSION)"'
BASE      = -std=gnu17 $(OPT) $(WARN) -MMD -MP
TOOLFLAGS = $(BASE) -fno-strict-aliasing -fstack-protector-strong $(SANFLAGS) $(COVFLAGS)

# The shim never sees a sanitizer, pkg-config or stack protector: it runs inside other people's programs.
SHIMFLAGS = $(BASE) -fPIC -fvisibility=hidden -ftls-model=initial-exec -fexceptions -fasynchronous-unwind-tables \
            -fno-optimize-sibling-calls -fno-stack-protector -fno-plt -fno-strict-aliasing $(SHIM_DEFS)
SHIMLINK  = -shared -Wl,-z,now,-z,relro,-z,nodelete -Wl,--no-undefined -Wl,--no-undefined-version -Wl,-soname,libthreadcheck.so

PKGS      = libdw libelf jansson libproc2 ncursesw
PC_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS      = $(shell pkg-config --libs libdw libelf jansson 2>/dev/null || echo -ldw -lelf -ljansson) -lstdc++ -lm -lpthread

ifneq ($(V),1)
Q = @
say = @printf '  %-7s %s\n' $(1) '$(2)';
endif

LIB_SRC   := $(wildcard lib/*/*.c)
LIB_OBJ   := $(LIB_SRC:%.c=$(O)/%.o)
TOOL_SRC  := $(wildcard tools/*.c)
TOOLS     := $(patsubst tools/%.c,$(O)/bin/%,$(TOOL_SRC)) $(patsubst tools/%/main.c,$(O)/bin/%,$(wildcard tools/*/main.c))
SHIM_SRC  := $(wildcard preload/*.c)
SHIM_OBJ  := $(SHIM_SRC:%.c=$(O)/%.o)
SHIM      := $(O)/lib/libthreadcheck.so
UNIT_SRC  := $(wildcard tests/unit/test_*.c)
UNITS     := $(UNIT_SRC:%.c=$(O)/%)

all: $(TOOLS) $(if $(SHIM_SRC),$(SHIM)) ## build everything into build/ (the default)

$(O)/lib/%.o: lib/%.c
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(PC_CFLAGS) $(TOOLFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/tools/%.o: tools/%.c
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(PC_CFLAGS) $(TOOLFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/tests/unit/%.o: tests/unit/%.c
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(PC_CFLAGS) $(TOOLFLAGS) $(CFLAGS) -c -o $@ $<
$(O)/preload/%.o: preload/%.c
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(SHIMFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/libtt.a: $(LIB_OBJ)
	$(call say,AR,$@) rm -f $@ && ar rcs $@ $(LIB_OBJ)

$(O)/bin/%: $(O)/tools/%.o $(O)/libtt.a
	$(call say,LINK,$@) mkdir -p $(@D) && $(CC) $(SANFLAGS) $(COVFLAGS) $(LDFLAGS) -o $@ $< $(O)/libtt.a $(LIBS)

$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(O)/libtt.a
	$(call say,LINK,$@) mkdir -p $(@D) && $(CC) $(SANFLAGS) $(COVFLAGS) $(LDFLAGS) -o $@ $< $($(notdir $@)_OBJ) $(O)/libtt.a $(LIBS)

# The export list comes from the hook table: a row without a body does not link.
$(O)/preload/exports.map: preload/hooks.def preload/exports.map.in
	$(call say,GEN,$@) mkdir -p $(@D) && $(CC) -E -P -x c -I. preload/exports.map.in -o $@
$(SHIM): $(SHIM_OBJ) $(O)/preload/exports.map
	$(call say,LINK,$@) mkdir -p $(@D) && $(CC) $(SHIMLINK) -Wl,--version-script=$(O)/preload/exports.map -o $@ $(SHIM_OBJ)

help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 18

clean: ## remove build/
	rm -rf $(O)

.PHONY: all help clean
.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
