# The way of damaged recordings through reader and report; compiled as the tools are, so that SAN= reaches it.
DAMAGE := $(O)/tests/fuzz/damage
$(eval $(call compile,tests/fuzz,$$(PC_CFLAGS) $$(TOOLFLAGS)))
$(DAMAGE): $(O)/tests/fuzz/damage.o $(O)/libtt.a
	$(call say,LINK,$@) $(CC) $(SANFLAGS) $(COVFLAGS) $(LDFLAGS) -o $@ $< $(O)/libtt.a $(LIBS)
test-programs: $(DAMAGE)
