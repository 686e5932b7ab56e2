# SPDX-License-Identifier: GPL-3.0-or-later
# What a pool waits for: answers each byte of each connection after a time, whatever the load. Prints its port.
#   backend.py MILLISECONDS
import heapq
import selectors
import socket
import sys
import time

delay = float(sys.argv[1]) / 1000
listener = socket.create_server(("127.0.0.1", 0), backlog=512)
listener.setblocking(False)
sel = selectors.EpollSelector()
sel.register(listener, selectors.EVENT_READ)
print(listener.getsockname()[1], flush=True)
due = []
while True:
    ready = sel.select(max(0, due[0][0] - time.monotonic()) if due else None)
    for key, _ in ready:
        if key.fileobj is listener:
            client = listener.accept()[0]
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sel.register(client, selectors.EVENT_READ)
            continue
        try:
            asked = key.fileobj.recv(1)
        except OSError:
            asked = b""
        if not asked:
            sel.unregister(key.fileobj)
            key.fileobj.close()
            continue
        heapq.heappush(due, (time.monotonic() + delay, key.fd, key.fileobj))
    while due and due[0][0] <= time.monotonic():
        try:
            heapq.heappop(due)[2].send(b"x")
        except OSError:
            pass
