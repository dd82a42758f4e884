"""canaries.py SURVEY CASE: port 25 is filtered on the way, from the start or in the middle of a run."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from surveyor import SURVEY, Run, check_complete, need, wait_for  # noqa: E402


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
            said = run.finish(until="analyze", status=3)
            need("addresses answered on port 25" in said and "filters outgoing port 25" in said,
                 f"not said:\n{said[-2000:]}")
            m = run.manifest()
            need(m["state"] == "incomplete" and "nothing was found" in m["state_text"], f"run.json: {m}")
            need("nothing was found" in status(run)[1], f"status: {status(run)}")
            filtered.end()
        run.finish()
        check_complete(run)
        need(run.manifest()["state_text"] is None, "run.json still says why it was incomplete")


def no_key():
    """Hosts that show no key: a sentence and status 3, too."""
    with Run(scan={"mode": "list", "source_ip": "198.19.0.2"}) as run:
        listing = run.top / "list"
        listing.write_text("198.18.30.240\n")  # where nobody listens
        run.settings["scan"]["list"] = str(listing)
        run.write(run.settings)
        said = run.finish(until="analyze", status=3)
        need("none of 1 hosts showed one" in said, f"not said:\n{said[-2000:]}")
        need(run.manifest()["state"] == "incomplete", "run.json")
        listing.write_text("# nobody\n")
        said = run.finish("--new", until="analyze", status=3)
        need("no address was given" in said, f"not said:\n{said[-2000:]}")


CASES = {f.__name__: f for f in (silent, no_key)}

CASES[sys.argv[2]]()
print("as it should be")
