# Subject programs that need more than one command: libraries that a program loads. The Makefile builds the others.
PROG_LIBS := $(patsubst tests/programs/lib/%.c,$(O)/tests/programs/%.so,$(wildcard tests/programs/lib/*.c))
$(O)/tests/programs/%.so: tests/programs/lib/%.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(PROGFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<
$(O)/tests/programs/dlopen_deadlock: LDLIBS = -ldl -rdynamic
test-programs: $(PROG_LIBS)
