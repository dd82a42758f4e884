#!/usr/bin/python3
"""doctor.py SURVEY: `survey doctor` inside a lab: all is found, and nothing else is asked.

Run by in_lab.py.  Every packet of the surveyor's interface is captured: what
the doctor may send is one datagram to the gateway, questions to the resolver
of the config, and one connection to doctor.smtp_probe.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from labkit import table as t  # noqa: E402
from labkit.capture import Capture  # noqa: E402

SURVEY = os.path.abspath(sys.argv[1])
CONF = HERE.parent.parent / "config" / "lab.conf"
DOT = "198.18.100.85"
SILENT = "198.18.60.1"      # drops everything
PROBE = "198.18.10.21"
ALWAYS = [r"^ok +config", r"^ok +zmap .*version \d", r"^ok +zgrab2 .*version 1\.",
          r"^ok +interface +scan0, from 198\.19\.0\.2",
          r"^ok +gateway +198\.19\.0\.1 has MAC address [0-9a-f:]{17}$",
          r"^ok +country database", r"^ok +AS database", r"^ok +country +IE has 1280 IPv4",
          r"^ok +block list", r"^ok +run directory", r"^ok +disk space",
          r"^ok +resolver", r"^warn +reverse DNS .*no public address"]
BAD = []


def doctor(tmp, name, status, wanted, text, argv=()):
    conf = tmp / f"{name}.conf"
    conf.write_text(text)
    conf.chmod(0o644)
    with Capture(tmp / f"{name}.pcap") as capture:
        p = subprocess.run([*argv, SURVEY, "doctor", str(conf)], capture_output=True, text=True,
                           timeout=120, check=False)
    what = f"{name}: status {p.returncode}\n{p.stdout}{p.stderr}"
    if p.returncode != status:
        BAD.append(f"wanted status {status}: {what}")
    BAD.extend(f"no line like {line!r}: {what}" for line in wanted
               if re.search(line, p.stdout, re.M) is None)
    sent = {(q.dst, q.proto, q.dport) for q in capture.packets()
            if q.leaves and (q.opens or q.proto != 6)}
    allowed = {("198.19.0.1", 17, 9), (DOT, 6, 853), (DOT, 17, 53), (DOT, 6, 53), (PROBE, 6, 25),
               (SILENT, 6, 853)}
    # Neighbour discovery of the interface itself is the kernel's.
    sent = {s for s in sent if s[1] in (6, 17)}
    if sent - allowed:
        BAD.append(f"packets that must not leave: {sent - allowed}: {what}")
    return sent, what


def main():
    text = CONF.read_text()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        tmp = Path(name)
        tmp.chmod(0o1777)
        text = text.replace('"../runs"', f'"{tmp}/runs"')
        os.environ["TMPDIR"] = str(tmp)

        sent, what = doctor(tmp, "managed", 0, [
            *ALWAYS, r"^ok +run\.user", r"^ok +unbound", r"^ok +stubby",
            r"^ok +range +1,536 addresses, 1,\d+ of them not blocked", r"^ok +effort .* of scan at \d+ packets",
            r"^ok +contact", r"^warn +port 25 +outgoing: not checked"], text)
        if (PROBE, 6, 25) in sent:
            BAD.append("port 25 was asked without doctor.smtp_probe")
        if (DOT, 6, 853) not in sent or {s for s in sent if s[2] == 53}:
            BAD.append(f"the resolvers did not ask over TLS alone: {sent}: {what}")

        address = text.replace("dns {", f'dns {{\n\tmode = address\n\taddress = "{DOT}#53"')
        doctor(tmp, "probe", 0, [*ALWAYS, rf"^ok +port 25 .*{PROBE} says \"220 "],
               address + f'doctor {{ smtp_probe = "{PROBE}" }}\n')

        # Lists that leave nobody, and hours that leave no time.
        everything = tmp / "everything"
        everything.write_text("198.18.0.0/15\n")
        doctor(tmp, "nobody", 2, [r"^fail +range +1,536 addresses, 0 of them not blocked"],
               address.replace("block_files = {", f'block_files = {{"{everything}", '))
        doctor(tmp, "hours", 2, [r"^fail +quiet hours +they leave 5m00s a day, and one of"],
               address.replace("scan {", 'scan {\n\tquiet_hours = "00:05-24:00"').replace("cooldown_s = 3", "cooldown_s = 600"))

        # ZMap would send with it all the same, and forge its sender.
        doctor(tmp, "forged", 2, [r"^fail +source address +scan\.source_ip is 203\.0\.113\.77: Cannot assign"],
               address.replace("scan {", 'scan {\n\tsource_ip = "203.0.113.77"'))

        # Root with nobody to become: no tool is started.
        doctor(tmp, "rootless", 2, [
            r"^fail +run\.user +not set", r"^ok +unbound .*not asked for its version as root",
            r"^fail +resolver +not started"], text.replace('user = "nobody"', ""))

        # What only root reads is nothing to a run.
        database = tmp / "root.mmdb"
        shutil.copy("/run/survey-lab/mmdb/GeoLite2-Country.mmdb", database)
        database.chmod(0o600)
        doctor(tmp, "unreadable", 2, [r"^fail +databases .*root\.mmdb: Permission denied"],
               address.replace('"/run/survey-lab/mmdb/GeoLite2-Country.mmdb"', f'"{database}"'))

        # A list: no zmap, but an address to be known by; and run.user must be able to read it.
        listing = tmp / "list"
        listing.write_text("198.18.10.11\n")
        listing.chmod(0o600)
        listed = address.replace("scan {", f'scan {{\n\tmode = list\n\tlist = "{listing}"')
        doctor(tmp, "root_list", 2, [r"^fail +scan\.list .*list: Permission denied"], listed)
        listing.chmod(0o644)
        doctor(tmp, "list", 0, [r"^ok +scan\.list", r"^ok +source address +198\.19\.0\.2$",
                                r"^warn +reverse DNS .*no public address"], listed)

        # A user without rights, and a copy of zmap that has the capability.
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        doctor(tmp, "user", 2, [r"^fail +raw packets .*setcap cap_net_raw=ep"], address, user)
        zmap = tmp / "zmap"
        shutil.copy(shutil.which("zmap", path=os.environ["PATH"] + ":/usr/sbin"), zmap)
        zmap.chmod(0o755)
        subprocess.run(["setcap", "cap_net_raw=ep", str(zmap)], check=True)
        doctor(tmp, "capable", 0, [*ALWAYS, r"^ok +raw packets .*has the capability"],
               address.replace("scan {", f'scan {{\n\tzmap = "{zmap}"'), user)

        doctor(tmp, "silent", 2, [r"^fail +resolver +no answer in 20 s: .*port 853"],
               text.replace(DOT, SILENT))
        left = [p.name for p in tmp.iterdir() if p.name.startswith("survey-doctor")]
        if left or (tmp / "runs").exists():
            BAD.append(f"left behind: {left or 'runs'}")
    print("\n".join(BAD) or "all is found, and nothing else is asked")
    return 1 if BAD else 0


if __name__ == "__main__":
    assert t.SCAN_IF == "scan0"
    sys.exit(main())
