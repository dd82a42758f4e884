#!/usr/bin/env python3
"""Real Unbound and Stubby under survey dns, in a network namespace of their own.

usage: test_resolvers.py SURVEY [CASE...]
"""
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench" / "dns"))
import dotworld  # noqa: E402
import world as w  # noqa: E402

SURVEY = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else None


def skip(why):
    print("skipped:", why)
    sys.exit(77)


# Name servers of zones of their own: by the block list, by what the config allows, by what they are.
SERVERS = {"allowed.lab": "198.18.9.8", "blocked.lab": "198.18.9.9", "local.lab": "127.0.0.4"}


class Lab(dotworld.DotWorld):
    def write_zones(self):
        super().write_zones()
        with (self.dir / "lab.zone").open("a") as f:
            for zone, addr in SERVERS.items():
                f.write(f"{zone}. 3600 NS ns.{zone}.\nns.{zone}. 3600 A {addr}\n")

    @property
    def resolvers(self):
        return self.dir / "resolver"

    def start(self, config, names, *options):
        """names: None when they come on standard input."""
        questions = "-" if names is None else self.dir / "questions.txt"
        if names is not None:
            questions.write_text("".join(n + "\n" for n in names))
        self.out = self.dir / "out.ndjson"
        self.stats = self.dir / "stats.json"
        argv = [SURVEY, "dns", *([] if config is None else ["-c", config]), "-d",
                self.dir, "-o", self.out, "--stats", self.stats, *options, questions]
        return subprocess.Popen(["ip", "netns", "exec", self.ns, *map(str, argv)],
                                stdin=subprocess.PIPE if names is None else None,
                                stderr=subprocess.PIPE, text=True)

    def ask(self, config, names, *options, status=0, **kw):
        p = self.start(config, names, *options, **kw)
        err = p.communicate(timeout=240)[1]
        assert p.returncode == status, f"exit {p.returncode}\n{err}"
        return err

    def check(self, names):
        got = [json.loads(l) for l in self.out.open()]
        assert len(got) == len(names) == len({a["name"] for a in got}), \
            f"{len(got)} of {len(names)}"
        wrong = [a for a in got
                 if (a["outcome"], a["answers"]) != self.truth[a["name"], a["type"]]]
        assert not wrong, (len(wrong), wrong[:3], collections.Counter(
            a["outcome"] for a in wrong))
        return json.loads(self.stats.read_text())

    def resolver_children(self):
        """pids of resolvers with a config in our directory"""
        found = []
        for d in pathlib.Path("/proc").iterdir():
            if d.name.isdigit():
                try:
                    if str(self.resolvers).encode() in (d / "cmdline").read_bytes() and \
                            SURVEY.encode() not in (d / "cmdline").read_bytes():
                        found.append(int(d.name))
                except OSError:
                    pass
        return found


def resolver_pid(lab, name):
    for _ in range(600):
        for pid in lab.resolver_children():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    return pid
            except OSError:
                pass
        time.sleep(0.05)
    raise AssertionError(f"no {name}")


def case_managed(lab):
    """Unbound, Stubby, DNS over TLS: every live name right; children not root, and gone."""
    names = lab.live()
    p = lab.start(lab.config("managed"), names)
    uids = {n: os.stat(f"/proc/{resolver_pid(lab, n)}").st_uid for n in ("stubby", "unbound")}
    assert p.wait(120) == 0, p.stderr.read()
    lab.check(names)
    assert 0 not in uids.values(), uids
    assert not lab.resolver_children()
    modes = {f.name: f.stat().st_mode & 0o777 for f in lab.resolvers.iterdir()}
    assert set(modes.values()) == {0o600} and lab.resolvers.stat().st_mode & 0o777 == 0o700


def case_unbound_dot(lab):
    names = lab.live()
    lab.ask(lab.config("unbound-dot"), names)
    lab.check(names)


def case_unbound(lab):
    """Recursion from a root of the lab's own."""
    hints = lab.dir / "root.hints"
    hints.write_text(f". 3600 NS ns.lab.\nns.lab. 3600 A {w.NSD}\n")
    names = [n for n in lab.live() if n.endswith(".lab")]
    lab.ask(lab.config("unbound", extra='root_hints = "root.hints"'), names)
    lab.check(names)


def asked(lab):
    """How often each of SERVERS was asked: {zone: packets}."""
    out = lab.run("nft", "-j", "list", "counters", capture_output=True, text=True).stdout
    return {c["counter"]["name"].replace("_", "."): c["counter"]["packets"]
            for c in json.loads(out)["nftables"] if "counter" in c}


