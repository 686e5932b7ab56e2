// SPDX-License-Identifier: GPL-3.0-or-later
// nodeworkers.js - Node's worker threads: messages, shared memory with Atomics.wait, termination. Prints the same on every run.
// Called by tests/languages.bats.
"use strict";
const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");

function lock(cells) {
  while (Atomics.compareExchange(cells, 0, 0, 1) !== 0) Atomics.wait(cells, 0, 1);
}

function unlock(cells) {
  Atomics.store(cells, 0, 0);
  Atomics.notify(cells, 0, 1);
}

function work({ shared, rounds }) {
  const cells = new Int32Array(shared);
  for (let i = 0; i < rounds; i++) {
    lock(cells);
    cells[1] += 1; // not atomic: the lock must do it
    unlock(cells);
  }
  parentPort.postMessage(rounds);
}

async function main() {
  const shared = new SharedArrayBuffer(8);
  const counts = await Promise.all(
    Array.from({ length: 4 }, () => {
      const worker = new Worker(__filename, { workerData: { shared, rounds: 5000 } });
      return new Promise((resolve, reject) => {
        let got;
        worker.on("message", (m) => (got = m));
        worker.on("error", reject);
        worker.on("exit", () => resolve(got));
      });
    }),
  );
  console.log("messages", counts.join(" "));
  console.log("counted", new Int32Array(shared)[1]);
  const endless = new Worker("for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", { eval: true });
  await new Promise((resolve) => endless.once("online", resolve));
  console.log("terminated", await endless.terminate());
}

if (isMainThread) main();
else work(workerData);
