# Programs of the corpus: what a compiler makes of them by default (-O1 -g), unless their head says `// FLAGS: ...`.
CORPUS_C   := $(patsubst %.c,$(O)/%,$(wildcard tests/corpus/*.c))
CORPUS_CXX := $(patsubst %.cc,$(O)/%,$(wildcard tests/corpus/*.cc))
CORPUS_FLAGS = -O1 -g $(WARN) $(DEPS) -pthread $(shell sed -n 's|^// FLAGS: ||p' $<)
$(CORPUS_C): $(O)/%: %.c $(O)/.flags
	$(call say,CC,$<) mkdir -p $(@D) && $(CC) $(CPPFLAGS) -std=gnu17 $(CORPUS_FLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<
$(CORPUS_CXX): $(O)/%: %.cc $(O)/.flags
	$(call say,CXX,$<) mkdir -p $(@D) && $(CXX) $(CPPFLAGS) -std=gnu++17 $(CORPUS_FLAGS) $(CXXFLAGS) $(LDFLAGS) -o $@ $<
corpus: $(CORPUS_C) $(CORPUS_CXX)
test-programs: corpus
.PHONY: corpus
