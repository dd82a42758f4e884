"""canaries.py SURVEY CASE: port 25 is filtered on the way, from the start or in the middle of a run."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from surveyor import (EXPECTED, SURVEY, TARGETS, Run, Wire, check_complete, in_tgt, need,  # noqa: E402
                      skip, wait_for)

CANARIES = ["198.18.30.201", "198.18.120.25"]  # the first one lies in the range that is scanned


def there(*argv, text=None):
    """Run a command in the servers' network namespace."""
    name = os.environ.get("LAB_TGT_NS") or next(
        n for n in os.listdir("/run/netns") if n.startswith("tgt"))
    subprocess.run(["nsenter", f"--net=/run/netns/{name}", *argv], input=text, text=True, check=True)


class Filtered:
    """Packets to port 25 are lost, as a provider's filter loses them; ZMap's raw ones, too."""

    def __enter__(self):
        there("nft", "-f", "-", text="table ip filtered {\nchain in {\n"
              "type filter hook prerouting priority -300\ntcp dport 25 drop\n}\n}\n")
        return self

    def end(self):
        there("nft", "delete", "table", "ip", "filtered")

    def __exit__(self, kind, *_):
        if kind is not None:
            self.end()


def status(run):
    out = subprocess.run([SURVEY, "status", str(run.dir)], capture_output=True, text=True, check=False)
    return out.returncode, out.stdout


def silent():
    """All targets silent is no success, and once the filter has gone, the run goes on as if new."""
    with Run(scan={"shards": 1}) as run:
        with Filtered() as filtered:
            said = run.finish(until="report", status=3)
            need("addresses answered on port 25" in said and "filters outgoing port 25" in said,
                 f"not said:\n{said[-2000:]}")
            m = run.manifest()
            need(m["state"] == "incomplete" and "nothing was found" in m["state_text"], f"run.json: {m}")
            need("nothing was found" in status(run)[1], f"status: {status(run)}")
            page = (run.dir / "report/index.html").read_text()
            main = page[page.index("<main"):]
            need("<b>Not complete:</b> nothing was found: none of" in main[:main.index('id="findings"')],
                 f"the report does not say so first:\n{main[:1000]}")
            filtered.end()
        run.finish()
        check_complete(run)
        need(run.manifest()["state_text"] is None, "run.json still says why it was incomplete")


def fewer():
    """Far fewer than in the run before, of the same config, is no success, until somebody says that it is right."""
    with Run(scan={"shards": 1}) as run:
        first = run.finish(until="report") and run.dir
        need("earlier" not in run.manifest()["scan"], "the first run has no sample")
        there("nft", "-f", "-", text="table ip fewer {\nchain in {\ntype filter hook prerouting priority -300\n"
              "ip daddr != 198.18.10.8/29 tcp dport 25 drop\n}\n}\n")
        try:
            said = run.finish(until="report", status=3)
        finally:
            there("nft", "delete", "table", "ip", "fewer")
        m, hits = run.manifest(), len(EXPECTED["hits"])
        need(run.dir != first and m["scan"]["earlier"]["run"] == first.name and 0 < m["counts"]["hits"] < hits / 2, f"{m}")
        words = f"where {hits} of {m['counts']['probed']} did in the run before, {first.name}"
        need(words in said and words in m["state_text"] and m["state"] == "incomplete", f"not said: {words}\n{said[-2000:]}")
        run.settings["scan"]["least_hits"] = 100
        run.write(run.settings)
        run.finish("--force", until="report")
        need(run.manifest()["state"] == "complete" and run.manifest()["state_text"] is None, "it stays incomplete")


def no_key():
    """Hosts that show no key: a sentence and status 3, too."""
    with Run(scan={"mode": "list", "source_ip": "198.19.0.2"}) as run:
        listing = run.top / "list"
        listing.write_text("198.18.30.240\n")  # where nobody listens
        run.settings["scan"]["list"] = str(listing)
        run.write(run.settings)
        said = run.finish(until="analyze", status=3)
        need("none of 1 host showed one" in said, f"not said:\n{said[-2000:]}")
        need(run.manifest()["state"] == "incomplete", "run.json")
        listing.write_text("# nobody\n")
        said = run.finish("--new", until="analyze", status=3)
        need("no address was given" in said, f"not said:\n{said[-2000:]}")


def greet():
    """In the servers' namespace: canaries."""
    def serve(address):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, 25))
        s.listen(50)
        while True:
            c, (peer, _) = s.accept()
            c.sendall(f"220 canary, hello {peer}\r\n".encode())
            c.close()

    for address in CANARIES[1:]:
        threading.Thread(target=serve, args=(address,), daemon=True).start()
    serve(CANARIES[0])


def shards_over(run):
    try:
        return sum(s["state"] in ("done", "unconfirmed") for s in run.manifest()["scan"]["shards"])
    except (OSError, ValueError):
        return 0


