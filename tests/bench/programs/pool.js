// SPDX-License-Identifier: GPL-3.0-or-later
// pool.js fs|crypto N DIR - for each line of input: N tasks through Node's thread pool, 64 at a time. Prints seconds.
"use strict";
const crypto = require("crypto");
const fs = require("fs/promises");
const path = require("path");
const readline = require("readline");
const { promisify } = require("util");
const pbkdf2 = promisify(crypto.pbkdf2);

async function main([kind, count, dir]) {
  const n = Number(count);
  const file = path.join(dir, "pool.js.data");
  await fs.writeFile(file, "x".repeat(4096));
  const task = kind === "fs" ? () => fs.readFile(file) : () => pbkdf2("secret", "salt", 200, 32, "sha256");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const start = process.hrtime.bigint();
    let next = 0;
    const lane = async () => {
      while (next++ < n) await task();
    };
    await Promise.all(Array.from({ length: 64 }, lane));
    console.log(Number(process.hrtime.bigint() - start) / 1e9);
  }
}

main(process.argv.slice(2));
