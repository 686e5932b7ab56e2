// SPDX-License-Identifier: GPL-3.0-or-later
// stack_shapes_cxx.cc - stack_shapes.h for what only C++ has: landing pads, destructors that run while an exception passes,
// catch blocks, lambdas called from library templates.
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/unit/stack_shapes.h"

namespace
{
volatile int sink;

struct calls_when_destroyed {
	stack_fn *what;
	void *arg;
	~calls_when_destroyed()
	{
		what(arg);
		sink = sink + 1;
	}
};

__attribute__((noinline)) void throws(int n)
{
	std::string text(static_cast<size_t>(n) + 40, 'x');
	throw std::runtime_error(text);
}

__attribute__((noinline)) void passes_exception(stack_fn *what, void *arg)
{
	calls_when_destroyed c{what, arg};
	throws(sink & 7);
}

void in_destructor(stack_fn *what, void *arg)
{
	try {
		passes_exception(what, arg);
	} catch (const std::exception &e) {
		sink = sink + e.what()[0];
	}
}

void in_catch(stack_fn *what, void *arg)
{
	try {
		throws(3);
	} catch (const std::runtime_error &e) {
		what(arg);
		sink = sink + e.what()[0];
	}
}

void in_rethrow(stack_fn *what, void *arg)
{
	try {
		try {
			throws(3);
		} catch (...) {
			calls_when_destroyed c{what, arg};
			throw;
		}
	} catch (...) {
		sink = sink + 1;
	}
}

void in_sort(stack_fn *what, void *arg)
{
	std::vector<int> v{5, 3, 1, 4, 2};
	bool called = false;
	std::sort(v.begin(), v.end(), [&](int a, int b) {
		if (!called)
			what(arg);
		called = true;
		return a < b;
	});
	sink = sink + v[0];
}

void in_noexcept(stack_fn *what, void *arg) noexcept
{
	calls_when_destroyed c{what, arg};
	sink = sink + 1;
}
} // namespace

extern "C" const struct stack_shape stack_shapes_cxx[] = {
	{"a destructor while an exception passes", in_destructor},
	{"a catch block", in_catch},
	{"a destructor while an exception is thrown again", in_rethrow},
	{"a lambda called by std::sort", in_sort},
	{"a noexcept function", in_noexcept},
	{nullptr, nullptr},
};
