// SPDX-License-Identifier: GPL-3.0-or-later
// Pool N - for each line of input, an executor of four threads runs N small tasks under a ReentrantLock. Prints seconds.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.ReentrantLock;

public class Pool {
    private static final ReentrantLock LOCK = new ReentrantLock();
    private static long total;

    private static long work(long x) {
        for (int i = 0; i < 2000; i++) {
            x = x * 6364136223846793005L + 1442695040888963407L;
        }
        return x;
    }

    private static double round(ExecutorService pool, int n) throws Exception {
        long start = System.nanoTime();
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            final long seed = i;
            all.add(pool.submit(() -> {
                long x = work(seed);
                LOCK.lock();
                try {
                    total += x & 1;
                } finally {
                    LOCK.unlock();
                }
            }));
        }
        for (Future<?> f : all) {
            f.get();
        }
        return (System.nanoTime() - start) / 1e9;
    }

    public static void main(String[] args) throws Exception {
        int n = Integer.parseInt(args[0]);
        ExecutorService pool = Executors.newFixedThreadPool(4);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            System.out.println(round(pool, n));
        }
        pool.shutdown();
    }
}
