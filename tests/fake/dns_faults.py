#!/usr/bin/env python3
"""survey dns against a resolver that misbehaves: dns_faults.py SURVEY [CASE...]"""
import collections
import fcntl
import json
import os
import pathlib
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from fake_dns import (A, AAAA, CNAME, NXDOMAIN, PTR, REFUSED, SERVFAIL, FakeResolver, address_of,
                      encode_name, over_tcp)

SURVEY = sys.argv[1]
NAMES = [f"mx{i}.firm{i % 97}.lab" for i in range(2000)]


def right(q):
    return q.reply([(A, address_of(q.name))])


class Run:
    """One run of survey dns: exit status, answers by (name, type), totals."""

    def __init__(self, port, lines, *options):
        with tempfile.TemporaryDirectory() as d:
            d = pathlib.Path(d)
            lines = lines if isinstance(lines, bytes) else "".join(
                f"{l}\n" for l in lines).encode()
            p = subprocess.run([SURVEY, "dns", "--resolver", f"127.0.0.1#{port}", "--stats",
                                d / "stats", *map(str, options), "-"], input=lines,
                               capture_output=True, timeout=300)
            self.status = p.returncode
            self.stderr = p.stderr.decode()
            self.answers = {}
            for line in p.stdout.decode().splitlines():
                a = json.loads(line)
                key = a["name"], a["type"]
                assert key not in self.answers, f"{key}: two outcomes"
                self.answers[key] = a
            self.stats = json.loads((d / "stats").read_text())

    def expect_all(self, names=NAMES):
        assert set(self.answers) == {(n, "A") for n in names}, \
            f"{len(self.answers)} of {len(names)} questions have an outcome\n{self.stderr}"

    def expect_right(self, names=NAMES):
        self.expect_all(names)
        for n in names:
            a = self.answers[n, "A"]
            assert a["outcome"] == "noerror" and \
                a["answers"] == [socket.inet_ntoa(address_of(n))], a


