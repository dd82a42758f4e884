"""A resolver on 127.0.0.1 that answers as a test tells it to, UDP and TCP, one thread."""
import heapq
import select
import socket
import struct
import threading
import time

A, PTR, AAAA, CNAME = 1, 12, 28, 5
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def encode_name(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0"


class Query:
    def __init__(self, packet):
        self.id = packet[:2]
        labels, at = [], 12
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
            at += packet[at] + 1
        self.name = ".".join(labels).lower()
        self.type = struct.unpack(">H", packet[at + 1:at + 3])[0]
        self.question = packet[12:at + 5]

    def reply(self, records=(), rcode=NOERROR, tc=False, id=None, question=None, qr=True,
              ede=None):
        """records: (type, rdata) at the name asked."""
        flags = (0x8180 if qr else 0x0180) | rcode | (0x0200 if tc else 0)
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", t, 1, 300, len(d)) + d
                        for t, d in records)
        option = b""
        if ede is not None:
            option = struct.pack(">HHH", 15, 2 + len(ede[1]), ede[0]) + ede[1]
        opt = b"\0" + struct.pack(">HHIH", 41, 1232, 0, len(option)) + option
        return ((id or self.id) + struct.pack(">HHHHH", flags, 1, len(records), 0, 1)
                + (question or self.question) + body + opt)


def address_of(name):
    """What a live name resolves to, so that a test can tell right from wrong."""
    h = sum((i + 1) * ord(c) for i, c in enumerate(name))
    return socket.inet_aton(f"198.18.{h >> 8 & 127}.{h & 255}")


class FakeResolver:
    """answer(query, nth, tcp) returns packets as bytes or (delay_s, bytes); nth counts from 1."""

    def __init__(self, answer=None, port=0):
        self.answer = answer or (lambda q, nth, tcp: [q.reply([(A, address_of(q.name))])])
        self.seen = {}
        self.peer = None  # who asked last over UDP
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for _ in range(50):
            self.udp.bind(("127.0.0.1", port)) if port else self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp.listen(64)
        self.stopping = False
        self.later = []
        self.streams = {}
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping = True
        self.thread.join()
        for s in (self.udp, self.tcp, *self.streams):
            s.close()

    def handle(self, packet, send, tcp):
        q = Query(packet)
        nth = self.seen[q.name, q.type] = self.seen.get((q.name, q.type), 0) + 1
        for out in self.answer(q, nth, tcp) or []:
            delay, data = out if isinstance(out, tuple) else (0, out)
            if delay:
                heapq.heappush(self.later, (time.monotonic() + delay, id(data), data, send))
            else:
                send(data)

    def read_stream(self, s):
        try:
            got = s.recv(4096)
        except OSError:
            got = b""
        if not got:
            self.streams.pop(s)
            s.close()
            return
        self.streams[s] += got
        buf = self.streams[s]
        while len(buf) >= 2 and len(buf) >= 2 + struct.unpack(">H", buf[:2])[0]:
            n = struct.unpack(">H", buf[:2])[0]

            def send(data, s=s):
                if data is None:
                    s.shutdown(socket.SHUT_RDWR)
                else:
                    s.sendall(data)
            self.handle(buf[2:2 + n], send, True)
            buf = buf[2 + n:]
        if s in self.streams:
            self.streams[s] = buf

    def serve(self):
        while not self.stopping:
            ready, _, _ = select.select([self.udp, self.tcp, *self.streams], [], [], 0.01)
            for s in ready:
                if s is self.tcp:
                    self.streams[s.accept()[0]] = b""
                elif s is self.udp:
                    for _ in range(200):
                        try:
                            packet, peer = s.recvfrom(4096, socket.MSG_DONTWAIT)
                        except BlockingIOError:
                            break
                        self.peer = peer
                        self.handle(packet, lambda d, p=peer: self.udp.sendto(d, p), False)
                else:
                    self.read_stream(s)
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, data, send = heapq.heappop(self.later)
                send(data)


def over_tcp(message):
    return struct.pack(">H", len(message)) + message
