# Subject programs that need more than one command: libraries that a program loads. The Makefile builds the others.
PROG_LIBS := $(patsubst tests/programs/lib/%.c,$(O)/tests/programs/%.so,$(wildcard tests/programs/lib/*.c))
$(O)/tests/programs/%.so: tests/programs/lib/%.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(PROGFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<
$(O)/tests/programs/dlopen_deadlock: LDLIBS = -ldl -rdynamic

# One program whose threads' stacks have all shapes, compiled in all ways that an unwinder must cope with: shapes-WAY.
SHAPES_o2         := $(CC) -O2 -g
SHAPES_o0         := $(CC) -O0
SHAPES_stripped   := $(CC) -O2 -s
SHAPES_pointers   := $(CC) -O2 -fno-omit-frame-pointer -fno-asynchronous-unwind-tables
SHAPES_nothing    := $(CC) -O2 -fno-asynchronous-unwind-tables
SHAPES_debugframe := $(CC) -O2 -g -fno-asynchronous-unwind-tables
SHAPES_nohdr      := $(CC) -O2 -Wl,--no-eh-frame-hdr
SHAPES_static     := $(CC) -O2 -static
SHAPES_nopie      := $(CC) -O2 -no-pie -fno-plt
ifneq ($(shell command -v clang),)
SHAPES_clang      := clang -O2
SHAPES_lld        := $(if $(shell command -v ld.lld),clang -O1 -fuse-ld=lld)
endif
ifneq ($(shell command -v musl-gcc),)
SHAPES_musl       := musl-gcc -O2
SHAPES_muslstatic := musl-gcc -O2 -static
endif
SHAPES := $(foreach v,$(filter SHAPES_%,$(.VARIABLES)),$(if $($(v)),$(O)/tests/programs/stacks/shapes-$(v:SHAPES_%=%)))
$(SHAPES): $(O)/tests/programs/stacks/shapes-%: tests/programs/stacks/shapes.c $(O)/.flags
	$(call say,CC,$@) mkdir -p $(@D) && $(SHAPES_$*) -std=gnu17 -Wall -Wextra -pthread -o $@ $<
test-programs: $(PROG_LIBS) $(SHAPES)
