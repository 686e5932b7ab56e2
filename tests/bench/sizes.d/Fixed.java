/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fixed pool whose jobs compute and wait for a backend: Fixed PORT SECONDS [THREADS]; as many as processors when not given. */
import java.io.IOException;
import java.net.Socket;
import java.util.Arrays;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

class Fixed {
	static final int IN_FLIGHT = 64;
	static volatile double sink;

	static void compute(long ns) {
		long end = System.nanoTime() + ns;
		double x = 1;
		/* by the clock: what it waits for a processor is in it, but that is short on one of its own */
		while (System.nanoTime() < end)
			for (int i = 0; i < 50; i++)
				x = Math.sqrt(x + i);
		sink = x;
	}

	public static void main(String[] args) throws Exception {
		int port = Integer.parseInt(args[0]);
		double seconds = Double.parseDouble(args[1]);
		int threads = args.length > 2 ? Integer.parseInt(args[2]) : Runtime.getRuntime().availableProcessors();
		ExecutorService pool = Executors.newFixedThreadPool(threads);
		ThreadLocal<Socket> backend = ThreadLocal.withInitial(() -> {
			try {
				Socket s = new Socket("127.0.0.1", port);
				s.setTcpNoDelay(true);
				return s;
			} catch (IOException e) {
				throw new IllegalStateException(e);
			}
		});
		long[] times = new long[1000000];
		AtomicInteger count = new AtomicInteger();
		Semaphore free = new Semaphore(IN_FLIGHT);
		System.out.println("ready");
		long start = System.nanoTime(), from = start + 500000000L, to = from + (long) (seconds * 1e9);
		while (System.nanoTime() < to) {
			free.acquire();
			long begin = System.nanoTime();
			pool.execute(() -> {
				try {
					compute(300000);
					backend.get().getOutputStream().write('x');
					backend.get().getInputStream().read();
				} catch (IOException e) {
					throw new IllegalStateException(e);
				}
				long now = System.nanoTime();
				if (now >= from && now < to)
					times[count.getAndIncrement()] = now - begin;
				free.release();
			});
		}
		pool.shutdown();
		int n = count.get();
		Arrays.sort(times, 0, n);
		System.out.println(n / seconds + " " + times[(int) (n * 0.99)] / 1e6);
		System.exit(0);
	}
}
