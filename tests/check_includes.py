#!/usr/bin/env python3
"""Check that a source file includes only what its layer may see.

Layers, lowest first: base, model, io, study (a finished run in memory) and
picture (shapes and their file formats), the stages, run, the commands.  Stages
never include each other, and a file listed as pure includes no libuv and
nothing of io/.
"""
import pathlib
import re
import sys

STAGES = "geo scan grab record dns cluster output graph report".split()
LAYER = {"base": 0, "model": 1, "io": 2, "study": 3, "picture": 3, **{s: 4 for s in STAGES}, "run": 5, ".": 6}


def header_folders(root):
    """Map a public header to the folder of the module of the same name."""
    folders = {}
    for header in (root / "include/survey").glob("*.h"):
        match = re.search(r"^/\* Layer: (\w+)", header.read_text(), re.M)
        if match is None:
            sys.exit(f"{header}: no '/* Layer: NAME' line")
        folders[header.name] = match.group(1)
    return folders


def check(root):
    folders = header_folders(root)
    bad = []
    for path in sorted((root / "src").rglob("*.[ch]*")):
        here = path.parent.relative_to(root / "src").as_posix()
        text = path.read_text()
        pure = re.search(r"^/\* Pure", text, re.M) is not None
        for inc in re.findall(r'^\s*#\s*include\s*[<"]([^">]+)[">]', text, re.M):
            if inc.startswith("survey/"):
                there = folders.get(inc[len("survey/"):])
            elif "/" in inc and inc.split("/")[0] in LAYER:
                there = inc.split("/")[0]
            else:
                there = None
            if pure and (inc == "uv.h" or there == "io"):
                bad.append(f"{path}: pure file includes {inc}")
            if there is None or there == here:
                continue
            if LAYER[there] > LAYER[here] or (here in STAGES and there in STAGES):
                bad.append(f"{path}: {here} must not include {inc} ({there})")
    return bad


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) or "include order holds")
    sys.exit(1 if problems else 0)