def start_servers(lab):
    conf = (lab.dir / "nsd.conf").read_text().partition("zone:")[0].replace(f"  ip-address: {w.NSD}@53\n", "").replace(
        "nsd-zone.list", "own-zone.list").replace("nsd-xfrd", "own-xfrd").replace("nsd.pid", "own.pid").replace(
        "nsd.log", "own.log")
    lab.run("nft", "add table inet asked; add chain inet asked in { type filter hook input priority 0; }")
    for zone, addr in SERVERS.items():
        counter = zone.replace(".", "_")
        conf = conf.replace("server:\n", f"server:\n  ip-address: {addr}@53\n", 1)
        conf += f"zone:\n  name: {zone}\n  zonefile: {zone}.zone\n"
        (lab.dir / f"{zone}.zone").write_text(
            f"$ORIGIN {zone}.\n@ 60 SOA ns x 1 60 60 60 60\n@ 60 NS ns\nns 60 A {addr}\nhost 60 A 45.0.0.1\n")
        if not addr.startswith("127."):
            lab.run("ip", "addr", "add", f"{addr}/32", "dev", "lo")
        lab.run("nft", f"add counter inet asked {counter}; add rule inet asked in ip daddr {addr} "
                f"meta l4proto {{ tcp, udp }} th dport 53 counter name {counter}")
    (lab.dir / "own.conf").write_text(conf)
    server = lab.spawn("nsd", "-d", "-c", lab.dir / "own.conf")
    for zone, addr in SERVERS.items():
        lab.wait_for(addr, 53, f"ns.{zone}")
    return server


def case_refused(lab):
    """A zone's name server at a blocked or special-purpose address is not asked, whatever the zone says."""
    hints, block = lab.dir / "root.hints", lab.dir / "block.txt"
    hints.write_text(f". 3600 NS ns.lab.\nns.lab. 3600 A {w.NSD}\n")
    block.write_text(f"# nobody there wants to be asked\n{SERVERS['blocked.lab']}\n")
    server = start_servers(lab)
    before = asked(lab)
    assert min(before.values()) > 0, before  # the counters count
    config = lab.config("unbound", extra='root_hints = "root.hints"')
    config.write_text(config.read_text().replace(
        "run { name = x }", f'run {{ name = x\n allow_reserved = {{"198.18.0.0/15"}} }}\n'
        f'scan {{ block_files = {{"{block}"}} }}'))
    names = [f"host.{zone}" for zone in SERVERS]
    lab.ask(config, names)
    got = {a["name"]: (a["outcome"], a["answers"]) for a in map(json.loads, lab.out.open())}
    assert got == {"host.allowed.lab": ("noerror", ["45.0.0.1"]), "host.blocked.lab": ("servfail", []),
                   "host.local.lab": ("servfail", [])}, got
    packets = {zone: n - before[zone] for zone, n in asked(lab).items()}
    assert packets["allowed.lab"] > 0 and packets["blocked.lab"] == packets["local.lab"] == 0, packets
    # Without such a config no reserved network is asked either.
    before = asked(lab)
    lab.ask(lab.config("unbound", extra='root_hints = "root.hints"'), names[:1])
    assert asked(lab) == before, (before, asked(lab))
    lab.stop(server)


def case_bogus(lab):
    """What DNSSEC refuses is a failure with its reason, counted apart and not asked again."""
    anchor = lab.dir / "anchor"  # a zone that should be signed, and is not
    anchor.write_text(f"eu.lab. IN DS 4711 15 2 {'ab' * 32}\n")
    names = [n for n in lab.live() if n.endswith(".lab")][:1200]
    for mode in ("managed", "unbound-dot"):
        lab.ask(lab.config(mode, validate="true", extra='trust_anchors = {"anchor"}'), names)
        got = {a["name"]: a for a in map(json.loads, lab.out.open())}
        s = json.loads(lab.stats.read_text())
        bogus = [n for n in names if n.endswith(".eu.lab")]
        assert set(got) == set(names) and len(bogus) > 100
        for n in bogus:
            assert got[n]["outcome"] == "servfail" and got[n]["ede"] in (6, 9, 10), got[n]
        for n in set(names) - set(bogus):
            assert (got[n]["outcome"], got[n]["answers"]) == lab.truth[n, "A"], got[n]
        assert s["bogus"] == s["servfail"] == len(bogus) and s["retries"] == 0, s


