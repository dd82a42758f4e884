"""What the fault tests share: a survey in the lab, its processes, its files, the wire.

Runs inside the lab (`lab run python3 TEST SURVEY`), in the scan namespace.
"""

import ctypes
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LAB = Path("/run/survey-lab")
EXPECTED = json.loads((LAB / "expected.json").read_text(encoding="utf-8"))
SURVEY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "survey"
SKIP = 77

# Fast enough for many rounds: greeting delays are not waited for here.
FAST = {
    "run": {"name": "fault", "countries": ["IE"], "targets": ["198.18.40.0/24"], "user": "nobody",
            "allow_reserved": ["198.18.0.0/15", "fd5a:9c3e:71d2::/48"]},
    "geo": {"country_mmdb": str(LAB / "mmdb/GeoLite2-Country.mmdb"),
            "asn_mmdb": str(LAB / "mmdb/GeoLite2-ASN.mmdb")},
    "scan": {"interface": "scan0", "rate_pps": 1000, "cooldown_s": 1, "shards": 4, "seed": 42,
             "block_files": [str(LAB / "block.txt")]},
    "grab": {"rate_hosts": 40, "in_flight": 20, "timeouts": ["*=2s"],
             "user_agent": "survey-lab/1.0 (+https://lab.example/)"},
    "dns": {"mode": "address", "address": "198.18.100.85#53"},
}


def fail(text):
    print(f"FAILED: {text}", flush=True)
    sys.exit(1)


def need(condition, text):
    if not condition:
        fail(text)


def skip(text):
    print(f"skipped: {text}")
    sys.exit(SKIP)


