// SPDX-License-Identifier: GPL-3.0-or-later
// orders.js - Node at work: keys and files through its thread pool, and two worker threads that count under a lock. Prints the
// same on every run. Called by tests/real.bats.
"use strict";
const { createHash, pbkdf2 } = require("crypto");
const { mkdtemp, readFile, rm, writeFile } = require("fs/promises");
const { tmpdir } = require("os");
const { join } = require("path");
const { promisify } = require("util");
const { Worker, isMainThread, workerData } = require("worker_threads");

async function main() {
  const dir = await mkdtemp(join(tmpdir(), "orders-"));
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  await Promise.all(numbers.map((i) => writeFile(join(dir, `${i}`), `order ${i}\n`.repeat(2000))));
  const sizes = await Promise.all(numbers.map(async (i) => (await readFile(join(dir, `${i}`))).length));
  await rm(dir, { recursive: true });
  console.log("files", sizes.reduce((a, b) => a + b, 0));
  const keys = await Promise.all(numbers.slice(0, 40).map((i) => promisify(pbkdf2)(`${i}`, "salt", 3000, 32, "sha256")));
  console.log("keys", createHash("sha256").update(Buffer.concat(keys)).digest("hex"));
  const cells = new Int32Array(new SharedArrayBuffer(8));
  const workers = [1, 2].map(() => new Worker(__filename, { workerData: cells }));
  await Promise.all(workers.map((worker) => new Promise((done) => worker.on("exit", done))));
  console.log("counted", cells[1]);
  process.exitCode = 3;
}

function count(cells) {
  for (let i = 0; i < 5000; i++) {
    while (Atomics.compareExchange(cells, 0, 0, 1) !== 0) Atomics.wait(cells, 0, 1);
    cells[1] += 1; // not atomic: the lock must do it
    Atomics.store(cells, 0, 0);
    Atomics.notify(cells, 0, 1);
  }
}

if (isMainThread) main();
else count(workerData);
