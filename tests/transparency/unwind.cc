/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * unwind.cc - C++ exceptions, pthread_exit, cancellation and longjmp through and out of hooked calls. See tr.h.
 * A shim without unwind tables ends these with std::terminate.
 */
#include "tests/transparency/tr.h"

#include <csetjmp>
#include <csignal>
#include <semaphore.h>
#include <unwind.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
static sem_t s;
static int destroyed, tid;

namespace
{
struct counted {
	~counted()
	{
		destroyed++;
	}
};

struct guard {
	pthread_mutex_t *mutex;
	explicit guard(pthread_mutex_t *p) : mutex(p)
	{
		TR_MUST(pthread_mutex_lock(mutex));
	}
	~guard()
	{
		destroyed++;
		TR_MUST(pthread_mutex_unlock(mutex));
	}
};
} // namespace

/* ------------------------------------------------------------------ exceptions through pthread_once */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int runs;

static void throws_once()
{
	runs++;
	if (runs == 1)
		throw std::runtime_error("first");
}

static void through_once()
{
	try {
		counted c;
		TR("not reached", pthread_once(&once, throws_once));
	} catch (const std::exception &e) {
		tr_say("caught from pthread_once: %s", e.what());
	}
	TR("once again", pthread_once(&once, throws_once));
	TR("once more", pthread_once(&once, throws_once));
	TR_NUM("runs", runs);
	std::once_flag flag;
	int tries = 0;
	for (int i = 0; i < 3; i++) {
		try {
			std::call_once(flag, [&] {
				if (++tries < 3)
					throw tries;
			});
		} catch (int n) {
			TR_NUM("caught from call_once", n);
		}
	}
	TR_NUM("destroyed", destroyed);
}

/* ------------------------------------------------------------------ pthread_exit and cancellation through C++ frames */

static void __attribute__((noinline)) exits_deep(int depth, void *value)
{
	counted c;
	guard g(&m);
	if (depth)
		throw depth;
	pthread_exit(value);
}

static void *exit_main(void *arg)
{
	counted c;
	try {
		exits_deep(7, nullptr);
	} catch (int n) {
		TR_NUM("caught in a thread", n);
	}
	try {
		exits_deep(0, arg);
	} catch (...) {
		tr_say("forced unwinding is seen by catch (...)");
		throw;
	}
	return nullptr;
}

static void exits()
{
	pthread_t t;
	void *ret = nullptr;
	int before = destroyed;
	TR_MUST(pthread_create(&t, nullptr, exit_main, &before));
	tr_join("joined", t, &ret);
	TR_TRUE("pthread_exit's value", ret == &before);
	TR_NUM("destroyed", destroyed - before);
	TR("free", pthread_mutex_trylock(&m));
	TR("unlock", pthread_mutex_unlock(&m));
}

static pthread_cond_t c = PTHREAD_COND_INITIALIZER;

static void *cancelled_in_cond(void *)
{
	guard g(&m);
	counted inner;
	tr_publish(&tid);
	for (;;)
		pthread_cond_wait(&c, &m);
}

static void *cancelled_in_sem(void *)
{
	counted outer;
	tr_publish(&tid);
	sem_wait(&s);
	return nullptr;
}

static pthread_t sleeper;

static void *cancelled_in_join(void *)
{
	counted outer;
	tr_publish(&tid);
	pthread_join(sleeper, nullptr);
	return nullptr;
}

static void *sleeps(void *)
{
	for (;;)
		pause();
}

static void *cancelled_in_once(void *)
{
	static pthread_once_t sleepy = PTHREAD_ONCE_INIT;
	counted outer;
	pthread_once(&sleepy, [] {
		counted inner;
		tr_publish(&tid);
		sem_wait(&s);
	});
	return nullptr;
}

static void cancelled(const char *name, void *(*start)(void *))
{
	pthread_t t;
	void *ret = nullptr;
	int before = destroyed;
	tid = 0;
	TR_MUST(pthread_create(&t, nullptr, start, nullptr));
	tr_blocked(&tid);
	TR("cancel", pthread_cancel(t));
	tr_join("joined", t, &ret);
	tr_say("%s: %s, destroyed %d", name, ret == PTHREAD_CANCELED ? "cancelled" : "NOT CANCELLED", destroyed - before);
}

/* ------------------------------------------------------------------ the standard library on top */

