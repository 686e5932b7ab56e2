/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * stdlocks - a C++20 program that uses what the standard library has for threads, and prints what came out. The output is the
 * same on every run. Nothing in it knows of the shim. Called by tests/languages.bats.
 */
#include <atomic>
#include <barrier>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <semaphore>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace
{
/* A queue as everybody writes it once. */
template <typename T> class work_queue
{
	std::mutex mutex_;
	std::condition_variable filled_;
	std::deque<T> items_;
	bool closed_ = false;

      public:
	void put(T item)
	{
		{
			std::lock_guard lock(mutex_);
			items_.push_back(std::move(item));
		}
		filled_.notify_one();
	}
	std::optional<T> take()
	{
		std::unique_lock lock(mutex_);
		filled_.wait(lock, [this] { return closed_ || !items_.empty(); });
		if (items_.empty())
			return std::nullopt;
		T item = std::move(items_.front());
		items_.pop_front();
		return item;
	}
	void close()
	{
		{
			std::lock_guard lock(mutex_);
			closed_ = true;
		}
		filled_.notify_all();
	}
};

long sum_through_queue()
{
	work_queue<int> queue;
	std::atomic<long> sum = 0;
	{
		std::vector<std::jthread> workers;
		for (int i = 0; i < 4; i++)
			workers.emplace_back([&] {
				while (auto item = queue.take())
					sum += *item;
			});
		for (int i = 1; i <= 20000; i++)
			queue.put(i);
		queue.close();
	}
	return sum;
}

/* Readers and a writer on one map; readers count what they must never see. */
long torn_reads()
{
	std::shared_mutex mutex;
	std::map<int, int> values = {{0, 0}, {1, 0}};
	std::atomic<long> torn = 0;
	{
		std::vector<std::jthread> threads;
		for (int r = 0; r < 3; r++)
			threads.emplace_back([&] {
				for (int i = 0; i < 5000; i++) {
					std::shared_lock lock(mutex);
					torn += values[0] != values[1];
				}
			});
		threads.emplace_back([&] {
			for (int i = 0; i < 1000; i++) {
				std::unique_lock lock(mutex);
				values[0]++;
				values[1]++;
			}
		});
	}
	std::printf("written %d\n", values[0]);
	return torn;
}

int rounds_of_barrier()
{
	std::atomic<int> completed = 0;
	std::barrier barrier(3, [&]() noexcept { completed++; });
	std::latch done(3);
	std::vector<std::jthread> threads;
	for (int t = 0; t < 3; t++)
		threads.emplace_back([&] {
			for (int i = 0; i < 100; i++)
				barrier.arrive_and_wait();
			done.count_down();
		});
	done.wait();
	return completed;
}

long through_semaphores()
{
	std::counting_semaphore<4> free(4);
	std::binary_semaphore one(1);
	long inside = 0, most = 0, now = 0;
	std::vector<std::jthread> threads;
	for (int t = 0; t < 8; t++)
		threads.emplace_back([&] {
			for (int i = 0; i < 200; i++) {
				free.acquire();
				one.acquire();
				inside++;
				most = std::max(most, ++now);
				one.release();
				one.acquire();
				now--;
				one.release();
				free.release();
			}
		});
	threads.clear();
	std::printf("at most 4 inside: %s\n", most <= 4 ? "yes" : "no");
	return inside;
}

long through_futures()
{
	std::vector<std::future<long>> parts;
	for (long p = 0; p < 10; p++)
		parts.push_back(std::async(std::launch::async, [p] {
			std::vector<long> numbers(1000);
			std::iota(numbers.begin(), numbers.end(), p * 1000);
			return std::accumulate(numbers.begin(), numbers.end(), 0L);
		}));
	long sum = 0;
	for (auto &part : parts)
		sum += part.get();
	return sum;
}

int stopped()
{
	std::mutex mutex;
	std::condition_variable_any wake;
	std::atomic<int> stops = 0;
	{
		std::jthread sleeper([&](std::stop_token stop) {
			std::unique_lock lock(mutex);
			wake.wait(lock, stop, [] { return false; });
			stops++;
		});
	}
	return stops;
}

int waits_on_atomic()
{
	std::atomic<int> turn = 0;
	std::jthread other([&] {
		for (int i = 0; i < 100; i++) {
			turn.wait(2 * i);
			turn = 2 * i + 2;
			turn.notify_all();
		}
	});
	for (int i = 0; i < 100; i++) {
		turn = 2 * i + 1;
		turn.notify_all();
		turn.wait(2 * i + 1);
	}
	other.join();
	return turn;
}

long recursive_and_timed()
{
	std::recursive_timed_mutex mutex;
	long got = 0;
	std::vector<std::jthread> threads;
	for (int t = 0; t < 4; t++)
		threads.emplace_back([&] {
			for (int i = 0; i < 500; i++) {
				std::unique_lock outer(mutex, std::chrono::seconds(60));
				std::unique_lock inner(mutex, std::try_to_lock);
				got += outer.owns_lock() && inner.owns_lock();
			}
		});
	threads.clear();
	return got;
}
} // namespace

int main()
{
	std::printf("queue %ld\n", sum_through_queue());
	std::printf("torn %ld\n", torn_reads());
	std::printf("barrier %d\n", rounds_of_barrier());
	std::printf("semaphores %ld\n", through_semaphores());
	std::printf("futures %ld\n", through_futures());
	std::printf("stopped %d\n", stopped());
	std::printf("atomic %d\n", waits_on_atomic());
	std::printf("recursive %ld\n", recursive_and_timed());
	std::once_flag once;
	int runs = 0;
	for (int i = 0; i < 3; i++)
		std::call_once(once, [&] { runs++; });
	std::printf("once %d\n", runs);
	return 0;
}
