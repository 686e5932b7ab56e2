# mkthreads once more, at -O0: stacks and inlining differ. The Makefile builds the ordinary one.
MK0_OBJ := $(MK_SRC:tests/mkthreads/%=$(O)/tests/obj/mkthreads-O0/%.o)
$(O)/tests/obj/mkthreads-O0/%.c.o: tests/mkthreads/%.c $(O)/.flags
	$(call say,CC,$< -O0) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(PROGFLAGS) -O0 $(CFLAGS) -c -o $@ $<
$(O)/tests/obj/mkthreads-O0/%.cc.o: tests/mkthreads/%.cc $(O)/.flags
	$(call say,CXX,$< -O0) mkdir -p $(@D) && $(CXX) $(CPPFLAGS) -std=gnu++20 $(PROGFLAGS) -O0 $(CXXFLAGS) -c -o $@ $<
$(O)/tests/bin/mkthreads-O0: $(MK0_OBJ)
	$(call say,LINK,$@) mkdir -p $(@D) && $(CXX) -pthread $(LDFLAGS) -o $@ $^
test-programs: $(O)/tests/bin/mkthreads-O0
