#!/usr/bin/env python3
"""What a study does not tell is neither new nor gone nor absent: files with hosts of clusters only, and copies.

usage: partial.py SURVEY
"""
import csv
import io
import json
import pathlib
import shutil
import sys
import tempfile

import check
from check import ask, equal, fp, run, said, ssh, survey


def has(what, text, *words):
    for w in words:
        if w not in text:
            sys.exit(f"{what} does not say {w!r}: {text}")


def alone(whole, folder, *names):
    folder.mkdir()
    for name in names:
        shutil.copy(whole / name, folder)
    return folder


def check_compare(tmp, whole, later):
    for names in (("collisions.json",), ("clusters.json",), ("clusters.json", "collisions.json")):
        word = "-".join(n.split(".")[0] for n in names)
        lone, lone_later = alone(whole, tmp / f"lone {word}", *names), alone(later, tmp / f"later {word}", *names)
        for what, a, b, new, gone in (("to a part", whole, lone, [], None), ("from a part", lone, whole, None, []), ("parts", lone, lone, None, None)):
            c = ask("compare", a, b)
            equal(f"{word} {what}: hosts", (c["hosts"]["new"], c["hosts"]["gone"], c["hosts"]["repaired"]), (new, gone, gone))
            equal(f"{word} {what}: reasons", c["hosts"]["gone_reasons"], {})
            equal(f"{word} {what}: keys", (c["keys"]["new"], c["keys"]["gone"]), (new, gone))
            equal(f"{word} {what}: ports", {(p["new"], p["gone"]) for p in c["keys"]["ports"].values()},
                  {(0 if new is not None else None, 0 if gone is not None else None)})
            equal(f"{word} {what}: clusters", {g["change"] for g in c["clusters"]}, {"same"})
            text = survey("compare", a, b, "--changed")
            has(f"{word} {what}", text, "mind: ", "tells only hosts in clusters", "new               –" if new is None else "gone              –")
            equal(f"{word} {what}: for mail", survey("compare", a, b, "-q", "--changed"), "")
            equal(f"{word} {what}: rows", {r["what"] for r in csv.DictReader(io.StringIO(survey("compare", a, b, "-f", "csv")))}, {"cluster"})
        # What is known is still told: a cluster that shrank, and who changed in it; 192.0.2.3 is in no cluster any more.
        c = ask("compare", whole, lone_later)
        equal(f"{word}: a cluster", [(g["change"], g["removed"]) for g in c["clusters"] if g["change"] != "same"], [("shrunk", ["192.0.2.3"])])
        equal(f"{word}: repaired or gone", (c["hosts"]["repaired"], c["hosts"]["gone"]), (None, None))
        survey("compare", whole, lone_later, "--changed", status=3)
        c = ask("compare", lone, later)
        # clusters.json has no types of keys by which one could take another's place.
        equal(f"{word}: then whole", (c["hosts"]["repaired"], c["hosts"]["gone"], c["hosts"]["new"]),
              (["192.0.2.3"] if "collisions.json" in names else [], [], None))
    survey("compare", whole, tmp / "lone collisions", "-o", tmp / "page")
    has("the page", (tmp / "page/index.html").read_text(), "tells only hosts in clusters")
    equal("tables", list(csv.DictReader(open(tmp / "page/hosts.csv"))), [])
    survey("report", tmp / "later collisions", "--since", whole, "-o", tmp / "report")
    page = (tmp / "report/report/index.html").read_text()
    has("the report", page, "1 shrunk.")
    if "no key any more" in page:
        sys.exit("the report counts repaired hosts that nobody can see")
    # With all hosts beside them the same files tell everything.
    every = alone(later, tmp / "every", "clusters.json", "all-key-fingerprints.json")
    equal("all hosts", ask("compare", whole, every)["hosts"]["repaired"], ["192.0.2.3"])


