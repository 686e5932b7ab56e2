// SPDX-License-Identifier: GPL-3.0-or-later
// libuv's pool: each job writes to a file, lets it reach the disk, and hashes. uv.js DIR SECONDS KIND; prints "ready" when the
// first job is done, so that the pool has its threads, then jobs per second and the 99th percentile of their time in ms. KIND:
// "disk" writes and waits, "crypto" computes only.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const [dir, seconds, kind] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const IN_FLIGHT = 64;
const block = Buffer.alloc(4096, 'x');
const times = [];
const start = process.hrtime.bigint();
let left = IN_FLIGHT;
let ready = false;

function since(at) {
  return Number(process.hrtime.bigint() - at) / 1e9;
}

function end() {
  if (--left > 0)
    return;
  times.sort((a, b) => a - b);
  console.log(times.length / seconds, 1000 * times[Math.floor(times.length * 0.99)]);
}

function hash(done) {
  crypto.pbkdf2('secret', 'salt', kind === 'disk' ? 200 : 1000, 32, 'sha256', done);
}

function job(fd) {
  const begin = process.hrtime.bigint();
  const done = () => {
    const now = since(start);
    if (!ready) {
      ready = true;
      console.log('ready');
    }
    if (now >= 0.5 && now < seconds + 0.5)
      times.push(since(begin));
    if (now < seconds + 0.5)
      job(fd);
    else
      end();
  };
  if (kind !== 'disk')
    hash(done);
  else
    fs.write(fd, block, 0, block.length, 0, () => fs.fdatasync(fd, () => hash(done)));
}

for (let i = 0; i < IN_FLIGHT; i++)
  job(kind === 'disk' ? fs.openSync(path.join(dir, 'uv' + i), 'w') : -1);
