"""Servers of the lab that get other keys, and what their keys are called."""

import base64
import os
import re
import signal
import ssl
import subprocess
import sys
from pathlib import Path

from surveyor import LAB, in_tgt, kill_all, need, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from labkit import keys  # noqa: E402


def fingerprint(key):
    """The SHA-256 of the key's blob, as survey has it."""
    out = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], check=True, capture_output=True, text=True).stdout
    return base64.b64decode(out.split()[1].removeprefix("SHA256:") + "=").hex()


def make_key(top, name, kind="ed25519"):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(top / name)], check=True)
    return top / name


def serve(top, address, *host_keys):
    """One sshd in the servers' network namespace; its process id."""
    conf = top / f"sshd-{address}-{host_keys[0].name}"
    lines = [f"ListenAddress {address}", "Port 22", *(f"HostKey {k}" for k in host_keys), "PidFile none", "UsePAM no",
             "MaxStartups 100:30:200"]
    conf.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return in_tgt(lambda: os.execv("/usr/sbin/sshd", ["/usr/sbin/sshd", "-D", "-f", str(conf), "-E", str(top / "sshd.log")]))


def shown(address, kind="ed25519"):
    """What ssh-keyscan sees."""
    return subprocess.run(["ssh-keyscan", "-T", "2", "-t", kind, address], capture_output=True, check=False).stdout


def listening(address):
    return shown(address) != b""


def stop(pid):
    kill_all([pid])
    os.waitpid(pid, 0)


def _reload(conf):
    """The lab's own server with that config, in this lab and no other, reads it again."""
    space = os.stat(f"/run/netns/{os.environ['LAB_TGT_NS']}" if "LAB_TGT_NS" in os.environ else
                    next(Path("/run/netns").glob("tgt*"))).st_ino
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(conf) in command and "worker" not in command and os.stat(f"/proc/{pid}/ns/net").st_ino == space:
                found.append(int(pid))
        except OSError:
            continue
    need(len(found) == 1, f"servers with {conf}: {found}")
    os.kill(found[0], signal.SIGHUP)


def leave_sshd(address, keyset):
    """The sshd of a key set of the lab leaves one of its addresses to another server."""
    conf = LAB / f"etc/ssh/{keyset}.conf"
    text = conf.read_text(encoding="utf-8")
    need(f"ListenAddress {address}\n" in text, f"{conf} has no {address}")
    conf.write_text(text.replace(f"ListenAddress {address}\n", ""), encoding="utf-8")
    before = shown(address)
    need(before != b"", f"sshd of {keyset} does not answer on {address}")
    _reload(conf)
    wait_for(lambda: shown(address) == b"", f"the sshd of {keyset} to leave {address}")


def certificate(top, name):
    """(certificate, key): a self-signed one with a key of its own."""
    crt, key = top / f"{name}.crt", top / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(crt)], check=True, capture_output=True)
    return crt, key


def certificate_of(address):
    """(certificate, key) that nginx shows there."""
    text = (LAB / "etc/nginx.conf").read_text(encoding="utf-8")
    return re.search(rf"listen {re.escape(address)}:\d+ .*?ssl_certificate (\S+); ssl_certificate_key (\S+);", text).groups()


def show_certificates(changes):
    """changes: {address: (certificate, key)}, which nginx shows there from now on, on all ports."""
    conf = LAB / "etc/nginx.conf"
    text = conf.read_text(encoding="utf-8")
    for address, (crt, key) in changes.items():
        text, n = re.subn(rf"(listen {re.escape(address)}:\d+ .*?ssl_certificate )\S+; ssl_certificate_key \S+;",
                          rf"\g<1>{crt}; ssl_certificate_key {key};", text)
        need(n > 0, f"{conf} has no {address}")
    conf.write_text(text, encoding="utf-8")
    _reload(conf)
    for address, (crt, _) in changes.items():
        first = Path(crt).read_text(encoding="ascii").split("-----END")[0]
        wait_for(lambda a=address, f=first: f.split() == ssl.get_server_certificate((a, 443)).split("-----END")[0].split(),
                 f"the new certificate of {address}")


def spki(crt):
    """The SHA-256 of a certificate's key."""
    return keys.spki_sha256(Path(crt))
