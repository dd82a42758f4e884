"""A small writer of MaxMind DB files (format 2.0).

The usual writers drop or refuse reserved networks, and the lab lies in one.  IPv4 networks
stand at ::/96, and ::ffff:0:0/96 and 2002::/16 are aliases of that subtree, as in the
vendor's own databases: who walks the whole tree meets every IPv4 network three times.
"""

import ipaddress
import struct
import time

_MARKER = b"\xab\xcd\xefMaxMind.com"
_RECORD_BITS = 28
_TYPE = {"string": 2, "u16": 5, "u32": 6, "map": 7, "u64": 9, "array": 11, "bool": 14}


class U16(int):
    """An integer that the format wants as uint16 (others become uint32)."""


class U64(int):
    """An integer that the format wants as uint64."""


def _control(kind, size):
    num = _TYPE[kind]
    if size >= 285:
        raise ValueError("longer than the lab's databases need")
    small, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if num < 8:
        return bytes([num << 5 | small]) + rest
    return bytes([small, num - 7]) + rest


def encode(value):
    if isinstance(value, bool):
        return _control("bool", int(value))
    if isinstance(value, int):
        kind = {U16: "u16", U64: "u64"}.get(type(value), "u32")
        raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return _control(kind, len(raw)) + raw
    if isinstance(value, str):
        raw = value.encode()
        return _control("string", len(raw)) + raw
    if isinstance(value, (list, tuple)):
        return _control("array", len(value)) + b"".join(encode(v) for v in value)
    return _control("map", len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


class Writer:
    def __init__(self, database_type, description, languages=("en",)):
        self.metadata = {"database_type": database_type, "languages": list(languages),
                         "description": {lang: description for lang in languages}}
        self.nodes = [[None, None]]  # a child is None, an int (node) or bytes (record)

    def insert(self, net, record):
        net = ipaddress.ip_network(net)
        bits, length = int(net.network_address), net.prefixlen
        if net.version == 4:
            length += 96
        self._put(bits, length, encode(record))

    def _put(self, bits, length, child):
        node = 0
        for depth in range(length):
            side = bits >> (127 - depth) & 1
            if depth == length - 1:
                self.nodes[node][side] = child
                return
            below = self.nodes[node][side]
            if not isinstance(below, int):
                self.nodes.append([below, below])
                below = self.nodes[node][side] = len(self.nodes) - 1
            node = below

    def _alias_ipv4(self):
        root4 = 0
        for _ in range(96):
            root4 = self.nodes[root4][0]
            if not isinstance(root4, int):
                return
        self._put(int(ipaddress.ip_address("::ffff:0:0")), 96, root4)
        self._put(int(ipaddress.ip_address("2002::")), 16, root4)

    def write(self, path):
        self._alias_ipv4()
        offsets, data = {}, bytearray()
        for child in (c for node in self.nodes for c in node if isinstance(c, bytes)):
            if child not in offsets:
                offsets[child] = len(data)
                data += child
        count = len(self.nodes)

        def number(child):
            if child is None:
                return count
            return child if isinstance(child, int) else count + 16 + offsets[child]

        tree = bytearray()
        for left, right in self.nodes:
            lo, hi = number(left), number(right)
            middle = (lo >> 24) << 4 | hi >> 24
            tree += struct.pack(">I", lo)[1:] + bytes([middle]) + struct.pack(">I", hi)[1:]
        metadata = {**self.metadata, "binary_format_major_version": U16(2),
                    "binary_format_minor_version": U16(0), "build_epoch": U64(time.time()),
                    "ip_version": U16(6), "node_count": count,
                    "record_size": U16(_RECORD_BITS)}
        with open(path, "wb") as f:
            f.write(bytes(tree) + bytes(16) + bytes(data) + _MARKER + encode(metadata))
