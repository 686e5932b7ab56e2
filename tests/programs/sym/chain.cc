/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chain.cc - a subject of the symbol tests: namespaces, templates, methods, lambdas, an operator. */
#include "truth.h"

#define INLINE inline __attribute__((always_inline))
#define APART  __attribute__((noinline, noclone, noipa))

namespace shop
{

template <typename T> struct Shelf {
	T value;

	INLINE void look() const
	{
		AT(0) note("shop::Shelf<int>::look() const;shop::Shelf<int>::take(int);shop::sell(shop::Shelf<int>&)");
	}
	INLINE T take(int n)
	{
		AT(1) look();
		return value + n;
	}
	APART bool operator<(const Shelf &other) const;
};

template <typename T> bool Shelf<T>::operator<(const Shelf &other) const
{
	AT(0) note("shop::Shelf<int>::operator<(shop::Shelf<int> const&) const");
	return value < other.value;
}

APART int sell(Shelf<int> &shelf)
{
	AT(2) shelf.take(2);
	return shelf.value;
}

namespace
{
APART void hidden(double)
{
	AT(0) note("shop::(anonymous namespace)::hidden(double)");
	__asm__ volatile("");
}
} // namespace

APART void use(double number)
{
	hidden(number);
	__asm__ volatile("");
}

} // namespace shop

int main()
{
	print_self();
	shop::Shelf<int> shelf{5}, other{6};
	shop::sell(shelf);
	shop::use(1.5);
	return (shelf < other) ? 0 : 1;
}