def ended(record):
    """How port 25 of a record ended; None where it was not asked, as in the second pass of other ports."""
    port = record.get("p25")
    return port["data"]["smtp"]["status"] if isinstance(port, dict) else port


def middle():
    """Port 25 is filtered in the middle of a run: it waits, repeats, and finds every host."""
    canaries = in_tgt(greet)
    try:
        with Run(scan={"shards": 6, "rate_pps": 400, "canaries": CANARIES, "canary_interval_s": 1,
                       "source_ip": "198.19.0.2"}, grab={"second_pass": True}) as run, Wire() as wire, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.bind(str(run.top / "notify"))
            (run.top / "notify").chmod(0o666)
            told = []

            def hear():
                while text := systemd.recv(4096):
                    told.append(text.decode())

            threading.Thread(target=hear, daemon=True).start()
            p = run.start(env={**os.environ, "NOTIFY_SOCKET": str(run.top / "notify")})
            wait_for(lambda: shards_over(run) >= 2, "two shards")
            with Filtered() as filtered:
                wait_for(lambda: status(run)[0] == 3, "survey status to say that it is paused")
                said = status(run)[1]
                need(all(s in said for s in ("paused", "none of 2 canaries answers", "% of the scan")), said)
                since = time.time()
                attempts = len(run.manifest()["scan"]["attempts"])
                wait_for(lambda: sum(t > since and dst in CANARIES for t, dst, _ in wire.syns()) > 4,
                         "canaries to be asked on")
                need(len(run.manifest()["scan"]["attempts"]) == attempts, "zmap was started while paused")
                late = {dst for t, dst, _ in wire.syns() if t > since + 1} - \
                    set(CANARIES) - set(EXPECTED["hits"])  # hosts in flight may finish
                need(not late, f"asked while paused: {sorted(late)[:5]}")
                filtered.end()
            need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-3000:]}")
            m = run.manifest()
            need(m["state_text"] is None, f"run.json: {m['state_text']}")
            about = m["scan"]["canaries"]
            need(about["pauses"] == 1 and about["failed"] > 0 and about["answering"] == 2, f"{about}")
            need(all(s["state"] == "done" for s in m["scan"]["shards"]), f"{m['scan']['shards']}")
            need(any(s["attempts"] > 1 for s in m["scan"]["shards"]), "no shard was repeated")
            need(sorted({r["ip"] for r in run.records()}) == TARGETS, "the final set of hosts")
            fine = set()
            for r in run.records():  # the second pass is for those that did not answer when they were repeated
                if ended(r) is not None:
                    need("pass" not in r or r["ip"] not in fine, f"asked for nothing: {r['ip']}")
                    (fine.add if ended(r) == "success" else fine.discard)(r["ip"])
            hits = (run.dir / "zmap.ips").read_text().split()
            need(sorted(hits) == sorted(EXPECTED["hits"]), "zmap.ips")
            need("canaries answer: going on" in run.output(), run.output()[-2000:])
            paused = [i for i, t in enumerate(told) if t.startswith("STATUS=none of 2 canaries answers")]
            need(paused, f"systemd was told: {told}")
            wait_for(lambda: len(told) > paused[-1] + 1, "systemd to be told that it goes on")
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"", str(run.top / "notify"))
    finally:
        os.kill(canaries, signal.SIGKILL)
        os.waitpid(canaries, 0)


def unheard(run):
    """Hosts, and those of them for which nobody answered when port 25 was asked last."""
    path = run.dir / "records.fresh"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    last = {r["ip"]: ended(r) for r in map(json.loads, lines) if ended(r) is not None}
    return sorted(last), sorted(ip for ip, how in last.items() if how == "connection-timeout")


