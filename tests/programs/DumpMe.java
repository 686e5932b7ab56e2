// SPDX-License-Identifier: GPL-3.0-or-later
// DumpMe - Java threads in known situations: a monitor that others wait for, four with an empty queue each, two that deadlock when
// asked to. Prints "ready".
// Called by tests/threaddump.bats.
public class DumpMe {
    private static final Object SHARED = new Object();
    private static final Object FIRST = new Object();
    private static final Object SECOND = new Object();

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Thread holdsShared() {
        return new Thread(() -> {
            synchronized (SHARED) {
                pause(1000000);
            }
        }, "holder");
    }

    private static void wantsShared() {
        synchronized (SHARED) {
            pause(1);
        }
    }

    private static void takesFromOwn() {
        try {
            new java.util.concurrent.LinkedBlockingQueue<Object>().take();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void both(Object a, Object b) {
        synchronized (a) {
            pause(200);
            synchronized (b) {
                pause(1);
            }
        }
    }

    private static void await(Thread t, Thread.State state) {
        while (t.getState() != state) {
            pause(5);
        }
    }

    public static void main(String[] args) {
        Thread holder = holdsShared();
        holder.start();
        await(holder, Thread.State.TIMED_WAITING);
        for (int i = 0; i < 5; i++) {
            Thread t = new Thread(DumpMe::wantsShared, "wants \"it\" nid=0x1 " + i);
            t.start();
            await(t, Thread.State.BLOCKED);
        }
        for (int i = 0; i < 4; i++) {
            Thread t = new Thread(DumpMe::takesFromOwn, "taker-" + i);
            t.start();
            await(t, Thread.State.WAITING);
        }
        if (args.length > 0) {
            Thread a = new Thread(() -> both(FIRST, SECOND), "dead-a");
            Thread b = new Thread(() -> both(SECOND, FIRST), "dead-b");
            a.start();
            b.start();
            await(a, Thread.State.BLOCKED);
            await(b, Thread.State.BLOCKED);
        }
        System.out.println("ready");
        pause(1000000);
    }
}
