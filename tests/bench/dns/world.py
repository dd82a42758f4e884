"""A small world of DNS in a network namespace: NSD, a tuned Unbound, and dead zones.

Nothing in it can send a packet out: the namespace has only a loopback interface.
"""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

NSD = "127.0.0.2"
RESOLVER = ("127.0.0.1", 5309)
TLDS = ["ie.lab", "com.lab", "eu.lab", "net.lab"]


class World:
    """Context manager; everything it started is gone after it."""

    def __init__(self, directory, names=43941, addresses=17647, seed=1, dead_servers=1):
        self.dir = pathlib.Path(directory)
        self.ns = f"dnsbench{os.getpid()}"
        self.children = []
        self.random = random.Random(seed)
        self.count = names, addresses
        self.dead_servers = dead_servers
        self.cache_mb = 128  # of Unbound's messages; twice as much of its records
        self.truth = {}

    def run(self, *argv, **kw):
        kw.setdefault("check", True)
        return subprocess.run(["ip", "netns", "exec", self.ns, *map(str, argv)], **kw)

    def spawn(self, *argv, **kw):
        log = open(self.dir / f"{pathlib.Path(argv[0]).name}.log", "ab")
        p = subprocess.Popen(["ip", "netns", "exec", self.ns, *map(str, argv)],
                             stdout=log, stderr=log, **kw)
        self.children.append(p)
        return p

    def stop(self, p, sig=signal.SIGTERM):
        if p.poll() is None:
            p.send_signal(sig)
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if p in self.children:
            self.children.remove(p)

    def __enter__(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        self.make_questions()
        subprocess.run(["ip", "netns", "add", self.ns], check=True)
        try:
            self.run("ip", "link", "set", "lo", "up")
            # Dead name servers: packets to them vanish, and nobody says so.
            self.run("nft", "add table ip dead; add chain ip dead in "
                            "{ type filter hook input priority 0; policy accept; }; "
                            "add rule ip dead in ip daddr 127.9.0.0/16 drop")
            self.write_zones()
            self.start_nsd()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for p in list(self.children):
            self.stop(p)
        subprocess.run(["ip", "netns", "del", self.ns], check=False)

    def make_questions(self):
        """Of the names 5 % NXDOMAIN, 2 % CNAME and 1 % dead; of the addresses 6 % NXDOMAIN."""
        names, addresses = self.count
        self.fwd, self.rev, self.dead = [], [], []
        for i in range(names):
            kind = self.random.random()
            zone = f"firm{i % (names // 8)}.{TLDS[i % len(TLDS)]}"
            name = f"mx{i}.{zone}"
            addr = f"45.{i >> 16}.{i >> 8 & 255}.{i & 255}"
            if kind < 0.01:
                name = f"mx{i}.dead{i}.{TLDS[i % len(TLDS)]}"
                self.dead.append(f"dead{i}.{TLDS[i % len(TLDS)]}")
                self.truth[name, "A"] = ("servfail", [])
            elif kind < 0.06:
                self.truth[name, "A"] = ("nxdomain", [])
            else:
                self.truth[name, "A"] = ("noerror", [addr])
                cname = kind < 0.08
                self.fwd.append((name, addr, f"alias{i}.{zone}" if cname else None))
        for i in range(addresses):
            kind = self.random.random()
            addr = f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"
            name = ".".join(reversed(addr.split("."))) + ".in-addr.arpa"
            if kind < 0.06:
                self.truth[name, "PTR"] = ("nxdomain", [])
            else:
                target = f"mx{i}.firm{i % 999}.ie.lab"
                self.truth[name, "PTR"] = ("noerror", [target])
                self.rev.append((name, target))
        order = list(self.truth)
        self.random.shuffle(order)
        self.questions = order

    def write_zones(self):
        soa = "@ 3600 SOA ns.lab. x.lab. 1 3600 900 86400 3600\n@ 3600 NS ns.lab.\n"
        fwd = ["$ORIGIN lab.\n" + soa + f"ns A {NSD}\n"]
        for name, addr, alias in self.fwd:
            if alias:
                fwd.append(f"{name}. 3600 CNAME {alias}.\n")
            fwd.append(f"{alias or name}. 3600 A {addr}\n")
        for i, zone in enumerate(self.dead):
            # Name servers of its own each: no cache of dead hosts helps.
            for k in range(1, self.dead_servers + 1):
                fwd.append(f"{zone}. 3600 NS ns{k}.{zone}.\n"
                           f"ns{k}.{zone}. 3600 A 127.9.{i & 255}.{(i >> 8) * 2 + k}\n")
        (self.dir / "root.zone").write_text(
            "$ORIGIN .\n" + soa + f"ns.lab. 3600 A {NSD}\n"
            "lab. 3600 NS ns.lab.\n10.in-addr.arpa. 3600 NS ns.lab.\n")
        (self.dir / "lab.zone").write_text("".join(fwd))
        rev = ["$ORIGIN 10.in-addr.arpa.\n" + soa]
        rev += [f"{name}. 3600 PTR {target}.\n" for name, target in self.rev]
        (self.dir / "rev.zone").write_text("".join(rev))

    def start_nsd(self):
        d = self.dir
        (d / "nsd.conf").write_text(f"""server:
  ip-address: {NSD}@53
  username: ""
  chroot: ""
  zonesdir: "{d}"
  zonelistfile: "{d}/nsd-zone.list"
  xfrdfile: "{d}/nsd-xfrd.state"
  xfrdir: "{d}"
  pidfile: "{d}/nsd.pid"
  logfile: "{d}/nsd.log"
  database: ""
  rrl-ratelimit: 0
  receive-buffer-size: 4194304
  send-buffer-size: 4194304
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "root.zone"
zone:
  name: "lab"
  zonefile: "lab.zone"
zone:
  name: "10.in-addr.arpa"
  zonefile: "rev.zone"
""")
        self.spawn("nsd", "-d", "-c", d / "nsd.conf")
        self.wait_for(NSD, 53, "ns.lab")

    def unbound_conf(self, validate=False, port=RESOLVER[1], anchor=None):
        """anchor: a file with the key of the zone lab, which is signed then."""
        d = self.dir
        trust = f'trust-anchor-file: "{anchor}"' if anchor else 'domain-insecure: "lab"'
        return f"""server:
  interface: 127.0.0.1
  port: {port}
  username: ""
  chroot: ""
  directory: "{d}"
  pidfile: ""
  logfile: ""
  use-syslog: no
  do-ip6: no
  num-threads: 1
  module-config: "{'validator iterator' if validate else 'iterator'}"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  outgoing-range: 8192
  num-queries-per-thread: 4096
  so-rcvbuf: 4m
  so-sndbuf: 4m
  msg-cache-size: {self.cache_mb}m
  rrset-cache-size: {2 * self.cache_mb}m
  infra-cache-numhosts: 100000
  qname-minimisation: no
  aggressive-nsec: no
  outbound-msg-retry: 2
  infra-cache-max-rtt: 2000
  incoming-num-tcp: 128
  ede: yes
{self.known("discard-timeout: 0", "wait-limit: 0", "ip-ratelimit: 0")}
  local-zone: "10.in-addr.arpa." nodefault
  {trust}
  domain-insecure: "10.in-addr.arpa"
remote-control:
  control-enable: no
stub-zone:
  name: "lab."
  stub-addr: {NSD}@53
stub-zone:
  name: "10.in-addr.arpa."
  stub-addr: {NSD}@53
"""

    def known(self, *options):
        """Those that this version of Unbound has; without them it drops answers silently."""
        if not hasattr(self, "options"):
            self.options = []
            for option in options:
                path = self.dir / "option.conf"
                path.write_text(f'server:\n  chroot: ""\n  directory: "{self.dir}"\n  {option}\n')
                p = subprocess.run([need("unbound-checkconf"), path], capture_output=True)
                if p.returncode == 0:
                    self.options.append("  " + option)
        return "\n".join(self.options)

    def start_unbound(self, **kw):
        conf = self.dir / "unbound.conf"
        conf.write_text(self.unbound_conf(**kw))
        p = self.spawn("unbound", "-d", "-c", conf)
        self.wait_for(RESOLVER[0], RESOLVER[1], "ns.lab")
        return p

    def wait_for(self, addr, port, name):
        """Ask until there is an answer; 30 s at most."""
        labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
        query = b"\x12\x34\x01\x00\x00\x01" + b"\x00" * 6 + labels + b"\x00\x00\x01\x00\x01"
        code = (f"import socket,sys\ns=socket.socket(2,2)\ns.settimeout(1)\n"
                f"s.connect(({addr!r},{port}))\ntry:\n s.send({query!r})\n"
                f" sys.exit(0 if s.recv(4096)[3] & 15 == 0 else 1)\n"
                f"except OSError: sys.exit(1)\n")
        for _ in range(60):
            if self.run("python3", "-c", code, check=False).returncode == 0:
                return
            time.sleep(0.5)
        raise SystemExit(f"nobody answers at {addr}#{port}; see {self.dir}/*.log")


def need(tool):
    path = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"{tool} is missing; install-deps.sh brings it")
    return path
