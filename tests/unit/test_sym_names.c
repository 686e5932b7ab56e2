/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_sym_names.c - demangling and its limits, short and stable names, source paths. */
#include "tests/unit/tap.h"

#include "lib/sym/symbols.h"

#include <stdlib.h>
#include <time.h>

static const char *demangled(const char *name)
{
	static struct tt_buf buf;
	tt_buf_clear(&buf);
	return tt_sym_demangle(&buf, name) == 1 ? tt_buf_str(&buf) : NULL;
}

static const char *shortened(const char *name)
{
	static struct tt_buf buf;
	tt_buf_clear(&buf);
	tt_sym_short_name(&buf, name);
	return tt_buf_str(&buf);
}

static void cxx(void)
{
	is_str(demangled("main"), NULL, "C names are not mangled");
	is_str(demangled("_Z"), NULL, "a prefix alone is no name");
	is_str(demangled("_Z3fooi"), "foo(int)", "a C++ function");
	is_str(demangled("_ZNSt5mutex4lockEv"), "std::mutex::lock()", "a method");
	is_str(demangled("_ZN3FooC4Ev"), "Foo::Foo()", "an abstract constructor, as DWARF has it");
	is_str(demangled("_Z3fooi.constprop.0"), "foo(int) [clone .constprop.0]", "a clone");
	is_str(demangled("_ZZ4mainENKUlvE_clEv"), "main::{lambda()#1}::operator()() const", "a lambda");
	is_str(demangled("_Z3foo(!"), NULL, "malformed names stay as they are");
}

/* The names of rustc's own documentation and of real programs. */
static void rust(void)
{
	is_str(demangled("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE"), "core::fmt::Write::write_fmt",
		"legacy: the hash goes");
	is_str(demangled("_ZN58_$LT$alloc..string..String$u20$as$u20$core..fmt..Write$GT$9write_str17h0123456789abcdefE"),
		"<alloc::string::String as core::fmt::Write>::write_str", "legacy: escapes");
	is_str(demangled("_ZN3foo3bar17h0123456789abcdefE.llvm.123"), "foo::bar", "legacy: a suffix of the compiler");
	is_str(demangled("_ZN3foo3barE"), "foo::bar", "without a hash it is C++");
	is_str(demangled("_RNvC6_123foo3bar"), "123foo::bar", "v0: a function of a crate");
	is_str(demangled("_RNvCskwGfYPst2Cb_3foo16example_function"), "foo::example_function", "v0: the crate's hash goes");
	is_str(demangled("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo"), "<mycrate::Example>::foo",
		"v0: an inherent method");
	is_str(demangled("_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo"),
		"<mycrate::Example as mycrate::Trait>::foo", "v0: a trait's method, and back references");
	is_str(demangled("_RINvCs7QNNtnBo96k_7mycrate3barjKj2_EB2_"), "mycrate::bar::<usize, 2>", "v0: generic arguments");
	is_str(demangled("_RNCNvCsgStHSCytQ6I_7mycrate4main0B3_"), "mycrate::main::{closure#0}", "v0: a closure");
	is_str(demangled("_RNvC7mycrateu8gdel_5qa"),
		"mycrate::g\xc3\xb6"
		"del",
		"v0: punycode");
	is_str(demangled("_RINvC1a1bRDNtB2_1TEL_E"), "a::b::<&dyn a::T>", "v0: trait objects");
	is_str(demangled("_RINvC1a1bFUKCRhmEuE"), "a::b::<unsafe extern \"C\" fn(&u8, u32)>", "v0: function pointers");
	is_str(demangled("_RINvC1a1bTlEAhj4_SdE"), "a::b::<(i32,), [u8; 4], [f64]>", "v0: tuples, arrays, slices");
	is_str(demangled("_RINvC1a1bKln5_Kb1_Kc41_E"), "a::b::<-5, true, 'A'>", "v0: constants");
	is_str(demangled("_RNvC1a1b.llvm.77"), "a::b", "v0: a suffix of the compiler");
	is_str(demangled("_RNvC1a"), NULL, "v0: cut short");
	is_str(demangled("_RNvC1a1bxyz!"), NULL, "v0: text behind the name");
	is_str(demangled("_RNvB_1a"), NULL, "v0: a back reference to itself");
	is_str(demangled("_RNvC99999999999999999999a1b"), NULL, "v0: a length beyond the name");
	is_str(demangled("_R1NvC1a1b"), NULL, "v0: a later version");
}

/* Names that print without end must neither take long nor grow. */
static void limits(void)
{
	char name[4096];
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);

	char *p = stpcpy(name, "_RINvC1a1b"); /* tuples of two back references each: 2^40 leaves */
	char last[8] = "u";
	for (int i = 0; i < 40; i++) {
		size_t at = (size_t)(p - name) - 2;
		p += sprintf(p, "T%s%sE", last, last);
		static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
		sprintf(last, "B%c%c_", digits[(at - 1) / 62], digits[(at - 1) % 62]);
	}
	strcpy(p, "E");
	is_str(demangled(name), NULL, "v0: back references that double are refused");

	memset(name, 'R', 3000);
	memcpy(name, "_RINvC1a1b", 10);
	strcpy(name + 900, "uE");
	is_str(demangled(name), NULL, "v0: nesting is bounded");

	p = stpcpy(name, "_Z1fI1AIiiE");
	for (int i = 0; i < 40; i++)
		p += sprintf(p, "1AIS%c_S%c_E", '0' + i % 9, '0' + i % 9);
	strcpy(p, "Evv");
	is_str(demangled(name), NULL, "C++: repeats that could double are refused");

	memset(name, 'a', sizeof(name) - 1);
	memcpy(name, "_Z2000", 6);
	name[sizeof(name) - 1] = '\0';
	is_str(demangled(name), NULL, "names beyond the length limit stay as they are");

	static const char alphabet[] = "_RZNSTICBEvu0123456789abcdefghijK$.pMXYsLDFGHAOPQx";
	unsigned kept = 0;
	srand(3);
	for (int i = 0; i < 200000; i++) {
		size_t len = 3 + (size_t)rand() % 60;
		strcpy(name, i % 3 ? "_R" : "_ZN");
		for (size_t j = strlen(name); j < len; j++)
			name[j] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
		name[len] = '\0';
		kept += demangled(name) != NULL;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	diag("%u of 200000 random names demangled", kept);
	ok(end.tv_sec - begin.tv_sec < 20, "all of this ends soon");
}

