// SPDX-License-Identifier: GPL-3.0-or-later
// rustlocks - a Rust program that uses what its standard library has for threads. Its locks are futexes reached through libc's
// syscall(). Prints the same on every run. Called by tests/languages.bats.
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, Once, RwLock};
use std::thread;
use std::time::Duration;

struct Queue {
    items: Mutex<(VecDeque<u64>, bool)>,
    filled: Condvar,
}

impl Queue {
    fn put(&self, item: u64) {
        self.items.lock().unwrap().0.push_back(item);
        self.filled.notify_one();
    }
    fn take(&self) -> Option<u64> {
        let mut items = self.items.lock().unwrap();
        loop {
            if let Some(item) = items.0.pop_front() {
                return Some(item);
            }
            if items.1 {
                return None;
            }
            items = self.filled.wait(items).unwrap();
        }
    }
    fn close(&self) {
        self.items.lock().unwrap().1 = true;
        self.filled.notify_all();
    }
}

fn sum_through_queue() -> u64 {
    let queue = Queue { items: Mutex::new((VecDeque::new(), false)), filled: Condvar::new() };
    thread::scope(|s| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                s.spawn(|| {
                    let mut sum = 0;
                    while let Some(item) = queue.take() {
                        sum += item;
                    }
                    sum
                })
            })
            .collect();
        for i in 1..=20000 {
            queue.put(i);
        }
        queue.close();
        workers.into_iter().map(|w| w.join().unwrap()).sum()
    })
}

// The holder sleeps while the others wait: each of them really waits.
#[inline(never)]
fn holds_long(mutex: &Mutex<u64>) {
    let mut value = mutex.lock().unwrap();
    thread::sleep(Duration::from_millis(5));
    *value += 1;
}

fn contended() -> u64 {
    let mutex = Mutex::new(0);
    let start = Barrier::new(3);
    thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                start.wait();
                for _ in 0..10 {
                    holds_long(&mutex);
                }
            });
        }
    });
    mutex.into_inner().unwrap()
}

fn torn_reads() -> (usize, u64) {
    let pair = RwLock::new((0u64, 0u64));
    let torn = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                for _ in 0..5000 {
                    let p = pair.read().unwrap();
                    torn.fetch_add((p.0 != p.1) as usize, Ordering::Relaxed);
                }
            });
        }
        s.spawn(|| {
            for _ in 0..1000 {
                let mut p = pair.write().unwrap();
                p.0 += 1;
                p.1 += 1;
            }
        });
    });
    let written = pair.read().unwrap().0;
    (torn.into_inner(), written)
}

fn through_channel() -> u64 {
    let (tx, rx) = mpsc::sync_channel(8);
    let senders: Vec<_> = (0..4u64)
        .map(|id| {
            let tx = tx.clone();
            thread::Builder::new().name(format!("sender-{id}")).spawn(move || (0..1000).for_each(|i| tx.send(id * i).unwrap())).unwrap()
        })
        .collect();
    drop(tx);
    let sum = rx.iter().sum();
    senders.into_iter().for_each(|s| s.join().unwrap());
    sum
}

fn parked() -> usize {
    let wakes = Arc::new(AtomicUsize::new(0));
    let seen = wakes.clone();
    let t = thread::spawn(move || {
        while seen.load(Ordering::Acquire) < 100 {
            thread::park();
        }
    });
    for _ in 0..100 {
        wakes.fetch_add(1, Ordering::Release);
        t.thread().unpark();
    }
    t.join().unwrap();
    wakes.load(Ordering::Acquire)
}

fn main() {
    static ONCE: Once = Once::new();
    println!("queue {}", sum_through_queue());
    println!("contended {}", contended());
    println!("torn, written {:?}", torn_reads());
    println!("channel {}", through_channel());
    println!("parked {}", parked());
    ONCE.call_once(|| println!("once"));
    ONCE.call_once(|| println!("twice"));
    let panicked = thread::spawn(|| {
        let poisoned = Mutex::new(1);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = poisoned.lock().unwrap();
            std::panic::resume_unwind(Box::new("unwinds while it holds a lock"));
        }));
        (result.is_err(), poisoned.is_poisoned())
    });
    println!("panicked, poisoned {:?}", panicked.join().unwrap());
}
