// SPDX-License-Identifier: GPL-3.0-or-later
// Orders - the same as orders_cc.cc in Java: an executor of four threads, a synchronized ledger. Prints the same on every run.
// Called by tests/real.bats.
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

public class Orders {
    private static long sum;
    private static int booked;

    static synchronized void book(long order) throws InterruptedException {
        sum += order;
        booked++;
        Thread.sleep(1); // the journal's disk
    }

    public static void main(String[] args) throws Exception {
        ExecutorService clerks = Executors.newFixedThreadPool(4);
        for (long i = 1; i <= 300; i++) {
            final long order = i;
            clerks.submit(() -> {
                book(order);
                return null;
            });
        }
        clerks.shutdown();
        boolean ended = clerks.awaitTermination(60, TimeUnit.SECONDS);
        System.out.println("booked " + booked + " orders of " + sum + ", ended " + ended);
        System.exit(3);
    }
}
