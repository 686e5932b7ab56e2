// SPDX-License-Identifier: GPL-3.0-or-later
// orders_rs - the same as orders_cc.cc with Rust's Mutex and Condvar, whose slow paths are futexes. Prints the same on every run.
// Called by tests/real.bats.
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

struct Ledger {
    books: Mutex<(u64, u32)>,
}

impl Ledger {
    #[inline(never)]
    fn book(&self, order: u64) {
        let mut books = self.books.lock().unwrap();
        books.0 += order;
        books.1 += 1;
        thread::sleep(Duration::from_millis(1)); // the journal's disk
    }
}

struct Queue {
    orders: Mutex<(VecDeque<u64>, bool)>,
    filled: Condvar,
}

impl Queue {
    #[inline(never)]
    fn take(&self) -> Option<u64> {
        let mut orders = self.orders.lock().unwrap();
        while orders.0.is_empty() && !orders.1 {
            orders = self.filled.wait(orders).unwrap();
        }
        orders.0.pop_front()
    }
}

fn main() {
    let ledger = Arc::new(Ledger { books: Mutex::new((0, 0)) });
    let queue = Arc::new(Queue { orders: Mutex::new((VecDeque::new(), false)), filled: Condvar::new() });
    let workers: Vec<_> = (0..4)
        .map(|i| {
            let (ledger, queue) = (ledger.clone(), queue.clone());
            let work = move || {
                while let Some(order) = queue.take() {
                    ledger.book(order);
                }
            };
            thread::Builder::new().name(format!("clerk-{}", i)).spawn(work).unwrap()
        })
        .collect();
    for order in 1..=300 {
        queue.orders.lock().unwrap().0.push_back(order);
        queue.filled.notify_one();
    }
    queue.orders.lock().unwrap().1 = true;
    queue.filled.notify_all();
    for worker in workers {
        worker.join().unwrap();
    }
    let books = ledger.books.lock().unwrap();
    println!("booked {} orders of {}", books.1, books.0);
    std::process::exit(3);
}