def seeded():
    """A generator whose seed is printed, and taken from $SEED to repeat a failure."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SEED={seed}", flush=True)
    return random.Random(seed)


def rounds(default=10):
    return int(os.environ.get("ROUNDS", default))


def _value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, list):
        return "{" + ", ".join(f'"{x}"' for x in v) + "}"
    return f'"{v}"' if isinstance(v, str) else str(v)


def _section(name, keys):
    return f"{name} {{\n" + "".join(
        _section(k, v) if isinstance(v, dict) else f"\t{k} = {_value(v)}\n"
        for k, v in keys.items()) + "}\n"


class Run:
    """One config with its run directories, in a directory of its own that goes at the end."""

    def __init__(self, *, parent=None, **changes):
        self.top = Path(tempfile.mkdtemp(prefix="survey-fault-", dir=parent))
        self.top.chmod(0o755)
        conf = {name: {**section, **changes.get(name, {})} for name, section in FAST.items()}
        for name in changes.keys() - FAST.keys():
            conf[name] = changes[name]
        conf["run"].setdefault("directory", str(self.top / "runs"))
        self.conf = self.top / "survey.conf"
        self.write(conf)
        self.log = open(self.top / "output", "ab")

    def write(self, conf):
        self.settings = conf
        self.conf.write_text("".join(_section(*item) for item in conf.items()), encoding="utf-8")
        self.conf.chmod(0o644)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.log.close()
        if kind is not None:
            sys.stdout.write(self.output()[-6000:])
        kill_all(tools())
        shutil.rmtree(self.top, ignore_errors=True)

    def output(self):
        return (self.top / "output").read_text(errors="replace")

    @property
    def dir(self):
        return (Path(self.settings["run"]["directory"]) / "latest").resolve()

    def start(self, *args, until="grab", prefix=(), **more):
        return subprocess.Popen([*prefix, SURVEY, "run", str(self.conf), "--until", until, *args],
                                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **more)

    def finish(self, *args, status=0, limit=120, **more):
        p = self.start(*args, **more)
        try:
            rc = p.wait(limit)
        except subprocess.TimeoutExpired:
            p.kill()
            fail(f"survey did not end within {limit} s\n{self.output()[-4000:]}")
        if rc != status:
            fail(f"exit status {rc}, expected {status}\n{self.output()[-4000:]}")
        return self.output()

    def manifest(self):
        return json.loads((self.dir / "run.json").read_text(encoding="utf-8"))

    def records(self):
        """The lines of records.fresh, packed or not; a line that is no record fails."""
        names = [f.name for f in self.dir.glob("records.fresh*")]
        need(len(names) == 1, f"files of records: {names}")
        text = (self.dir / names[0]).read_bytes()
        if names[0].endswith(".zst"):
            text = subprocess.run(["zstd", "-dcq"], input=text, capture_output=True, check=True).stdout
        need(text == b"" or text.endswith(b"\n"), "records.fresh ends in a torn line")
        return [json.loads(line) for line in text.splitlines()]

    def records_so_far(self):
        """What of packed records zstd(1) unpacks while they are written: all but the last few."""
        with (self.dir / "records.fresh.zst").open("rb") as packed:
            text = subprocess.run(["zstd", "-dcq"], stdin=packed, capture_output=True, check=False).stdout
        return [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]


TARGETS = sorted(set(EXPECTED["hits"]) - set(EXPECTED["out_of_country"]))
PORTS = ["p22", "p25", "p110", "p143", "p443", "p587", "p993"]


def check_complete(run, targets=None):
    """Every reachable host exactly once, with all its ports, and nobody else."""
    records = run.records()
    got = sorted(r["ip"] for r in records)
    want = sorted(TARGETS if targets is None else targets)
    twice = sorted({ip for ip in got if got.count(ip) > 1})
    need(not twice, f"grabbed twice: {twice}")
    need(got == want, f"missing {sorted(set(want) - set(got))}, too many {sorted(set(got) - set(want))}")
    for r in records:
        lacking = [p for p in PORTS if not isinstance(r.get(p), dict)]
        need(not lacking, f"{r['ip']} lacks {lacking}: {[r.get(p) for p in lacking]}")
    abroad = (run.dir / "out-of-country.ips").read_text().split()
    need(sorted(abroad) == EXPECTED["out_of_country"], f"out of country: {abroad}")
    hits = (run.dir / "zmap.ips").read_text().split()
    need(len(hits) == len(set(hits)), "zmap.ips has an address twice")


def tools(*names):
    """Process ids of survey and its tools in this namespace; zombies do not count."""
    here, out = os.readlink("/proc/self/ns/net"), []
    names = names or ("survey", "zmap", "zgrab2", "unbound", "stubby")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            comm, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:]
            if comm in names and rest[0] != "Z" and os.readlink(f"/proc/{pid}/ns/net") == here:
                out.append(int(pid))
        except OSError:
            continue
    return out


def kill_all(pids, sig=signal.SIGKILL):
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def wait_for(condition, text, limit=60):
    end = time.monotonic() + limit
    while not (result := condition()):
        if time.monotonic() > end:
            fail(f"waited {limit} s for {text}")
        time.sleep(0.01)
    return result


def in_tgt(function):
    """Run function in the servers' network namespace, in a process that dies with us."""
    pid = os.fork()
    if pid:
        return pid
    libc = ctypes.CDLL(None)
    libc.prctl(1, 9, 0, 0, 0)
    name = os.environ.get("LAB_TGT_NS") or next(
        n for n in os.listdir("/run/netns") if n.startswith("tgt"))
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if libc.setns(fd, 0x40000000) == -1:
        os._exit(1)
    function()
    os._exit(0)


class Wire:
    """All packets that leave or enter scan0, as (time, outgoing, source, destination, port, flags)."""

    def __init__(self):
        self.packets = []
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        self.socket.bind(("scan0", 0))
        self.socket.settimeout(0.2)
        self.over = False
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        while not self.over:
            try:
                data, (_, _, kind, *_) = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            if data[12:14] != b"\x08\x00" or len(data) < 34:
                continue
            ihl = (data[14] & 15) * 4
            proto, src, dst = data[23], socket.inet_ntoa(data[26:30]), socket.inet_ntoa(data[30:34])
            at = 14 + ihl
            if proto not in (6, 17) or len(data) < at + 8:
                continue
            port = struct.unpack("!H", data[at + 2:at + 4])[0]
            flags = data[at + 13] if proto == 6 and len(data) > at + 13 else -1
            self.packets.append((time.time(), kind == 4, src, dst, port, flags))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        time.sleep(0.3)
        self.over = True
        self.thread.join()
        self.socket.close()

    def syns(self):
        """(time, destination, port) of connection attempts that left."""
        end = time.monotonic() + 5
        while select.select([self.socket], [], [], 0.02)[0] and time.monotonic() < end:
            time.sleep(0.02)  # the listener lags behind on a busy machine
        return [(t, dst, port) for t, out, _, dst, port, flags in self.packets
                if out and flags >= 0 and flags & 0x12 == 0x02]
