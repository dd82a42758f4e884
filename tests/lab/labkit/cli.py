"""The lab command."""

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from labkit import table as t
from labkit.sandbox import MOUNT, Lab, LabError, can_isolate, plain_process

USAGE = """\
usage: lab COMMAND

  up              start the lab: namespaces, servers, databases (root; about 5 seconds)
  down            end it and remove its files, except results in LAB_DIR/runs
  status          say whether it is up, and what runs in it
  bulk            add 3,000 hosts and 16,384 open addresses
  exec CMD...     run CMD where the surveyor is (the scan namespace)
  tgt CMD...      run CMD where the servers are (the tgt namespace)
  run CMD...      up, exec CMD, down in any case; CMD's exit status
  env             print the lab's addresses and files as shell variables

LAB_DIR says where the lab lives (default /var/tmp/survey-lab, or /var/tmp/survey-lab-$LAB_ID).
Labs with different directories run side by side.  Keys are kept in
${XDG_CACHE_HOME:-/var/cache}/survey-lab.
"""

# Programs that the lab runs, and the Debian package of each.
TOOLS = {
    "ip": "iproute2", "nft": "nftables", "/usr/sbin/sshd": "openssh-server", "nginx": "nginx",
    "/usr/lib/nginx/modules/ngx_mail_module.so": "libnginx-mod-mail", "postfix": "postfix",
    "dovecot": "dovecot-core", "/usr/lib/dovecot/imap-login": "dovecot-imapd",
    "/usr/lib/dovecot/pop3-login": "dovecot-pop3d", "apache2": "apache2", "nsd": "nsd",
    "unbound": "unbound",
}


def missing():
    """Why no lab can run here, or None."""
    if os.geteuid() != 0:
        return "the lab needs root (it makes network namespaces and starts servers on low ports)"
    lacking = {package for tool, package in TOOLS.items()
               if not (os.path.exists(tool) if "/" in tool else shutil.which(tool))}
    try:
        import cryptography  # noqa: F401
    except ImportError:
        lacking.add("python3-cryptography")
    if lacking:
        return f"the lab needs packages that are not installed: {' '.join(sorted(lacking))}"
    if not can_isolate():
        return "the lab cannot make namespaces here (a container without the right to?)"
    return None


def lab_dir():
    if os.environ.get("LAB_DIR"):
        return Path(os.environ["LAB_DIR"]).absolute()
    ident = os.environ.get("LAB_ID")
    return Path("/var/tmp") / (f"survey-lab-{ident}" if ident else "survey-lab")


def variables(lab, state):
    d = lab.path
    return {
        "LAB_DIR": d, "LAB_ID": state["id"], "LAB_MOUNT": MOUNT,
        "LAB_SCAN_NS": state["scan"], "LAB_TGT_NS": state["tgt"], "LAB_KEEPER": state["pid"],
        "LAB_IF": t.SCAN_IF, "LAB_IP": t.SCAN_IP4, "LAB_IP6": t.SCAN_IP6, "LAB_MAC": t.SCAN_MAC,
        "LAB_GATEWAY": t.TGT_IP4, "LAB_GATEWAY_MAC": t.TGT_MAC,
        "LAB_MMDB": d / "mmdb", "LAB_MMDB_FLAT": d / "mmdb-flat", "LAB_CSV": d / "csv",
        "LAB_CA": d / "ca.pem", "LAB_BLOCK": d / "block.txt",
        "LAB_EXPECTED": d / "expected.json", "LAB_BULK_EXPECTED": d / "bulk-expected.json",
        "LAB_BULK_CONF": d / "bulk.conf",
        "LAB_DOT_ADDR": t.DOT_IP, "LAB_DOT_PORT": 853, "LAB_DOT_NAME": t.DOT_NAME,
        "LAB_BAD_DOT_ADDR": t.BAD_DOT_IP, "LAB_RESOLVER": f"{t.DOT_IP}#53",
        "LAB_NSD": f"{t.NSD_IP}#53", "LAB_ROOT_HINTS": d / "etc" / "dns" / "root.hints",
    }


