#!/usr/bin/env python3
"""markup.py SURVEY: html5lib and tidy find no fault in the report, nor in what validators
complain of beyond the syntax: attributes that an element cannot have, ids that stand twice.
"""
import collections
import pathlib
import shutil
import subprocess
import sys
import tempfile

import html5lib

SURVEY = sys.argv[1]
STUDY = pathlib.Path(__file__).resolve().parents[1] / "analyze/study-a"
HTML = "{http://www.w3.org/1999/xhtml}"
# HTML, "Attributes common to input elements": which types have which of these.
TEXTS = {"text", "search", "url", "tel", "email", "password"}
NUMBERS = {"number", "range", "date", "month", "week", "time", "datetime-local"}
INPUT = {"size": TEXTS, "maxlength": TEXTS, "minlength": TEXTS, "pattern": TEXTS, "min": NUMBERS, "max": NUMBERS,
         "step": NUMBERS, "placeholder": TEXTS | {"number"}, "checked": {"checkbox", "radio"},
         "multiple": {"email", "file"}, "readonly": TEXTS | NUMBERS - {"range"}}


def survey(*args):
    r = subprocess.run([SURVEY, *map(str, args)], capture_output=True, text=True, timeout=300)
    if r.returncode != 0:
        sys.exit(f"survey {args}: status {r.returncode}: {r.stderr}")


def faults(page):
    """What a parser and these rules find in a page."""
    parser = html5lib.HTMLParser(strict=False)
    tree = parser.parse(page)
    found = [f"{place}: {code} {data}" for place, code, data in parser.errors]
    ids = collections.Counter()
    for e in tree.iter():
        if not isinstance(e.tag, str):
            continue
        ids[e.get("id")] += 1
        if e.tag == f"{HTML}input":
            kind = e.get("type", "text")
            found += [f"{name} on an input of type {kind}" for name in e.keys() if kind not in INPUT.get(name, {kind})]
        if e.tag == f"{HTML}label" and e.get("for") is not None and e.get("for") not in {x.get("id") for x in tree.iter()}:
            found.append(f"a label for {e.get('for')}, which is not there")
    return found + [f"id {i} stands {n} times" for i, n in ids.items() if i is not None and n > 1]


def main():
    if shutil.which("tidy") is None:
        print("skipped: no tidy; install-deps.sh --test installs it")
        sys.exit(77)
    wrong = '<!DOCTYPE html><title>x</title><input type="number" size="5"><p id="a"><p id="a"><b></p>'
    if len(faults(wrong)) < 3:
        sys.exit(f"faults are not found: {faults(wrong)}")
    with tempfile.TemporaryDirectory() as tmp:
        run = pathlib.Path(tmp) / "run"
        survey("analyze", STUDY / "records.fresh.gz", "-o", run, "--country", "IE", "-m", STUDY / "mmdb")
        for pictures in (False, True):  # a report without and with pictures in it
            if pictures:
                survey("graph", run, "-f", "svg")
            survey("report", run)
            page = run / "report/index.html"
            found = faults(page.read_text())
            if found:
                sys.exit("\n".join(found[:20]))
            r = subprocess.run(["tidy", "-quiet", "-errors", "-utf8", "--drop-empty-elements", "no", page],
                               capture_output=True, text=True, timeout=300)
            if r.returncode != 0 or r.stderr.strip():
                sys.exit(f"tidy, status {r.returncode}:\n{r.stderr[:4000]}")
    print("no fault found")


if __name__ == "__main__":
    main()