static void standard()
{
	std::mutex mutex;
	std::shared_mutex shared;
	std::condition_variable_any any;
	int before = destroyed;
	try {
		std::scoped_lock lock(mutex, shared);
		counted x;
		throw std::logic_error("inside two locks");
	} catch (const std::logic_error &e) {
		tr_say("caught: %s", e.what());
	}
	TR_TRUE("mutex is free", mutex.try_lock());
	TR_TRUE("shared mutex is free", shared.try_lock());
	mutex.unlock();
	shared.unlock();
	TR_NUM("destroyed", destroyed - before);
	auto f = std::async(std::launch::async, [&]() -> int {
		std::unique_lock<std::mutex> lock(mutex);
		throw std::out_of_range("in another thread");
	});
	try {
		f.get();
	} catch (const std::out_of_range &e) {
		tr_say("caught from a future: %s", e.what());
	}
	std::recursive_mutex rec;
	std::unique_lock<std::recursive_mutex> one(rec), two(rec);
	TR_TRUE("condition_variable_any times out", any.wait_for(two, std::chrono::milliseconds(5)) == std::cv_status::timeout);
	std::error_code code;
	try {
		std::unique_lock<std::mutex> lock(mutex);
		lock.lock();
	} catch (const std::system_error &e) {
		TR("relock of a unique_lock", e.code().value());
	}
	std::timed_mutex timed;
	timed.lock();
	std::thread([&] {
		TR_TRUE("try_lock_for times out", !timed.try_lock_for(std::chrono::milliseconds(5)));
		TR_TRUE("try_lock_until times out", !timed.try_lock_until(std::chrono::system_clock::now()));
	}).join();
	timed.unlock();
	{
		std::vector<std::jthread> many;
		for (int i = 0; i < 8; i++)
			many.emplace_back([&] { std::lock_guard<std::mutex> lock(mutex); });
	}
	TR_TRUE("jthreads joined", mutex.try_lock());
	mutex.unlock();
}

/* ------------------------------------------------------------------ longjmp */

static sigjmp_buf jump;

static void __attribute__((noinline)) locks_and_jumps(int value)
{
	TR_MUST(pthread_mutex_lock(&m));
	longjmp(jump, value);
}

static void on_signal(int)
{
	siglongjmp(jump, 3);
}

/* A program may know very well that it holds the mutex after a longjmp. */
static void jumps()
{
	volatile int came = 0;
	int value = setjmp(jump);
	if (value == 0)
		locks_and_jumps(1);
	came = came + value;
	TR("still held after longjmp", pthread_mutex_trylock(&m));
	TR("unlock", pthread_mutex_unlock(&m));
	if (came == 1) {
		value = setjmp(jump);
		if (value == 0)
			locks_and_jumps(2);
		came = came + value;
	}
	TR_NUM("came", came);
	TR("unlock", pthread_mutex_unlock(&m));
	struct sigaction sa = {};
	sa.sa_handler = on_signal;
	TR_MUST(sigaction(SIGALRM, &sa, nullptr));
	if (sigsetjmp(jump, 1) == 0) {
		ualarm(20000, 0);
		sem_wait(&s);
		tr_say("NOT REACHED");
	}
	tr_say("jumped out of sem_wait");
	TR_MUST(sem_post(&s));
	TR("sem_wait afterwards", sem_wait(&s));
	TR("lock afterwards", pthread_mutex_lock(&m));
	TR("unlock", pthread_mutex_unlock(&m));
	signal(SIGALRM, SIG_DFL);
	alarm(60);
}

/* ------------------------------------------------------------------ a walk of the stack ends at its end */

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *, void *arg)
{
	return ++*static_cast<int *>(arg) > 1000 ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static void *walks(void *arg)
{
	int frames = 0;
	TR("the walk's end", _Unwind_Backtrace(on_frame, &frames));
	TR_TRUE("more than the start routine", frames > 2);
	return arg;
}

/* An exception that nobody catches in a thread ends the process by terminate, with the handler called in that thread. */
static void *throws_for_good(void *)
{
	throw 1;
}

static void uncaught()
{
	std::set_terminate([] {
		tr_say("terminate was called; checks: =%d", tr_lines);
		_exit(42);
	});
	tr_elsewhere(throws_for_good, nullptr);
	tr_say("NOT REACHED");
}

int main()
{
	tr_begin();
	TR_MUST(sem_init(&s, 0, 0));
	through_once();
	exits();
	cancelled("pthread_cond_wait", cancelled_in_cond);
	cancelled("sem_wait", cancelled_in_sem);
	TR_MUST(pthread_create(&sleeper, nullptr, sleeps, nullptr));
	cancelled("pthread_join", cancelled_in_join);
	cancelled("pthread_once", cancelled_in_once);
	standard();
	jumps();
	tr_elsewhere(walks, nullptr);
	uncaught();
	return tr_end();
}