def check_cut(tmp, whole):
    """A file that was cut tells other clusters than the whole one, wherever the cut is."""
    for name in ("collisions.json", "clusters.json", "all-key-fingerprints.json"):
        text = (whole / name).read_text()
        between = text.index(",\n", 10) + 2
        for n in (0, 1, between - 2, between - 1, between, between + 40, len(text) - 2):
            folder = alone(whole, tmp / f"cut {name} {n}", *([name] if name == "collisions.json" else {name, "clusters.json"}))
            (folder / name).write_text(text[:n])
            has(f"{name} cut at {n}", said("stats", folder, status=1), f"{name} is not whole")
            if name == "collisions.json" and n > between:
                has(f"{name} cut at {n}", said("stats", folder / name, status=1), f"{name} is not whole")
    # A comma behind the last one, as files of earlier programs have it, and no newline at the end.
    for i, end in enumerate((",\n]\n", "\n]", " ]")):
        folder = alone(whole, tmp / f"whole {i}", "collisions.json")
        (folder / "collisions.json").write_text((whole / "collisions.json").read_text().rstrip().removesuffix("]").rstrip() + end)
        survey("stats", folder)


def check_copies(tmp, whole):
    kept, plain = tmp / "kept", tmp / "plain"
    survey("graph", whole, "--anonymise", "--keep-as", 64503, "-o", kept, "-f", "dot")
    survey("graph", whole, "--anonymise", "-o", plain, "-f", "dot")
    for a, b in ((whole, kept), (kept, whole), (whole, plain), (plain, kept)):
        has("two kinds", said("compare", a, b, status=2), "copy", "compare what is alike")
        said("report", a, "--since", b, "-o", tmp / "no", status=1)
    survey("compare", plain, plain, "--changed")
    has("two copies", survey("compare", kept, kept, "--changed"), "mind: these are copies for the owner")
    survey("compare", whole, kept, "--across")
    shutil.copy(kept / "survey.db", tmp / "kept.db")
    said("compare", whole, tmp / "kept.db", status=2)
    return kept


def check_find(tmp, whole, kept):
    lone = tmp / "lone collisions"
    in_clusters, of_copy = "this file tells only hosts in clusters", "this copy tells only the hosts that it was made for"
    for study, query, reason, words in ((lone, "192.0.9.1", "not told", in_clusters), (kept, "192.0.2.1", "not told", of_copy),
                                        (tmp / "kept.db", "192.0.2.1", "not told", of_copy),
                                        (whole, "192.0.2.77", "not in the records", "does not tell which ranges were asked")):
        q = ask("find", study, query, status=1)[0]
        equal(f"{study.name} {query}", q["reason"], reason)
        has(f"{study.name} {query}", q["absent"], words)
    for study, words in ((lone, in_clusters), (kept, of_copy)):
        for query in (fp("own"), "AS64999", "*.example.org", "AS64502" if study == kept else "AS64509"):
            equal(f"{study.name} {query}", ask("find", study, query, status=1)[0]["absent"], f"not in this study: {words}")
    equal("a whole study", ask("find", whole, "AS64999", status=1)[0]["absent"], "not in this study")


def main():
    hosts = {f"192.0.2.{i}": {"p22": ssh("A")} for i in (1, 2, 3)}
    hosts |= {"192.0.3.1": {"p22": ssh("B"), "p25": check.tls("own B")}, "192.0.3.2": {"p22": ssh("B")}, "192.0.4.1": {"p22": ssh("B")},
              "192.0.9.1": {"p22": ssh("own")}}
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        whole = run(tmp / "whole", hosts)
        later = run(tmp / "later", hosts | {"192.0.2.3": {"p22": ssh("new")}})
        equal("repaired", ask("compare", whole, later)["hosts"]["repaired"], ["192.0.2.3"])
        check_compare(tmp, whole, later)
        check_cut(tmp, whole)
        check_find(tmp, whole, check_copies(tmp, whole))
    print("what is not told is not known")


if __name__ == "__main__":
    main()
