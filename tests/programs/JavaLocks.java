// SPDX-License-Identifier: GPL-3.0-or-later
// JavaLocks - contended monitors, java.util.concurrent locks, pools and parallel streams. Prints the same on every run.
// Called by tests/languages.bats.
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.LongStream;

public class JavaLocks {
    private static long monitored, locked;
    private static final Object MONITOR = new Object();
    private static final ReentrantLock LOCK = new ReentrantLock(true);

    private static void inThreads(int n, Runnable body) throws InterruptedException {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Thread t = new Thread(body, "body-" + i);
            t.start();
            threads.add(t);
        }
        for (Thread t : threads) {
            t.join();
        }
    }

    private static void contended() {
        for (int i = 0; i < 20000; i++) {
            synchronized (MONITOR) {
                monitored++;
            }
            if (i % 20 == 0) {
                LOCK.lock();
                try {
                    locked++;
                } finally {
                    LOCK.unlock();
                }
            }
        }
    }

    /** A bounded buffer with wait and notify on one side, conditions on the other. */
    private static long buffer() throws InterruptedException {
        ArrayDeque<Integer> items = new ArrayDeque<>();
        Condition changed = LOCK.newCondition();
        long[] sum = new long[1];
        Thread consumer = new Thread(() -> {
            for (int i = 0; i < 2000; i++) {
                LOCK.lock();
                try {
                    while (items.isEmpty()) {
                        changed.awaitUninterruptibly();
                    }
                    sum[0] += items.poll();
                    changed.signalAll();
                } finally {
                    LOCK.unlock();
                }
            }
        });
        consumer.start();
        for (int i = 0; i < 2000; i++) {
            LOCK.lock();
            try {
                while (items.size() >= 8) {
                    changed.awaitUninterruptibly();
                }
                items.add(i);
                changed.signalAll();
            } finally {
                LOCK.unlock();
            }
        }
        consumer.join();
        return sum[0];
    }

    private static long pool() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Callable<Long>> tasks = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            long n = i;
            tasks.add(() -> LongStream.range(0, 1000).map(x -> x * n).sum());
        }
        long sum = 0;
        for (Future<Long> f : pool.invokeAll(tasks)) {
            sum += f.get();
        }
        pool.shutdown();
        System.out.println("terminated " + pool.awaitTermination(60, TimeUnit.SECONDS));
        return sum;
    }

    private static boolean waitsAndNotifies() throws InterruptedException {
        boolean[] ready = new boolean[1];
        Thread t = new Thread(() -> {
            synchronized (MONITOR) {
                ready[0] = true;
                MONITOR.notifyAll();
            }
        });
        synchronized (MONITOR) {
            t.start();
            while (!ready[0]) {
                MONITOR.wait();
            }
        }
        t.join();
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(600000);
            } catch (InterruptedException e) {
                System.out.println("interrupted");
            }
        });
        sleeper.start();
        sleeper.interrupt();
        sleeper.join();
        return ready[0];
    }

    public static void main(String[] args) throws Exception {
        inThreads(4, JavaLocks::contended);
        System.out.println("monitor " + monitored + " lock " + locked);
        System.out.println("buffer " + buffer());
        System.out.println("pool " + pool());
        System.out.println("waits " + waitsAndNotifies());
        ReentrantReadWriteLock rw = new ReentrantReadWriteLock();
        CyclicBarrier barrier = new CyclicBarrier(3);
        CountDownLatch latch = new CountDownLatch(3);
        inThreads(3, () -> {
            try {
                barrier.await();
                rw.readLock().lock();
                rw.readLock().unlock();
                latch.countDown();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        latch.await();
        System.out.println("parallel " + LongStream.rangeClosed(1, 100000).parallel().sum());
        for (int i = 0; i < 50; i++) {
            byte[][] garbage = new byte[200][];
            for (int k = 0; k < garbage.length; k++) {
                garbage[k] = new byte[20000];
            }
        }
        System.gc();
        System.exit(6);
    }
}
