// SPDX-License-Identifier: GPL-3.0-or-later
// use_freed_ok.cc - objects with locks that are deleted while nobody holds them; the lock of their owner is held meanwhile.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: freed-locked use-after-destroy destroy-locked
#include <map>
#include <memory>
#include <mutex>
#include <thread>

struct Entry {
	std::mutex lock;
	int uses = 0;
};
static std::mutex table_lock;
static std::map<int, std::unique_ptr<Entry>> table;

static void churn(int base)
{
	for (int i = 0; i < 100; i++) {
		std::lock_guard<std::mutex> hold(table_lock);
		auto &e = table[base + i % 7];
		if (!e)
			e = std::make_unique<Entry>();
		{
			std::lock_guard<std::mutex> entry(e->lock);
			e->uses++;
		}
		if (e->uses == 3)
			table.erase(base + i % 7);
	}
}

int main()
{
	std::thread t(churn, 0), u(churn, 100);
	t.join();
	u.join();
}
