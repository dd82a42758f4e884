"""rates.py SURVEY: the configured rates against what is on the wire, and a /16 with holes."""

import os
import random
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "lab" / "faults"))

from surveyor import Run, Wire  # noqa: E402

WINDOW_S = float(os.environ.get("WINDOW_S", 25))


def rate(times, window):
    """Events a second in the window that starts a second after the first."""
    start = min(times) + 1
    return sum(start <= t < start + window for t in times) / window


def scan_rate(pps):
    size = 32 - int(pps * (WINDOW_S + 4)).bit_length()
    top = f"198.18.{64 if size >= 18 else 0}.0/{size}"
    with Run(run={"countries": ["XX"], "targets": [top]},
             scan={"rate_pps": pps, "shards": 1}) as run, Wire() as wire:
        run.finish(until="scan", limit=600)
    got = rate([t for t, _, _ in wire.syns()], WINDOW_S)
    print(f"scan.rate_pps {pps}: {got:.1f} SYN/s over {WINDOW_S:.0f} s ({100 * got / pps - 100:+.2f} %)"
          "   (reach: 5 %)", flush=True)


def grab_rate(hosts):
    n = int(hosts * (WINDOW_S + 3))
    listed = [f"198.18.{128 + i // 256}.{i % 256}" for i in range(n)]
    with Run(run={"countries": ["XX"], "targets": []}, scan={"mode": "list"},
             grab={"rate_hosts": hosts, "in_flight": 100}) as run, Wire() as wire:
        listing = run.top / "list"
        listing.write_text("\n".join(listed) + "\n")
        listing.chmod(0o644)
        run.settings["scan"]["list"] = str(listing)
        run.write(run.settings)
        run.finish(limit=600)
    first = {}
    for t, dst, _ in wire.syns():
        first.setdefault(dst, t)
    got = rate(list(first.values()), WINDOW_S)
    print(f"grab.rate_hosts {hosts}: {got:.2f} hosts/s over {WINDOW_S:.0f} s "
          f"({100 * got / hosts - 100:+.2f} %)   (reach: 5 %)", flush=True)


def holes():
    """A /16 from which a seeded set of networks is blocked: nothing outside, all inside."""
    rnd = random.Random(16)
    top = ip_network("198.18.0.0/16")
    blocked = [ip_network((int(top[0]) + rnd.randrange(1 << 16) & ~((1 << (32 - n)) - 1), n))
               for n in (rnd.choice((22, 25, 28, 30, 32)) for _ in range(200))]
    with Run(run={"countries": ["XX"], "targets": [str(top)]},
             scan={"rate_pps": 4000, "shards": 3}) as run, Wire() as wire:
        block = run.top / "block"
        block.write_text("".join(f"{b} # asked for it\n" for b in blocked))
        block.chmod(0o644)
        run.settings["scan"]["block_files"] = [str(block)]
        run.write(run.settings)
        run.finish(until="scan", limit=600)
    allowed = {int(a) for a in top}
    for b in blocked:
        allowed -= set(range(int(b[0]), int(b[-1]) + 1))
    sent = {int(ip_address(dst)) for _, dst, _ in wire.syns()}
    print(f"/16 with {len(blocked)} holes, {len(allowed)} addresses left: {len(sent - allowed)} "
          f"packets outside (reach: 0), {len(allowed - sent)} addresses not probed (reach: 0)",
          flush=True)
    if sent - allowed:
        sys.exit(1)


scan_rate(150)
scan_rate(1000)
grab_rate(10)
holes()
