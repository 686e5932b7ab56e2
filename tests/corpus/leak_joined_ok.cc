// SPDX-License-Identifier: GPL-3.0-or-later
// leak_joined_ok.cc - threads joined by others than their creators: by a jthread's destructor, a future, an async.
// EXPECT: none
// FORBID: thread-leak-unjoined thread-leak-running double-join
// FLAGS: -std=c++20
#include <future>
#include <thread>
#include <vector>

static std::thread handed_over;

int main()
{
	std::vector<std::jthread> pool;
	for (int i = 0; i < 4; i++)
		pool.emplace_back([] {});
	std::thread creator([] { handed_over = std::thread([] {}); });
	creator.join();
	handed_over.join();
	auto answer = std::async(std::launch::async, [] { return 42; });
	std::packaged_task<int()> task([] { return 42; });
	auto promise = task.get_future();
	std::thread runner(std::move(task));
	runner.join();
	return answer.get() != promise.get();
}
