// SPDX-License-Identifier: GPL-3.0-or-later
// dead_upgrade_self.cc - hangs: one thread has a std::shared_mutex for reading and wants it for writing.
// EXPECT: deadlock level=error confidence=proven
// ALLOW: lock-long-hold lock-contention relock
#include <mutex>
#include <shared_mutex>

static std::shared_mutex data;

int main()
{
	std::shared_lock<std::shared_mutex> reading(data);
	std::unique_lock<std::shared_mutex> writing(data);
}