def case_wrong_certificate(lab):
    for mode, who in (("managed", "stubby"), ("unbound-dot", "unbound")):
        err = lab.ask(lab.config(mode, hostname="other.lab"), lab.live()[:50], status=1)
        assert f"{who} refuses the upstream, whose certificate" in err, err
        assert not lab.out.exists() and not lab.resolver_children()


def case_killed_resolvers(lab):
    """Unbound, then Stubby, die in the middle: both come back, and nothing is missing."""
    names = lab.live()
    p = lab.start(lab.config("managed"), None)
    def ask(some):
        p.stdin.write("".join(n + "\n" for n in some))
        p.stdin.flush()

    ask(names[:10])
    while not any(f.stat().st_size > 0 for f in lab.dir.glob("out.ndjson.*")):  # they are up
        assert p.poll() is None, p.stderr.read()
        time.sleep(0.05)
    half = len(names) // 2
    for name, some in (("unbound", names[10:half]), ("stubby", names[half:])):
        pid = resolver_pid(lab, name)
        ask(some)
        os.kill(pid, signal.SIGKILL)
        while resolver_pid(lab, name) == pid:
            time.sleep(0.05)
    err = p.communicate(timeout=200)[1]
    assert p.returncode == 0, err
    assert err.count("starting it again") == 2, err
    lab.check(names)


