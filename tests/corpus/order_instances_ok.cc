// SPDX-License-Identifier: GPL-3.0-or-later
// order_instances_ok.cc - objects of one class locked from the root of a tree downwards, by several threads.
// EXPECT: none
// ALLOW: lock-contention lock-starvation
// FORBID: lock-order-cycle
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

struct Node {
	std::mutex lock;
	std::vector<std::unique_ptr<Node>> children;
	int visits = 0;
	void visit()
	{
		std::lock_guard<std::mutex> hold(lock);
		visits++;
		for (auto &c : children)
			c->visit();
	}
};

int main()
{
	Node root;
	for (int i = 0; i < 3; i++) {
		root.children.push_back(std::make_unique<Node>());
		root.children[i]->children.push_back(std::make_unique<Node>());
	}
	std::thread t([&] { root.visit(); });
	std::thread u([&] { root.children[1]->visit(); });
	std::thread v([&] { root.visit(); });
	t.join();
	u.join();
	v.join();
}