def case_killed():
    """It dies with questions on its way and comes back on the same port."""
    count = 0

    def answer(q, nth, tcp):
        nonlocal count
        count += 1
        return [right(q)] if count < 700 else []
    first = FakeResolver(answer)
    p = subprocess.Popen([SURVEY, "dns", "--resolver", f"127.0.0.1#{first.port}", "-w", "50",
                          "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdin.write("".join(n + "\n" for n in NAMES).encode())
    p.stdin.close()
    while count < 700:
        time.sleep(0.01)
    first.stop()
    time.sleep(1.5)
    with FakeResolver(port=first.port):
        out = p.stdout.read().decode().splitlines()
        assert p.wait(60) == 0
    got = [json.loads(l) for l in out]
    assert len(got) == len(NAMES) == len({a["name"] for a in got})
    assert all(a["outcome"] == "noerror" for a in got)


def case_delayed():
    """Answers take ten seconds: those to an earlier try still count."""
    with FakeResolver(lambda q, nth, tcp: [(10, right(q))]) as r:
        run = Run(r.port, NAMES[:300])
    run.expect_right(NAMES[:300])
    assert run.status == 0
    assert all(a["ms"] >= 9000 for a in run.answers.values())


def case_lossy():
    """Three packets of ten are lost, either way."""
    dice = random.Random(7)

    def answer(q, nth, tcp):
        return [] if dice.random() < 0.3 or dice.random() < 0.3 else [right(q)]
    with FakeResolver(answer) as r:
        run = Run(r.port, NAMES[:400], "--timeout", 100, "--tries", 20)
    run.expect_right(NAMES[:400])
    assert run.stats["retries"] > 0 and run.stats["window"] <= run.stats["window_max"]


def case_spoofed():
    """Each right answer comes after a flood of wrong ones."""
    evil = [(A, b"\6\6\6\6")]

    def answer(q, nth, tcp):
        wrong_id = bytes([q.id[0] ^ 0x55, q.id[1]])
        loop = q.reply()[:-11]
        loop = loop[:6] + b"\0\1" + loop[8:10] + b"\0\0" + loop[12:]
        pointer = struct.pack(">H", 0xc000 | len(loop))
        return [q.reply(evil, id=wrong_id),
                q.reply(evil, question=encode_name("other.lab") + b"\0\1\0\1"),
                q.reply(evil, question=q.question[:-4] + b"\0\x1c\0\1"),
                q.reply(evil, question=q.question[:-4] + b"\0\1\0\3"),
                q.reply(evil, qr=False),
                loop + pointer + struct.pack(">HHIH", 1, 1, 1, 4) + b"\6\6\6\6",
                q.reply(evil)[:-20], b"", b"\0", q.id, q.reply(evil)[:12],
                right(q), q.reply(evil)]
    with FakeResolver(answer) as r:
        run = Run(r.port, NAMES)
    run.expect_right()
    assert run.stats["rejected"] >= 8 * len(NAMES), run.stats
    assert run.stats["timed_out_tries"] == 0


def case_other_sender():
    """Right in every way, but from another port: the kernel keeps it from a connected socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
        liar.bind(("127.0.0.1", 0))

        def answer(q, nth, tcp):
            liar.sendto(q.reply([(A, b"\6\6\6\6")]), r.peer)
            return [(0.02, right(q))]
        with FakeResolver(answer) as r:
            run = Run(r.port, NAMES[:200])
    run.expect_right(NAMES[:200])
    assert run.stats["rejected"] == 0


def case_silent():
    """It never answers: every question times out, once, in bounded time."""
    with FakeResolver(lambda q, nth, tcp: []) as r:
        run = Run(r.port, NAMES, "--timeout", 100, "--tries", 3)
    run.expect_all()
    assert {a["outcome"] for a in run.answers.values()} == {"timeout"}
    assert max(r.seen.values()) == 3
    assert run.stats["window"] < run.stats["window_max"], "losses did not shrink the window"


def case_big():
    """Two thousand addresses: truncated over UDP, all over TCP, in pieces."""
    addresses = [struct.pack(">I", 0xc6120000 + i) for i in range(2000)]

    def answer(q, nth, tcp):
        if not tcp:
            return [q.reply(tc=True)]
        message = over_tcp(q.reply([(A, a) for a in addresses]))
        return [message[:1], message[1:7], (0.05, message[7:9000]), (0.1, message[9000:])]
    names = NAMES[:40]
    with FakeResolver(answer) as r:
        run = Run(r.port, names)
    run.expect_all(names)
    for a in run.answers.values():
        assert a["outcome"] == "noerror" and len(a["answers"]) == 2000, a["outcome"]
        assert a["answers"][0] == "198.18.0.0" and a["answers"][-1] == "198.18.7.207"
    assert run.stats["tcp"] == len(names)


def case_tcp_broken():
    """TCP that is closed, cut short, or about something else: bounded tries, then a timeout."""
    bad = [lambda q: [None], lambda q: [over_tcp(right(q))[:9], None],
           lambda q: [over_tcp(q.reply(tc=True))],
           lambda q: [over_tcp(q.reply(question=encode_name("x.lab") + b"\0\1\0\1"))],
           lambda q: [b"\0\0"]]

    def answer(q, nth, tcp):
        if not tcp:
            return [q.reply(tc=True)]
        if q.name == "good.lab":
            return [over_tcp(right(q))]
        return bad[int(q.name[1:q.name.index(".")]) % len(bad)](q)
    names = [f"b{i}.lab" for i in range(50)] + ["good.lab"]
    with FakeResolver(answer) as r:
        run = Run(r.port, names, "--timeout", 300, "--tries", 2)
    run.expect_all(names)
    assert run.answers["good.lab", "A"]["outcome"] == "noerror"
    assert {run.answers[n, "A"]["outcome"] for n in names[:-1]} == {"timeout"}


def case_failures():
    """SERVFAIL and REFUSED that pass are asked again; those that stay keep their reason."""
    def answer(q, nth, tcp):
        if q.name.startswith("passing"):
            return [q.reply(rcode=SERVFAIL if nth == 1 else 0,
                            records=[] if nth == 1 else [(A, address_of(q.name))])]
        if q.name.startswith("bogus"):
            return [q.reply(rcode=SERVFAIL, ede=(6, b"signature is \xc3\xbcber"))]
        if q.name.startswith("refused"):
            return [q.reply(rcode=REFUSED)]
        return [q.reply(rcode=SERVFAIL, ede=(22, b"no name server\x00"))]
    names = [f"{k}{i}.lab" for k in ("passing", "bogus", "refused", "dead") for i in range(5)]
    with FakeResolver(answer) as r:
        run = Run(r.port, names)
    run.expect_all(names)
    for i in range(5):
        a = {k: run.answers[f"{k}{i}.lab", "A"] for k in ("passing", "bogus", "refused", "dead")}
        assert a["passing"]["outcome"] == "noerror"
        assert (a["bogus"]["outcome"], a["bogus"]["ede"], a["bogus"]["ede_text"]) == \
            ("servfail", 6, "signature is über")
        assert a["refused"]["outcome"] == "refused"
        assert (a["dead"]["outcome"], a["dead"]["ede"], a["dead"]["ede_text"]) == \
            ("servfail", 22, "no name server")
        assert r.seen[f"bogus{i}.lab", 1] == 1, "DNSSEC's verdict was asked for twice"
        assert r.seen[f"dead{i}.lab", 1] == 2
    assert run.stats["bogus"] == 5


def case_hostile_names():
    """Lines that are no names cost only themselves."""
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    bad = [b"a,b.lab", b"a b.lab", b"\x00", b"a\x00.lab", b"a\x1b[31m.lab", b"x" * (64 << 10),
           b"y" * (200 << 10), b"\xff\xfe", b"..", longest.encode() + b"c", b"-a.lab",
           b"a" * 64 + b".lab", b"a\\.lab", b"<script>.lab", b"a&rm.lab"]
    good = NAMES[:20] + [longest, "xn--bcher-kva.lab"]
    lines = b"\n".join(bad + [g.encode() for g in good]
                       + ["b\u00fccher.lab".encode(), b"", b"MX0.FIRM0.LAB."])
    with FakeResolver() as r:
        run = Run(r.port, lines)
    run.expect_right(good)
    assert run.status == 3
    assert all(nth == 1 for nth in r.seen.values()), "asked twice"


def case_hostile_answers():
    """Chains, loops and PTR targets that are no names are kept as text or refused."""
    def name(*labels):
        return b"".join(bytes([len(l)]) + l for l in labels) + b"\0"

    def answer(q, nth, tcp):
        if q.type == PTR:
            return [q.reply([(PTR, name(b"a.b\\", b"\x00\n\xff", b"x,y")),
                             (PTR, name(b"<script>", b"Lab"))])]
        if q.name == "loop.lab":
            return [q.reply([(CNAME, b"\xc0\x0c")])]
        return [q.reply([(CNAME, name(b"x\"y", b"lab"))], rcode=NXDOMAIN)]
    with FakeResolver(answer) as r:
        run = Run(r.port, ["192.0.2.1", "loop.lab", "odd.lab"], "--timeout", 100, "--tries", 2)
    a = run.answers["1.2.0.192.in-addr.arpa", "PTR"]
    assert a["answers"] == ["<script>.lab", "a\\.b\\\\.\\000\\010\\255.x,y"], a
    assert run.answers["loop.lab", "A"]["outcome"] == "timeout"
    assert run.answers["odd.lab", "A"]["cname"] == ['x"y.lab']


def case_types():
    """A, AAAA and PTR of names and addresses, each question once."""
    def answer(q, nth, tcp):
        six = bytes([0x20, 1, 0x0d, 0xb8] + [0] * 11 + [7])
        return [q.reply({A: [(A, address_of(q.name))], AAAA: [(AAAA, six)],
                         PTR: [(PTR, encode_name("mx.lab"))]}[q.type])]
    lines = ["mx.lab", "192.0.2.1", "2001:db8::1", "MX.lab", "192.0.2.1"]
    with FakeResolver(answer) as r:
        run = Run(r.port, lines, "--type", "A,AAAA,PTR")
    assert run.status == 0
    assert sorted((n[:9], t) for n, t in run.answers) == [
        ("1.0.0.0.0", "PTR"), ("1.2.0.192", "PTR"), ("mx.lab", "A"), ("mx.lab", "AAAA")]
    assert run.answers["mx.lab", "AAAA"]["answers"] == ["2001:db8::7"]
    with FakeResolver(answer) as r:
        for kind, lines, asked in (("PTR", ["mx.lab", "1.2.0.192.in-addr.arpa"], 1),
                                   ("A", ["mx.lab", "192.0.2.1"], 1)):
            run = Run(r.port, lines, "--type", kind)
            assert len(run.answers) == asked and run.status == 3
            assert "1 line not asked" in run.stderr, run.stderr


def case_lists():
    """Names and addresses in the forms in which people have them; what is not asked is named."""
    def answer(q, nth, tcp):
        return [q.reply([(A, address_of(q.name))] if q.type == A else [(PTR, encode_name("mx.lab"))])]

    def asked(text, status, *options):
        run = Run(r.port, text.encode(), *options)
        assert run.status == status, run.stderr
        return {n.removesuffix(".in-addr.arpa") for n, _ in run.answers}, run.stderr
    lists = pathlib.Path(__file__).resolve().parents[1] / "golden/geo/lists"
    with FakeResolver(answer) as r:
        got, _ = asked((lists / "list-bom.txt").read_text(), 0)
        assert got == {"11.10.18.198", "12.10.18.198"}, got
        got, _ = asked("\ufeff# names\r\nmx1.lab\r\n\r\n  mx2.lab # ours\r\n192.0.2.254/31\r\n"
                       "192.0.2.9 - 192.0.2.10", 0)
        assert got == {"mx1.lab", "mx2.lab", "254.2.0.192", "255.2.0.192", "9.2.0.192",
                       "10.2.0.192"}, got
        got, _ = asked("saddr,daddr\n192.0.2.1,198.18.0.1\n", 0)
        assert got == {"1.2.0.192"}, got
        got, _ = asked('{"ip":"192.0.2.1"}\n{"name":"mx.lab"}\nopen tcp 25 192.0.2.2 1\n', 0)
        assert got == {"1.2.0.192", "2.2.0.192", "mx.lab"}, got
        # 65,536 questions of one line are asked while answers come in.
        got, _ = asked("10.7.0.0/16\nmx.lab\n", 0)
        assert len(got) == 65537 and "mx.lab" in got, len(got)
        # The whole of IPv6 is not taken apart; a range that is wrong is no name.
        got, stderr = asked("mx.lab\n2001:db8::/32\n9.0.0.9-9.0.0.1\na b\nmx2.lab\n", 3)
        assert got == {"mx.lab", "mx2.lab"}, got
        for text in ("-:2: \"2001:db8::/32\": the prefixes and ranges of a list may hold",
                     "-:3: \"9.0.0.9-9.0.0.1\": the range ends before it starts",
                     "-:4: \"a b\": no valid name", "3 lines not asked"):
            assert text in stderr, stderr
        got, stderr = asked("a b\n" * 33 + "x" * 70000 + "\nmx.lab\n", 3)
        assert got == {"mx.lab"} and stderr.count("no valid name") == 20, stderr
        assert "and 14 more lines" in stderr and "34 lines not asked" in stderr, stderr
        got, stderr = asked("mx.lab\n192.0.2.1\n", 3, "--type", "A")
        assert got == {"mx.lab"} and "an address, and PTR is not among" in stderr, stderr


def case_small_buffer():
    """The window fits the buffer that was granted, so nothing is lost with a small one.

    An answer that only comes late, on a busy machine, is none that was lost.
    """
    with FakeResolver() as r:
        run = Run(r.port, NAMES, "--rcvbuf", 212992 // 2, "--timeout", 30000)
    run.expect_right()
    assert run.stats["rcvbuf"] <= 212992
    assert run.stats["window_max"] * 2304 <= 8 * run.stats["rcvbuf"]
    assert run.stats["retries"] == 0, run.stats


def case_closed():
    """A closed port is given up after all tries, also when more lines wait than are read ahead.

    The lines after those are asked if it opens then, and end soon if it does not.
    """
    names = [f"mx{i}.lab" for i in range(30000)]
    with FakeResolver() as r, FakeResolver() as never:
        port = r.port
    with tempfile.NamedTemporaryFile() as f:
        f.write("".join(n + "\n" for n in names).encode())
        f.flush()
        p = subprocess.Popen([SURVEY, "dns", "--resolver", f"127.0.0.1#{port}", f.name],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        dead = subprocess.Popen([SURVEY, "dns", "--resolver", f"127.0.0.1#{never.port}",
                                 "-o", "/dev/null", "--timeout", "1000", f.name],
                                stderr=subprocess.DEVNULL)
        got = [json.loads(p.stdout.readline())]
        with FakeResolver(port=port):  # in time for the rest
            got += [json.loads(l) for l in p.stdout]
            assert p.wait(10) == 3
    assert dead.wait(60) == 3  # not a minute for each of the five batches
    assert b"said nothing for 20 s" in p.stderr.read()
    assert {a["name"] for a in got} == set(names) and len(got) == len(names)
    outcomes = collections.Counter(a["outcome"] for a in got)
    assert outcomes["timeout"] >= 5000 and outcomes["noerror"] >= 15000, outcomes


def case_unwritable():
    """Output that cannot be written ends it, with questions over TCP on their way, too."""
    def answer(q, nth, tcp):
        return [] if tcp or not q.name.startswith("big") else [q.reply(tc=True)]
    long = ".".join(["a" * 60] * 3)
    names = [f"silent{i}.{long}.lab" for i in range(900)] + [f"big{i}.lab" for i in range(32)]
    with FakeResolver(answer) as r, open("/dev/full", "w") as full:
        for _ in range(5):  # as questions of both kinds time out together, or do not
            p = subprocess.run([SURVEY, "dns", "--resolver", f"127.0.0.1#{r.port}", "--timeout",
                                "100", "--tries", "1", "-"], stdout=full, timeout=20,
                               input="".join(n + "\n" for n in names).encode(),
                               stderr=subprocess.PIPE)
            assert p.returncode == 1 and b"standard output: No space left" in p.stderr, p.stderr


def case_few_descriptors():
    """Whatever the limit is, it ends with a sentence where they do not suffice, and never silently."""
    record = {"ip": "192.0.2.1", "p22": {"data": {"ssh": {"status": "success", "result": {"key_exchange": {
        "server_host_key": {"algorithm": "ssh-ed25519", "fingerprint_sha256": "ab" * 32}}}}}}}
    with FakeResolver(lambda q, nth, tcp: [right(q)]) as r, tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "names").write_text("mx1.firm1.lab\n")
        (d / "records").write_text(json.dumps(record) + "\n")
        resolver = ("--resolver", f"127.0.0.1#{r.port}")
        said = set()
        for limit in range(6, 40):
            for n, args in enumerate((("dns", *resolver, d / "names"),
                                      ("analyze", "--no-weak", "--dns", "fill", *resolver, "-o", d / f"out{limit}", d / "records"))):
                p = subprocess.run([SURVEY, *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
                assert 0 <= p.returncode <= 3, f"{args[0]}, {limit} descriptors: status {p.returncode}: {p.stderr}"
                assert p.returncode == 0 or p.stderr, f"{args[0]}, {limit} descriptors: status {p.returncode}, and nothing is said"
                said |= {n} if b"no event loop: too many open files" in p.stderr else set()
        assert said == {0, 1}, f"the limits tried leave nobody without a loop: {said}"


def case_streams():
    """Each standard stream closed; a reader that goes away; nothing is left behind."""
    with FakeResolver() as r, tempfile.TemporaryDirectory() as d:
        argv = f"TMPDIR={d} {SURVEY} dns --resolver 127.0.0.1#{r.port}"
        (pathlib.Path(d) / "names").write_text("".join(n + "\n" for n in NAMES))
        for redirection, expected in (("- <&-", 1), (f"{d}/names >&-", 1), (f"- <{d}", 1),
                                      (f"{d}/names >/dev/null 2>&-", 0),
                                      (f"- <{d}/names | head -1", 0)):
            p = subprocess.run(["sh", "-c", f"{argv} {redirection}"], capture_output=True,
                               timeout=20)
            assert p.returncode == expected, (redirection, p)
        assert [f.name for f in pathlib.Path(d).iterdir()] == ["names"]


def case_idle():
    """Ctrl-C, or a terminal that goes, while standard input is open and silent."""
    with FakeResolver() as r:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            p = subprocess.Popen([SURVEY, "dns", "--resolver", f"127.0.0.1#{r.port}", "-"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            p.stdin.write(b"mx1.lab\n")
            p.stdin.flush()
            assert json.loads(p.stdout.readline())["name"] == "mx1.lab"
            assert not fcntl.fcntl(p.stdin, fcntl.F_GETFL) & os.O_NONBLOCK
            p.send_signal(number)
            assert p.wait(5) == 130
        p = subprocess.Popen(["nohup", SURVEY, "dns", "--resolver", f"127.0.0.1#{r.port}", "-"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdin.write(b"mx1.lab\n")
        p.stdin.flush()
        p.stdout.readline()
        p.send_signal(signal.SIGHUP)
        p.stdin.write(b"mx2.lab\n")
        p.stdin.close()
        assert json.loads(p.stdout.readline())["name"] == "mx2.lab" and p.wait(5) == 0


def case_guessing():
    """What a spoofer would have to guess: ids and ports are spread, and new for another try."""
    seen = collections.defaultdict(set)

    def answer(q, nth, tcp):
        seen[q.name].add((q.id, r.peer[1]))
        return [right(q)] if nth == 3 else []
    names = NAMES[:500]
    with FakeResolver(answer) as r:
        run = Run(r.port, names, "--timeout", 100)
    run.expect_right(names)
    assert all(len(s) == 3 for s in seen.values()), "an id was used again"
    tries = [t for s in seen.values() for t in s]
    ports = collections.Counter(port for _, port in tries)
    assert len(ports) >= 8 and max(ports.values()) < len(tries) / 4, ports
    ids = [int.from_bytes(i, "big") for i, _ in tries]
    assert len(set(ids)) > len(ids) * 0.97
    for bit in range(16):
        assert 0.42 < sum(i >> bit & 1 for i in ids) / len(ids) < 0.58, f"bit {bit} of ids"


def case_interrupted():
    """Ctrl-C: what is known is written, and status 130 says that it is not all."""
    with FakeResolver(lambda q, nth, tcp: [right(q)] if q.name < "mx3" else []) as r:
        p = subprocess.Popen([SURVEY, "dns", "--resolver", f"127.0.0.1#{r.port}", "-"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdin.write("".join(n + "\n" for n in NAMES).encode())
        p.stdin.close()
        live = {n for n in NAMES if n < "mx3"}
        while not {n for n, _ in r.seen} >= set(NAMES[:1000]) and p.poll() is None:
            time.sleep(0.01)
        time.sleep(0.2)
        p.send_signal(signal.SIGINT)
        out = p.stdout.read().decode().splitlines()
        assert p.wait(10) == 130
    got = {json.loads(l)["name"] for l in out}
    assert got and got <= live


def main():
    cases = {n[5:]: f for n, f in globals().items() if n.startswith("case_")}
    for name in sys.argv[2:] or cases:
        start = time.monotonic()
        cases[name]()
        print(f"{name}: ok, {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
