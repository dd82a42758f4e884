#!/usr/bin/env python3
"""Texts that hosts and databases send, in every output: none ends it, none gets through as it is.

usage: texts.py SURVEY [--latex]
"""
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "web"))

from make_run import HOSTILE  # noqa: E402
from packed import blocks  # noqa: E402

SURVEY = sys.argv[1]
NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(p << 16 | 0xFFFE | n for p in range(17) for n in (0, 1))]
MORE = ["[h]", "*", "[", " [x]", "\\input{/etc/passwd}", "\\\\[1em]", "\\end{tabular}", "100 % of $x_1^2$ & {more} #1~",
        "?`!`<<>>|\"''``--", "".join(map(chr, range(0xA1, 0x100))), "".join(map(chr, range(0x100, 0x180))),
        "\u0394\u03b9\u03ba\u03c4\u03c5\u03bf", "\u7db2\u8def", "\u0633\u0644\u0627\u0645", "\U0001f600", "a\u0301",
        "\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u20ac\ufffd", "\\", "{", "}", "$", "^^41", "\\surveyletter",
        *(f"\u00e9{chr(c)}x" for c in NONCHARACTERS[::7])]


def survey(*args, status=0):
    p = subprocess.run([SURVEY, *map(str, args)], capture_output=True, timeout=120, check=False)
    if p.returncode != status:
        sys.exit(f"survey {args}: status {p.returncode}, not {status}\n{p.stderr.decode(errors='replace')[-3000:]}")
    return p


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r}, not {want!r}")


def clean(what, data):
    text = data.decode()  # well-formed UTF-8
    found = sorted({hex(ord(c)) for c in text if ord(c) in set(NONCHARACTERS)})
    if found:
        sys.exit(f"{what} holds {found}")
    return text


def look_at(path):
    """A file of ours: whole, well-formed, without a code point that is no character."""
    data = path.read_bytes()
    if path.suffix in (".db", ".png", ".pdf") or path.name in ("lock", "records.fresh"):
        if not data and path.name != "lock":
            sys.exit(f"{path} is empty")
        return
    text = clean(path, data)
    if path.suffix in (".svg", ".graphml"):
        xml.etree.ElementTree.fromstring(text)
    elif path.suffix == ".json":
        json.loads(text)
    elif path.suffix == ".ndjson":
        for line in text.splitlines():
            json.loads(line)
    elif path.suffix == ".html":
        for name, block in blocks(text):
            clean(f"{path}: {name}", block)


def look_at_all(directory):
    for path in directory.rglob("*"):
        if path.is_file():
            look_at(path)


def every_output(tmp, records):
    """Make everything of a record file that can be made, and look at it."""
    run = tmp / records.stem
    survey("analyze", records, "-o", run)
    clusters = len(json.loads((run / "clusters.json").read_text()))
    if clusters == 0:
        sys.exit(f"{records.name}: no cluster, this shows nothing")
    survey("graph", run, "-f", "svg,png,pdf,dot")
    survey("report", run)
    for ending in ("svg", "png", "pdf", "dot"):
        check(f"pictures of {records.name}, {ending}", len(list((run / "graphs").glob(f"cluster-*.{ending}"))), clusters)
    charts = {p.stem for p in (run / "report").glob("*.svg")}
    check("charts as PDF", {p.stem for p in (run / "report").glob("*.pdf")}, charts)
    if not {"ases", "versions", "keytypes"} <= charts:
        sys.exit(f"charts of {records.name}: {charts}")
    said = []
    for form in ("text", "json", "csv", "latex"):
        said.append(survey("stats", "-f", form, run))
    for form in ("text", "json", "csv") if records.stem == "hostile" else ():
        said += [survey("find", "-f", form, run, "198.18.0.0/15"), survey("cluster", "-f", form, run, "--all"),
                 survey("compare", "-f", form, run, run)]
    for p in said:
        clean(p.args, p.stdout)
        clean(p.args, p.stderr)
    look_at_all(run)
    if records.stem != "hostile":
        return run
    out = tmp / f"{records.stem}.export"
    out.mkdir()
    survey("export", run, "--csv", out / "csv")
    survey("export", run, "--studies", out / "studies")
    survey("export", run, "--graphml", out / "all.graphml")
    survey("compare", run, run, "-o", out / "compare")
    survey("report", run, "--anonymise", "-o", out / "copy")
    look_at_all(out)
    return run


def hostile_records(path):
    """Hosts whose every free text is hostile, two by two in clusters."""
    pattern = json.loads((HERE / "cases/latex.ndjson").read_text().splitlines()[0])
    with path.open("w") as f:
        for i, text in enumerate([*HOSTILE, *MORE]):
            for k in range(2):
                host = copy.deepcopy(pattern)
                host["ip"] = f"198.18.{i}.{k + 1}"
                host["autonomous_system"] = {"asn": 64512 + i, "name": text}
                result = host["p22"]["data"]["ssh"]["result"]
                result["server_id"].update(version=text, software=text, raw=text)
                result["key_exchange"]["server_host_key"].update(fingerprint_sha256=f"{i + 1:064x}", algorithm=text)
                f.write(json.dumps(host) + "\n")


def a_chart_that_fails(run):
    """It costs itself, is named, and the rest is written."""
    (run / "report/ases.pdf").unlink()
    (run / "report/ases.pdf").mkdir()
    (run / "report/index.html").unlink()
    said = survey("report", run, status=3).stderr.decode()
    if "ases.pdf" not in said:
        sys.exit(f"the chart is not named: {said}")
    left = {p.name for p in (run / "report").glob("ases.*")}
    check("what is left of the chart", left, {"ases.pdf"})
    page = (run / "report/index.html").read_text()
    check("charts of the page", ('"ases.svg"' in page, '"versions.svg"' in page), (False, True))
    (run / "report/ases.pdf").rmdir()
    survey("report", run)
    check("the chart is there again", '"ases.svg"' in (run / "report/index.html").read_text(), True)


def latex(tmp, runs):
    """pdflatex sets the tables without any package and without an error."""
    if shutil.which("pdflatex") is None:
        print("skipped: no pdflatex (texlive-latex-base)")
        sys.exit(77)
    for i, paths in enumerate([*([r] for r in runs), runs]):
        tables = survey("stats", "-f", "latex", *paths).stdout.decode()
        (tmp / f"t{i}.tex").write_text("\\documentclass{article}\n\\begin{document}\n"
                                       + tables.replace("\\end{table}", "\\end{table}\\clearpage")
                                       + "\\end{document}\n")
        p = subprocess.run(["pdflatex", "-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode", f"t{i}.tex"],
                           cwd=tmp, stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False)
        if p.returncode != 0 or not (tmp / f"t{i}.pdf").stat().st_size:
            sys.exit(f"pdflatex, {[r.name for r in paths]}:\n{p.stdout.decode(errors='replace')[-3000:]}")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        hostile_records(tmp / "hostile.ndjson")
        cases = [*sorted((HERE / "cases").glob("*.ndjson")), tmp / "hostile.ndjson"]
        if "--latex" in sys.argv:
            for case in cases:
                survey("analyze", case, "-o", tmp / case.stem)
            latex(tmp, [tmp / case.stem for case in cases])
        else:
            runs = [every_output(tmp, case) for case in cases]
            a_chart_that_fails(runs[-1])
    print("as it ought to be")


if __name__ == "__main__":
    main()
