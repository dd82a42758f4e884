"""What passes the surveyor's interface: tcpdump writes it down, packets() reads it back.

Works as a context manager.  Run it where `lab exec` leads, or give the lab command:

    with Capture(path, ["tests/lab/lab", "exec"]) as capture: ...
    for p in capture.packets(): ...
"""

import ipaddress
import signal
import struct
import subprocess
from dataclasses import dataclass

from labkit import table as t

SYN, RST, ACK = 0x02, 0x04, 0x10
TCP, UDP = 6, 17
_FILE_HEADER, _PACKET_HEADER = 24, 16
_ZMAP_IP_ID = 54321


@dataclass(frozen=True)
class Packet:
    time: float
    src: str
    dst: str
    proto: int
    sport: int  # 0 where the protocol has no ports
    dport: int
    flags: int  # of TCP
    ip_id: int

    @property
    def leaves(self):
        """Does the surveyor send it?"""
        return self.src in (t.SCAN_IP4, t.SCAN_FIRST_IP4, t.SCAN_IP6)

    @property
    def opens(self):
        return self.proto == TCP and self.flags & (SYN | ACK) == SYN

    @property
    def is_zmaps(self):
        return self.opens and self.ip_id == _ZMAP_IP_ID


class Capture:
    def __init__(self, path, within=()):
        self.path = path
        self.argv = [*within, "tcpdump", "-i", t.SCAN_IF, "-w", str(path), "-U", "-n", "-s", "96",
                     "-B", "32768", "--immediate-mode", "-Z", "root", "ip or ip6"]
        self.tcpdump = None
        self.dropped = None

    def __enter__(self):
        self.tcpdump = subprocess.Popen(self.argv, stderr=subprocess.PIPE, text=True)
        for line in self.tcpdump.stderr:
            if "listening on" in line:
                return self
        raise RuntimeError(f"tcpdump ended with status {self.tcpdump.wait()}")

    def __exit__(self, *_):
        self.tcpdump.send_signal(signal.SIGINT)
        for line in self.tcpdump.stderr:
            if "dropped by kernel" in line:
                self.dropped = int(line.split()[0])
        self.tcpdump.wait()
        self.tcpdump.stderr.close()

    def packets(self):
        """Every packet of the (ended) capture.  A capture with holes proves nothing."""
        if self.dropped != 0:
            raise RuntimeError(f"the capture lost {self.dropped} packets")
        data = self.path.read_bytes()
        at = _FILE_HEADER
        while at < len(data):
            seconds, micros, size, _ = struct.unpack_from("=IIII", data, at)
            frame = data[at + _PACKET_HEADER:at + _PACKET_HEADER + size]
            yield _parse(seconds + micros / 1e6, frame)
            at += _PACKET_HEADER + size


def _parse(when, frame):
    kind = struct.unpack_from("!H", frame, 12)[0]
    ip = frame[14:]
    if kind == 0x0800:
        proto, start = ip[9], (ip[0] & 15) * 4
        src, dst = ip[12:16], ip[16:20]
        ip_id = struct.unpack_from("!H", ip, 4)[0]
    else:  # extension headers count as a protocol of their own
        proto, start, ip_id = ip[6], 40, 0
        src, dst = ip[8:24], ip[24:40]
    sport = dport = flags = 0
    if proto in (TCP, UDP):
        sport, dport = struct.unpack_from("!HH", ip, start)
    if proto == TCP:
        flags = ip[start + 13]
    return Packet(when, str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), proto,
                  sport, dport, flags, ip_id)