def case_hung(lab):
    """Resolvers that run but answer no more are ended and started again."""
    names = lab.live()[:400]
    p = subprocess.Popen(["ip", "netns", "exec", lab.ns, SURVEY, "dns", "-c", lab.config("managed"),
                          "-d", lab.dir, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    answers = []

    def ask(some):
        p.stdin.write("".join(n + "\n" for n in some))
        p.stdin.flush()
        answers.extend(json.loads(p.stdout.readline()) for _ in some)
    ask(names[:10])
    pids = {tool: resolver_pid(lab, tool) for tool in ("stubby", "unbound")}
    for tool in pids:
        os.kill(pids[tool], signal.SIGSTOP)
        for line in p.stderr:
            if f"{tool} runs, but answers no more" in line:
                break
        while resolver_pid(lab, tool) == pids[tool]:
            time.sleep(0.05)
    ask(names[10:])
    p.stdin.close()
    assert p.wait(20) == 0
    wrong = [a for a in answers if (a["outcome"], a["answers"]) != lab.truth[a["name"], a["type"]]]
    assert not wrong, wrong[:3]


def case_survey_killed(lab):
    """kill -9 of survey takes its resolvers with it at once."""
    p = lab.start(lab.config("managed"), lab.live())
    resolver_pid(lab, "unbound")
    p.kill()
    p.wait()
    deadline = time.monotonic() + 10
    while lab.resolver_children() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not lab.resolver_children()


def case_upstream_away(lab):
    """The upstream goes and comes back: failures of that time are asked again."""
    names = lab.live()
    for _ in range(4):
        p = lab.start(lab.config("unbound-dot"), names)
        resolver_pid(lab, "unbound")
        time.sleep(1)
        gone = time.monotonic()
        lab.stop(lab.upstream, signal.SIGKILL)
        time.sleep(1)
        lab.start_upstream()
        away = time.monotonic() - gone
        assert p.wait(200) == 0, p.stderr.read()
        if away < 5:  # a busy machine may need longer to start it than failures are asked again for
            break
    lab.check(names)


# Poses as a resolver until the real one takes over.
WRAPPER = """#!/usr/bin/python3 -B
import os, re, socket, sys
flags, tool = {flags!r}, {tool!r}
if os.path.exists(flags + "/ill"):
    sys.exit("fatal error: ill")
if os.path.exists(flags + "/thief") and not os.path.exists(flags + "/stole-" + tool):
    open(flags + "/stole-" + tool, "w").close()
    port = int(re.search(r"(?m)^\\s*(?:port: |- 127\\.0\\.0\\.1@)(\\d+)",
                         open(sys.argv[-1]).read() if tool == "unbound" else
                         open(sys.argv[2]).read()).group(1))
    thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    thief.bind(("127.0.0.1", port))
    thief.set_inheritable(True)
os.execv({real!r}, [tool, *sys.argv[1:]])
"""


def wrapped(lab, mode, flag=None):
    """A config whose resolvers are wrappers; the folder of flags that they obey."""
    flags = lab.dir / "flags"
    shutil.rmtree(flags, ignore_errors=True)
    flags.mkdir()
    flags.chmod(0o777)
    if flag:
        (flags / flag).touch()
    for tool in ("unbound", "stubby"):
        path = lab.dir / tool
        path.write_text(WRAPPER.format(flags=str(flags), tool=tool, real=w.need(tool)))
        path.chmod(0o755)
    checker = lab.dir / "unbound-checkconf"
    checker.unlink(missing_ok=True)
    checker.symlink_to(w.need("unbound-checkconf"))
    return flags, lab.config(mode, extra=f'unbound = "{lab.dir}/unbound"\n'
                                         f'stubby = "{lab.dir}/stubby"')


def case_port_taken(lab):
    """A port that was free is taken by the time that a resolver wants it: another will do."""
    names = lab.live()[:300]
    flags, config = wrapped(lab, "managed", "thief")
    err = lab.ask(config, names)
    lab.check(names)
    for tool in ("unbound", "stubby"):
        assert (flags / f"stole-{tool}").exists() and f"before {tool} had it" in err, err


def case_dies_again(lab):
    """A resolver that does not stay up is started again a few times, no more."""
    flags, config = wrapped(lab, "unbound-dot")
    p = lab.start(config, lab.live())
    pid = resolver_pid(lab, "unbound")
    time.sleep(0.7)
    (flags / "ill").touch()
    os.kill(pid, signal.SIGKILL)
    err = p.communicate(timeout=120)[1]
    assert p.returncode == 1 and "it does not stay up" in err, err
    assert err.count("starting it again") == 7, err
    assert not lab.out.exists() and not lab.resolver_children()


def case_no_checker(lab):
    """Without unbound-checkconf nothing is started, and it is named."""
    _, config = wrapped(lab, "unbound-dot")
    (lab.dir / "unbound-checkconf").unlink()
    err = lab.ask(config, ["mx1.lab"], status=2)
    assert f"{lab.dir}/unbound-checkconf cannot be executed" in err, err


def case_closed_way(lab):
    """As root, resolvers are nobody: a directory that nobody may not enter is named."""
    os.chmod(lab.dir, 0o700)
    err = lab.ask(lab.config("unbound-dot"), ["mx1.lab"], status=2)
    os.chmod(lab.dir, 0o711)
    assert f"may not enter {lab.dir}" in err, err


def case_loss(lab):
    """Three packets of ten to and from a real resolver vanish."""
    unbound = lab.start_unbound()
    lab.run("nft", f"add table ip loss; add chain ip loss in {{ type filter hook input priority 0;"
                   f" policy accept; }}; add rule ip loss in udp dport {w.RESOLVER[1]} numgen "
                   f"random mod 100 < 30 drop; add rule ip loss in udp sport {w.RESOLVER[1]} "
                   f"numgen random mod 100 < 30 drop")
    names = lab.live()[:500]
    lab.ask(None, names, "--resolver", "127.0.0.1#5309", "--timeout", "300", "--tries", "20")
    lab.run("nft", "delete table ip loss")
    lab.stop(unbound)
    s = lab.check(names)
    assert s["timed_out_tries"] > len(names) // 4, s


def case_small_buffer(lab):
    """With the receive buffer of a stock kernel nothing is lost."""
    unbound = lab.start_unbound()
    names = lab.live()
    lab.ask(None, names, "--resolver", "127.0.0.1#5309", "--rcvbuf", str(212992 // 2),
            "--timeout", "30000")
    lab.stop(unbound)
    s = lab.check(names)
    assert s["rcvbuf"] <= 212992 and s["retries"] == 0, s


def main():
    if os.geteuid() != 0:
        skip("network namespaces need root")
    for tool in ("ip", "nft", "nsd", "unbound", "stubby", "openssl", "setpriv"):
        if not (shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")):
            skip(f"{tool} is missing")
    cases = {n[5:]: f for n, f in globals().items() if n.startswith("case_")}
    names = sys.argv[2:] or list(cases)
    if names[0] == "--but":
        names = [n for n in cases if n not in names]
    with tempfile.TemporaryDirectory(prefix="survey-resolvers") as tmp:
        os.chmod(tmp, 0o711)  # resolvers become nobody
        with Lab(tmp, names=6000, addresses=2000) as lab:
            for name in names:
                shutil.rmtree(pathlib.Path(tmp) / "resolver", ignore_errors=True)
                (pathlib.Path(tmp) / "out.ndjson").unlink(missing_ok=True)
                start = time.monotonic()
                cases[name](lab)
                print(f"{name}: ok, {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