def say(text):
    print(text, flush=True)


def up(lab):
    """Start the lab; returns its life-line, None if it was up already."""
    from labkit import build
    state = lab.state()
    if state and state["ready"]:
        say(f"lab {state['id']} is up already in {lab.path}")
        return None
    with lab.locked():
        lab.clean(whole=False)
        ident = secrets.token_hex(3)
        life = lab.start(ident, build.prepare, build.bring_up)
    say(f"lab {ident} is up in {lab.path}")
    return life


def cmd_up(lab, _args):
    life = up(lab)
    if life is not None:
        lab.detach(life)
    return 0


def cmd_down(lab, _args):
    if lab.path.exists():
        with lab.locked():
            lab.stop()
    return 0


def cmd_status(lab, _args):
    state = lab.state()
    if state is None:
        say(f"no lab in {lab.path}")
        return 1
    say(f"lab {state['id']} in {lab.path}: {'up' if state['ready'] else 'starting'}, "
        f"namespaces {state['scan']} {state['tgt']}, keeper {state['pid']}")
    for pid in sorted(lab.processes()):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        say(f"  {pid:7} {b' '.join(words).decode(errors='replace')[:100].strip()}")
    return 0


def cmd_env(lab, _args):
    for name, value in variables(lab, lab.running()).items():
        say(f"{name}={shlex.quote(str(value))}")
    return 0


def enter_and_exec(lab, where, argv):
    if not argv:
        raise LabError(f"{where}: which command?")
    env = {name: str(value) for name, value in variables(lab, lab.running()).items()}
    env["SSL_CERT_FILE"] = env["LAB_CA"]
    lab.enter(where)
    plain_process()
    try:
        os.execvpe(argv[0], argv, {**os.environ, **env})
    except OSError as e:
        raise LabError(f"{argv[0]}: {e.strerror}") from e


def cmd_exec(lab, args):
    return enter_and_exec(lab, "scan", args)


def cmd_tgt(lab, args):
    return enter_and_exec(lab, "tgt", args)


def cmd_bulk(lab, _args):
    from labkit import build

    def work(tgt):
        if not build.bulk_is_up(tgt):
            build.bulk(tgt)

    lab.among_servers(work)
    say("bulk hosts are up")
    return 0


def cmd_run(lab, args):
    """up, exec, down; the command has a process group of its own so that each signal that
    reaches us is passed on to it exactly once."""
    if not args:
        raise LabError("run: which command?")
    child = 0

    def pass_on(sig, _frame):
        if child > 0:
            os.killpg(child, sig)
        else:
            raise KeyboardInterrupt

    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, pass_on)
    if up(lab) is None:
        raise LabError("run starts a lab of its own: set LAB_DIR to another directory")
    try:
        terminal = sys.stdin.isatty() and os.tcgetpgrp(0) == os.getpgrp()
        process = subprocess.Popen([sys.executable, sys.argv[0], "exec", *args], process_group=0,
                                   env={**os.environ, "LAB_DIR": str(lab.path)})
        child = process.pid
        if terminal:
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(0, child)
        status = process.wait()
        if terminal:
            os.tcsetpgrp(0, os.getpgrp())
        return status if status >= 0 else 128 - status
    finally:
        child = 0
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sig, signal.SIG_IGN)
        cmd_down(lab, [])


COMMANDS = {"up": cmd_up, "down": cmd_down, "status": cmd_status, "bulk": cmd_bulk,
            "exec": cmd_exec, "tgt": cmd_tgt, "run": cmd_run, "env": cmd_env}


def main(argv):
    if len(argv) < 2 or argv[1] not in COMMANDS:
        asked = len(argv) == 2 and argv[1] in ("help", "-h", "--help")
        print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    why_not = missing()
    if why_not:
        print(f"lab: {why_not}", file=sys.stderr)
        return 77
    try:
        return COMMANDS[argv[1]](Lab(lab_dir()), argv[2:])
    except (LabError, OSError, json.JSONDecodeError) as e:
        print(f"lab: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
