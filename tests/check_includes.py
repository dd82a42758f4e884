#!/usr/bin/env python3
"""Check that a source file includes only what its layer may see.

Layers, lowest first: base, model, io; study (a finished survey in memory),
picture (shapes and their file formats) and rundir (the run directory); store
(the study on disk); the stages; the jobs on finished runs; live (a running survey); doctor; the
commands.  Stages never include each other, nor do jobs.  A file that says it
is pure gets neither libuv nor anything of io/, not through a header either.
"""
import pathlib
import re
import sys

STAGES = "geo scan grab record dns output weak graph report".split()
JOBS = "analyze query".split()
KINDS = "study picture rundir".split()
LAYER = {
    "base": 0, "model": 1, "io": 2, "study": 3, "picture": 3, "rundir": 3, "store": 4,
    **{s: 5 for s in STAGES}, **{s: 6 for s in JOBS}, "live": 7, "doctor": 8, "cmd": 9, ".": 10,
}


def header_folders(root):
    """Map a public header to the folder of the module of the same name."""
    folders = {}
    for header in (root / "include/survey").glob("*.h"):
        match = re.search(r"^/\* Layer: (\w+)", header.read_text(), re.M)
        if match is None:
            sys.exit(f"{header}: no '/* Layer: NAME' line")
        folders[header.name] = match.group(1)
    return folders


INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)


def header_file(root, path, inc):
    """The project's header that path includes as inc, or None."""
    for base in (root / "include", path.parent, root / "src"):
        if (base / inc).is_file():
            return base / inc
    return None


def impure(root, folders, path, seen):
    """What of libuv or io/ a file includes, itself or through headers."""
    for inc in INCLUDE.findall(path.read_text()):
        if inc == "uv.h" or folders.get(inc.removeprefix("survey/")) == "io" or inc.startswith("io/"):
            yield f"{inc} (by {path.relative_to(root)})"
            continue
        header = header_file(root, path, inc)
        if header is not None and header not in seen:
            seen.add(header)
            yield from impure(root, folders, header, seen)


def check(root):
    folders = header_folders(root)
    bad = []
    for path in sorted((root / "src").rglob("*.[ch]*")):
        here = path.parent.relative_to(root / "src").as_posix()
        text = path.read_text()
        if re.search(r"^/\* Pure", text, re.M):
            bad += [f"{path}: pure file includes {what}" for what in impure(root, folders, path, set())]
        for inc in INCLUDE.findall(text):
            if inc.startswith("survey/"):
                there = folders.get(inc[len("survey/"):])
            elif "/" in inc and inc.split("/")[0] in LAYER:
                there = inc.split("/")[0]
            else:
                there = None
            if there is None or there == here:
                continue
            if LAYER[there] > LAYER[here] or any(here in peers and there in peers for peers in (STAGES, JOBS, KINDS)):
                bad.append(f"{path}: {here} must not include {inc} ({there})")
    return bad


def check_table(root):
    """Does the table of docs/design.md name the folders that there are, in the order of their layers?"""
    text = (root / "docs/design.md").read_text().split("| folder | holds |", 1)[1].split("\n\n", 1)[0]
    told = re.findall(r"`src/(\w+)`", text)
    there = {p.name for p in (root / "src").iterdir() if p.is_dir()}
    bad = [f"docs/design.md: src/{f} is not in the table of layers" for f in sorted(there - set(told))]
    bad += [f"docs/design.md: there is no src/{f}" for f in sorted(set(told) - there)]
    layers = [LAYER[f] for f in told if f in LAYER]
    return bad + (["docs/design.md: the table is not in the order of layers"] if layers != sorted(layers) else [])


if __name__ == "__main__":
    problems = check(pathlib.Path(sys.argv[1])) + check_table(pathlib.Path(sys.argv[1]))
    print("\n".join(problems) or "include order holds")
    sys.exit(1 if problems else 0)
