#!/usr/bin/env python3
"""What a person at a terminal sees: colours where they are wanted and nowhere else, and a hint for a word that is wrong.

usage: console.py SURVEY
"""
import hashlib
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]
ESCAPE = "\x1b"
# What is typed -> what is meant.
MEANT = {
    ("rum",): "unknown command rum; did you mean run?",
    ("comapre", "a", "b"): "unknown command comapre; did you mean compare?",
    ("help", "clutser"): "unknown command clutser; did you mean cluster?",
    ("--verison",): "unknown option --verison; did you mean --version?",
    ("graph", "--anonymize", "x"): "graph: unknown option --anonymize; did you mean --anonymise?",
    ("find", "--formta", "json", "x"): "find: unknown option --formta; did you mean --format?",
    ("find", "-f", "jsno", "x", "y"): 'find: --format: there is no "jsno"; did you mean json?',
    ("cluster", "--all", "--by", "domian", "x"): 'cluster: --by: there is no "domian"; did you mean domain?',
    ("compare", "--accross", "a", "b"): "compare: unknown option --accross; did you mean --across?",
    ("stats", "-t", "clustrs", "x"): 'stats: --table: there is no "clustrs"; did you mean clusters?',
}
# Nothing is near these: no guess.
FAR = [("xylophone",), ("find", "--xylophone", "x"), ("stats", "-t", "xylophone", "x")]


def run(*args, **env):
    return subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False,
                          env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, **env})


def on_terminal(*args, **env):
    """What the command writes to a terminal, and its exit status."""
    master, slave = pty.openpty()
    full = {**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm-256color", **env}
    child = subprocess.Popen([SURVEY, *map(str, args)], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL, env=full)
    os.close(slave)
    out = b""
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            break
        if not got:
            break
        out += got
    os.close(master)
    return out.decode().replace("\r\n", "\n"), child.wait()


def make(folder, second):
    folder.mkdir()
    with open(folder / "records.fresh", "w") as f:
        for i in range(1, 4):
            word = f"own {i}" if second and i == 3 else "k"
            key = {"algorithm": "ssh-ed25519", "fingerprint_sha256": hashlib.sha256(word.encode()).hexdigest()}
            f.write(json.dumps({"ip": f"198.18.0.{i}", "writer": "survey", "location": {"country_code": "IE"},
                                "autonomous_system": {"asn": 64500 + i, "name": f"\x1b[31mred {i}\x1b]0;title\x07"},
                                "p22": {"data": {"ssh": {"status": "success", "result": {"key_exchange": {"server_host_key": key}}}}}}) + "\n")
    if run("analyze", folder, "--country", "IE").returncode != 0:
        sys.exit("analyze")
    return folder


def check_colours(tmp):
    a, b = make(tmp / "a", False), make(tmp / "b", True)
    # What must be bold somewhere.
    commands = {("find", a, "198.18.0.1"): "198.18.0.1", ("find", a, b, "198.18.0.3"): "198.18.0.3", ("cluster", a, "1", "--repair"): "Cluster 1",
                ("compare", a, b): "clusters", ("compare", "--across", a, b): None, ("stats", a, b): None}
    for args, bold in commands.items():
        plain = run(*args, TERM="xterm-256color")
        if plain.returncode != 0 or ESCAPE in plain.stdout or plain.stdout == "":
            sys.exit(f"{args} into a pipe: status {plain.returncode}: {plain.stdout!r}")
        coloured, status = on_terminal(*args)
        if status != 0 or (bold and f"\x1b[1m{bold}\x1b[0m" not in coloured):
            sys.exit(f"{args} on a terminal: {coloured!r}")
        # Our codes and nothing else: what a network calls itself paints nothing.
        left = re.sub(r"\x1b\[(0|1|2|32|33|1;31)m", "", coloured)
        if ESCAPE in left or "\x07" in left or left != plain.stdout:
            sys.exit(f"{args} on a terminal, without colours: {left!r}, not {plain.stdout!r}")
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            text, status = on_terminal(*args, **env)
            if text != plain.stdout:
                sys.exit(f"{args} on a terminal with {env}: {text!r}")
        if on_terminal(*args, NO_COLOR="")[0] != coloured:  # empty: as if it were not set (no-color.org)
            sys.exit(f"{args} with an empty NO_COLOR")
        for form in ("json", "csv"):
            text, status = on_terminal(*args, "-f", form)
            if ESCAPE in text or status != 0:
                sys.exit(f"{args} as {form}: {text!r}")
    text, _ = on_terminal("compare", "--quiet", "--changed", a, b)
    if ESCAPE in text or "host 198.18.0.3 repaired" not in text:
        sys.exit(f"lines for mail: {text!r}")


def main():
    for words, hint in MEANT.items():
        r = run(*words)
        if r.returncode != 2 or hint not in r.stderr or r.stdout:
            sys.exit(f"survey {' '.join(words)}: status {r.returncode}: {r.stderr}{r.stdout}")
    for words in FAR:
        r = run(*words)
        if r.returncode != 2 or "did you mean" in r.stderr:
            sys.exit(f"survey {' '.join(words)}: status {r.returncode}: {r.stderr}")
    with tempfile.TemporaryDirectory() as tmp:
        check_colours(pathlib.Path(tmp))
    print("colours where they are wanted, hints where a word is wrong")


if __name__ == "__main__":
    main()
