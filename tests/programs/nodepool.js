// SPDX-License-Identifier: GPL-3.0-or-later
// nodepool.js - work for Node's thread pool: files and key derivation, many more tasks than threads. Prints the same on every run.
// Called by tests/languages.bats.
"use strict";
const crypto = require("crypto");
const fs = require("fs/promises");
const os = require("os");
const path = require("path");
const zlib = require("zlib");
const { promisify } = require("util");

const pbkdf2 = promisify(crypto.pbkdf2);
const gzip = promisify(zlib.gzip);
const gunzip = promisify(zlib.gunzip);

async function files(dir) {
  const names = Array.from({ length: 60 }, (_, i) => path.join(dir, `file-${i}`));
  await Promise.all(names.map((name, i) => fs.writeFile(name, String(i).repeat(1000 + i))));
  const sizes = await Promise.all(names.map(async (name) => (await fs.readFile(name)).length));
  return sizes.reduce((a, b) => a + b, 0);
}

async function keys() {
  const all = await Promise.all(
    Array.from({ length: 24 }, (_, i) => pbkdf2(`secret-${i}`, "salt", 2000, 32, "sha256")),
  );
  return crypto.createHash("sha256").update(Buffer.concat(all)).digest("hex");
}

async function main() {
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), "nodepool-"));
  try {
    console.log("files", await files(dir));
    console.log("keys", await keys());
    const data = Buffer.alloc(300000, "abc");
    const back = await Promise.all(Array.from({ length: 8 }, async () => gunzip(await gzip(data))));
    console.log("zlib", back.every((b) => b.equals(data)));
    console.log("missing", await fs.stat(path.join(dir, "none")).catch((e) => e.code));
  } finally {
    await fs.rm(dir, { recursive: true });
  }
  process.exitCode = 4;
}

main();
