#!/usr/bin/env python3
"""containerfile.py SOURCE: config/Containerfile is one, by the parser that
builders use; it builds on Debian 12, and what it copies and runs exists."""
import pathlib
import sys

import dockerfile

source = pathlib.Path(sys.argv[1])
path = source / "config/Containerfile"
wrong = []
commands = dockerfile.parse_file(str(path))
bases = [c.value[0] for c in commands if c.cmd.upper() == "FROM"]
if bases != ["debian:12", "debian:12"]:
    wrong.append(f"it builds on {bases}")
runs = [c.value[0] for c in commands if c.cmd.upper() == "RUN"]
if not any("./install-deps.sh --package" in run for run in runs):
    wrong.append("it does not run install-deps.sh --package")
stages = {c.value[2] for c in commands if c.cmd.upper() == "FROM" and len(c.value) == 3}
copied = {flag.split("=", 1)[1] for c in commands if c.cmd.upper() == "COPY" for flag in c.flags}
if copied != stages:
    wrong.append(f"it copies from {copied}, its stages are {stages}")
last = commands[-2:]
if [(c.cmd.upper(), c.json) for c in last] != [("ENTRYPOINT", True), ("CMD", True)]:
    wrong.append("it does not end with what it starts, as JSON")
# The parser passes over words that it does not know.
KNOWN = set("FROM RUN CMD LABEL EXPOSE ENV ADD COPY ENTRYPOINT VOLUME USER WORKDIR ARG STOPSIGNAL".split())
wrong += [f"line {c.start_line}: no instruction is called {c.cmd}" for c in commands if c.cmd.upper() not in KNOWN]
try:
    dockerfile.parse_string("FROM debian:12\nENV alone")
    wrong.append("the parser accepts anything")
except dockerfile.GoParseError:
    pass
print("\n".join(wrong))
sys.exit(bool(wrong))