def tail(stop=False):
    """Port 25 is filtered while the last hosts are asked: the run does not end before they are asked again."""
    canaries = in_tgt(greet)
    try:
        with Run(scan={"mode": "list", "canaries": CANARIES, "canary_interval_s": 5,
                       "source_ip": "198.19.0.2"}, grab={"rate_hosts": 12}) as run:
            listing = run.top / "list"
            listing.write_text("".join(f"{ip}\n" for ip in TARGETS))
            listing.chmod(0o644)
            run.settings["scan"]["list"] = str(listing)
            run.write(run.settings)
            p = run.start(until="dns")
            wait_for(lambda: len(unheard(run)[0]) > 3, "some records")
            with Filtered() as filtered:
                wait_for(lambda: status(run)[0] == 3 or p.poll() is not None, "the run to pause")
                need(p.poll() is None, f"it ended with {p.returncode}, and nobody on port 25 of {unheard(run)[1]}")
                wait_for(lambda: unheard(run)[1], "hosts to be lost: else this shows nothing")
                if stop:
                    p.terminate()
                    need(p.wait(60) == 130, f"exit status {p.returncode}")
                filtered.end()
            if stop:
                p = run.start(until="dns")
            need(p.wait(120) == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
            need(unheard(run) == (TARGETS, []), f"not asked again: {unheard(run)}")
            m = run.manifest()
            need(m["state_text"] is None and m["scan"]["canaries"]["pauses"] > 0, f"{m}")
            need(m["stages"]["dns"]["state"] == "done" and m["counts"]["dns_asked"] > 0, "names were left out")
            lines = len(run.records())
            run.finish("--force")
            need(len(run.records()) == lines, "hosts were asked again although a canary had answered")
    finally:
        os.kill(canaries, signal.SIGKILL)
        os.waitpid(canaries, 0)


def tail_stopped():
    """So is one that was stopped while it was paused: it asks them when it goes on."""
    tail(stop=True)


def collapse():
    """Without canaries a collapse of the hit rate stops the run; the next one repeats what was lost."""
    with Run(scan={"shards": 2, "cooldown_s": 6}) as run, Wire() as wire:
        p = run.start()

        def probes():  # zgrab2 asks hits only
            return sum(dst not in EXPECTED["hits"] for _, dst, _ in wire.syns())

        def first_shard_sent():  # and zmap waits for late answers
            before = probes()
            time.sleep(0.5)
            return before > 500 and probes() == before

        wait_for(first_shard_sent, "the first shard")
        with Filtered() as filtered:
            need(p.wait(60) == 3, f"exit status {p.returncode}\n{run.output()[-2000:]}")
            m = run.manifest()
            need(m["state"] == "incomplete" and "hit rate has collapsed" in m["state_text"], f"{m}")
            need([s["state"] for s in m["scan"]["shards"]] == ["done", "todo"], f"{m['scan']['shards']}")
            filtered.end()
        run.finish()
        check_complete(run)


def blocked():
    """A canary on a block list, a lone one and one that is no address are faults of the config."""
    for canaries, said in ((["198.18.10.61", "198.18.120.25"], "198.18.10.61 is in scan.block_files"),
                           (["198.18.120.25"], "name at least two"),
                           (["canary.example", "198.18.120.25"], "an address as in")):
        with Run(scan={"canaries": canaries}) as run, Wire() as wire:
            text = run.finish(status=2)
            need(said in text, f"{canaries}: not said:\n{text}")
            need(not wire.syns(), "packets were sent")


def metrics():
    """Figures for Prometheus, whole whenever they are read, and by its conventions."""
    promtool = shutil.which("promtool")
    if promtool is None:
        skip("promtool is not installed")
    canaries = in_tgt(greet)
    try:
        with Run(scan={"canaries": CANARIES, "canary_interval_s": 1}, grab={"rate_hosts": 15}) as run:
            folder = run.top / "metrics"
            folder.mkdir()
            os.chown(folder, 65534, 65534)
            prom = folder / "survey.prom"
            run.settings["run"]["metrics_file"] = str(prom)
            run.write(run.settings)
            p = run.start(until="analyze")
            seen = set()
            while p.poll() is None:
                if prom.exists():
                    text = prom.read_text()
                    need(text.endswith("\n") and "survey_zgrab2_restarts_total" in text, f"torn: {text}")
                    seen |= {line for line in text.splitlines() if line.endswith(" 1")}
                time.sleep(0.1)
            need(p.returncode == 0, f"exit status {p.returncode}\n{run.output()[-2000:]}")
            need('survey_state{survey="fault",state="running"} 1' in seen, "it was not seen running")
            text = prom.read_text()
            need('survey_state{survey="fault",state="stopped"} 1' in text, text)  # ended by --until
            for line in (f'survey_scan_hits_total{{survey="fault"}} {len(EXPECTED["hits"])}',
                         f'survey_grab_records_total{{survey="fault"}} {len(TARGETS)}',
                         'survey_canaries_answering{survey="fault"} 2',
                         'survey_scan_shards{survey="fault",state="done"} 4'):
                need(line + "\n" in text, f"not there: {line}\n{text}")
            lint = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True,
                                  text=True, check=False)
            need(lint.returncode == 0, f"promtool: {lint.stdout}{lint.stderr}")
            need(oct(prom.stat().st_mode & 0o777) == "0o644", "node_exporter cannot read it")
            need([f.name for f in folder.iterdir()] == ["survey.prom"], f"left behind: {list(folder.iterdir())}")
            run.settings["run"]["metrics_file"] = "/nonexistent/survey.prom"
            run.write(run.settings)
            need("run.metrics_file: /nonexistent" in run.finish("--new", status=2), "not said")
    finally:
        os.kill(canaries, signal.SIGKILL)
        os.waitpid(canaries, 0)


CASES = {f.__name__: f for f in (silent, fewer, no_key, middle, tail, tail_stopped, collapse, blocked, metrics)}

CASES[sys.argv[2]]()
print("as it should be")
