# The way of damaged recordings through reader and report; compiled as the tools are, so that SAN= reaches it.
DAMAGE := $(O)/tests/fuzz/damage
$(eval $(call compile,tests/fuzz,$$(PC_CFLAGS) $$(TOOLFLAGS)))
$(DAMAGE): $(O)/tests/fuzz/damage.o $(O)/libtt.a
	$(call say,LINK,$@) $(CC) $(SANFLAGS) $(COVFLAGS) $(LDFLAGS) -o $@ $< $(O)/libtt.a $(LIBS)
test-programs: $(DAMAGE)

# Fuzz targets, each in two shapes: fuzz-NAME with the fuzzer's own main, replay-NAME with that of standalone.h. tests/fuzz/run calls
# this with a compiler, sanitizers and a folder of its own, so that all targets share the objects.
FUZZ_TARGETS    := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LINK       ?= -fsanitize=fuzzer
FUZZ_reader     := tests/unit/recbuild tests/unit/recwalk
FUZZ_reports    := tests/unit/recbuild
FUZZ_top        := $(addprefix tools/threadtop/,columns pools expr select view view_locks)
define fuzz_target # name
$(O)/tests/fuzz/fuzz-$(1): $(O)/tests/fuzz/fuzz_$(1).o $(FUZZ_$(1):%=$(O)/%.o) $(O)/libtt.a
	$$(call say,LINK,$$@) $$(CC) $$(FUZZ_LINK) $$(SANFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
$(O)/tests/fuzz/replay-$(1): $(O)/tests/fuzz/replay_$(1).o $(FUZZ_$(1):%=$(O)/%.o) $(O)/libtt.a
	$$(call say,LINK,$$@) $$(CC) $$(SANFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(O)/tests/fuzz/replay_%.o: tests/fuzz/fuzz_%.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -DFUZZ_MAIN $(PC_CFLAGS) $(TOOLFLAGS) $(CFLAGS) -c -o $@ $<
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(t))))
