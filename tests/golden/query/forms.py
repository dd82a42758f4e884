#!/usr/bin/env python3
"""compare -o draws a cluster that has grown, and what it was before, in one form.

usage: forms.py SURVEY

A cluster of 6 hosts has a line for each pair, one of 16 has lines to its key, and one of 200 has hosts
that are alike as one node.  Set side by side all have the form that the larger one needs.
"""
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

SURVEY = sys.argv[1]


def survey(*args):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, check=False)
    if r.returncode != 0:
        sys.exit(f"survey {args}: status {r.returncode}: {r.stderr[-2000:]}")


def run(folder, sizes):
    """A run whose cluster number i has sizes[i] hosts with one key."""
    with open(folder.with_suffix(".ndjson"), "w", encoding="utf-8") as f:
        for i, size in enumerate(sizes):
            key = hashlib.sha256(b"%d" % i).hexdigest()
            for n in range(size):
                f.write('{"ip":"198.%d.0.%d","data":{"ssh":{"status":"success","result":{"key_exchange":{"server_host_key":'
                        '{"algorithm":"ssh-ed25519","fingerprint_sha256":"%s"}}}}}}\n' % (18 + i, n + 1, key))
    survey("analyze", "--no-weak", folder.with_suffix(".ndjson"), "-o", folder)
    return folder


def form(folder, number):
    """What the legend of a cluster's picture says a line is, and whether nodes stand for many; None: there is none."""
    path = folder / f"graphs/cluster-{number}.svg"
    if not path.exists():
        return None
    text = re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8"))
    found = re.search(r"a line: ([a-z ]*)", text)
    return found.group(1).strip() if found else "no line", "hosts with the same keys" in text


def main():
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        sizes = ((6, 5, 6, 6), (16, 6, 200, 200), (17, 6, 7, 200))
        runs = [run(tmp / f"r{i}", s) for i, s in enumerate(sizes)]
        survey("graph", runs[0], "--format", "svg")
        alone = form(runs[0], 1)
        survey("compare", *runs, "-o", tmp / "out")
        got = [[form(tmp / f"out/run-{i + 1}", k + 1) for k in range(4)] for i in range(3)]
    pairs, keys, groups = got[0][1], got[0][0], got[0][2]
    if len({pairs, keys, groups}) != 3 or pairs != alone:
        sys.exit(f"the forms: {pairs}, {keys}, {groups}; alone {alone}")
    # The third cluster shrank again: it was a group in between.  What did not change is not drawn.
    want = [[keys, pairs, groups, groups], [keys, pairs, groups, groups], [keys, None, groups, None]]
    if got != want:
        sys.exit(f"{got}, not {want}")


main()
