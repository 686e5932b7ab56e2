#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""load.py memcached PORT | http PORT PATH - a bounded load on a server of 127.0.0.1, over many connections at once. Prints what
came back, the same on every run. Called by tests/real.bats."""
import hashlib
import socket
import sys
import threading

CONNECTIONS, ROUNDS, KEYS = 12, 60, 50


def read_until(file, done):
    lines = []
    while not lines or not done(lines):
        line = file.readline()
        if not line:
            raise SystemExit("load.py: the server closed the connection")
        lines.append(line)
    return b"".join(lines)


def memcached(number, port, answers):
    """Each connection has its own keys, so that every answer is known; the counter belongs to all."""
    with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as file:
        digest = hashlib.sha256()
        for turn in range(ROUNDS):
            batch = b"".join(b"set k%d.%d 0 0 8 \r\n%08d\r\n" % (number, k, turn) for k in range(KEYS))
            batch += b"".join(b"get k%d.%d\r\n" % (number, k) for k in range(KEYS)) + b"incr all 1\r\n"
            s.sendall(batch)
            digest.update(read_until(file, lambda lines: lines.count(b"END\r\n") == KEYS))
            read_until(file, lambda lines: True)  # the counter: in no known order
        answers[number] = digest.hexdigest()


def http(number, port, answers):
    with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as file:
        digest = hashlib.sha256()
        for turn in range(ROUNDS):
            path = "/%d" % ((number + turn) % 8)
            s.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
            head = read_until(file, lambda lines: lines[-1] == b"\r\n")
            length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
            digest.update(file.read(length[0]))
        answers[number] = digest.hexdigest()


def command(port, text, end):
    with socket.create_connection(("127.0.0.1", port), 30) as s, s.makefile("rb") as file:
        s.sendall(text)
        return read_until(file, lambda lines: lines[-1].startswith(end)).decode().strip()


def main():
    kind, port = {"memcached": memcached, "http": http}[sys.argv[1]], int(sys.argv[2])
    if kind is memcached:
        print(command(port, b"set all 0 0 1\r\n0\r\n", b"STORED"))
    answers = {}
    threads = [threading.Thread(target=kind, args=(n, port, answers)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(CONNECTIONS):
        print(number, answers.get(number))
    if kind is memcached:
        print(command(port, b"get all\r\n", b"END"))


main()