static void short_names(void)
{
	is_str(shortened("main"), "main", "a C name stays");
	is_str(shortened("foo.constprop.0"), "foo.constprop.0", "also a clone's");
	is_str(shortened("ns::C<int>::f(int, char) const"), "ns::C<int>::f", "parameters and qualifiers go");
	is_str(shortened("void std::sort<int*, A<(B)1> >(int*, int*)"), "std::sort<int*, A<(B)1> >", "the return type goes");
	is_str(shortened("shop::(anonymous namespace)::hidden(double)"), "shop::(anonymous namespace)::hidden",
		"anonymous namespaces stay");
	is_str(shortened("main::{lambda(int)#1}::operator()(int) const"), "main::{lambda(int)#1}::operator()", "lambdas stay");
	is_str(shortened("run(int)::{lambda()#2}::operator()() const [clone .isra.0]"), "run::{lambda()#2}::operator()",
		"the parameters of what surrounds a lambda go");
	is_str(shortened("A::operator<(A const&) const"), "A::operator<", "operator<");
	is_str(shortened("std::ostream& operator<< <char>(std::ostream&, char)"), "operator<< <char>",
		"operator<< with arguments");
	is_str(shortened("A::operator->() const"), "A::operator->", "operator->");
	is_str(shortened("A::operator unsigned long() const"), "A::operator unsigned long", "a conversion");
	is_str(shortened("operator new(unsigned long)"), "operator new", "operator new");
	is_str(shortened("<T as core::ops::Fn(A) -> B>::call"), "<T as core::ops::Fn(A) -> B>::call", "Rust paths stay");
	is_str(shortened("a::b::{closure#0}"), "a::b::{closure#0}", "Rust closures stay");
	is_str(shortened("((((("), "(((((", "unbalanced names stay");
	is_str(shortened(""), "", "an empty name stays");
}

static void stable_names(void)
{
	TT_BUF_AUTO(buf);
	struct tt_sym_frame frame = {.function = "f(int) [clone .part.0]", .module = "libx.so", .offset = 0x40};
	tt_sym_stable_name(&buf, &frame);
	is_str(tt_buf_str(&buf), "libx.so!f(int)", "module and function, without offset and clone");
	tt_buf_clear(&buf);
	frame.function = "g.cold";
	tt_sym_stable_name(&buf, &frame);
	is_str(tt_buf_str(&buf), "libx.so!g", "the cold part of a function is that function");
	tt_buf_clear(&buf);
	frame.function = NULL;
	tt_sym_stable_name(&buf, &frame);
	is_str(tt_buf_str(&buf), "libx.so+0x40", "without a function the place in the file");
	tt_buf_clear(&buf);
	frame = (struct tt_sym_frame){0};
	tt_sym_stable_name(&buf, &frame);
	is_str(tt_buf_str(&buf), "?", "without a module nothing that a load address could change");
}

static void sources(void)
{
	struct tt_sym_options options = {.source_root = "/home/me/project/"};
	struct tt_sym *s;
	if (tt_sym_create(&options, &s, NULL))
		return;
	is_str(tt_sym_source(s, "/home/me/project/src/../lib//a.c"), "lib/a.c", "the root goes, the path is tidied");
	is_str(tt_sym_source(s, "/home/me/projector/a.c"), "/home/me/projector/a.c", "a directory of a similar name stays");
	is_str(tt_sym_source(s, "./nptl/../csu/./x.c"), "csu/x.c", "a relative path is tidied");
	is_str(tt_sym_source(s, "../../a.c"), "../../a.c", "what leads out of a relative path stays");
	is_str(tt_sym_source(s, "/../a.c"), "/a.c", "nothing is above the root directory");
	is_str(tt_sym_source(s, "a/.."), ".", "nothing left is the directory itself");
	is_str(tt_sym_source(s, NULL), NULL, "no path, no text");
	ok(tt_sym_source(s, "a//b.c") == tt_sym_source(s, "a//b.c"), "the same path gives the same pointer");
	tt_sym_destroy(s);

	static const char *const paths[] = {"/a/b/c.c", NULL, "/a/b/d/e.c", "/a/bc.c"};
	is_int(tt_sym_common_dir(paths, 3), 5, "the common directory ends behind a slash");
	is_int(tt_sym_common_dir(paths, 4), 3, "and at no part of a name");
	is_int(tt_sym_common_dir(paths, 0), 0, "no paths have nothing in common");
}

int main(void)
{
	cxx();
	rust();
	limits();
	short_names();
	stable_names();
	sources();
	return done();
}
