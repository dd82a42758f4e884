#!/usr/bin/env python3
"""Nothing that names a host survives in any file of an anonymised copy.

usage: test_anonymise.py SURVEY

Every address, name, AS name and fingerprint of the source is searched for in
every file of the copy, also where files hold text deflated or compressed.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zlib

import packed

HERE = pathlib.Path(__file__).parent


def run(*args):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL)


def originals(rundir):
    """Texts that must not survive: {text: its host's AS number}."""
    found = {}
    for h in json.loads((rundir / "all-key-fingerprints.json").read_text()):
        texts = [h["ip"], h["asn"], *h["fprints"].values()]
        texts += [v for k, v in h["analysis"]["nameset"].items() if isinstance(v, str)]
        for t in texts:
            found.setdefault(t, set()).add(h["asndec"])
    # Words of one label may stand in the page's own text.
    return {t: a for t, a in found.items() if len(t) >= 8 and re.search(r"[.\d]", t)}


def contents(copy):
    """(name, text) of everything in the copy, unpacked."""
    for path in sorted(copy.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        text = data.decode("utf-8", "replace")
        yield str(path), text
        if path.suffix == ".html":
            for name, block in packed.blocks(text):
                yield f"{path}#{name}", block.decode("utf-8", "replace")
        if path.suffix == ".pdf":
            for stream in re.findall(rb"stream\r?\n(.*?)endstream", data, re.S):
                try:
                    yield f"{path} stream", zlib.decompress(stream).decode("latin-1")
                except zlib.error:
                    pass


def survivors(texts, copy):
    everything = "\n".join(name + "\n" + text for name, text in contents(copy)).lower()
    found = (t for t in texts if t[:200].lower() in everything)
    # 198.18.0.1 does not survive in 198.18.0.11.
    return [t for t in found
            if re.search(r"(?<![\w.])" + re.escape(t[:200].lower()) + r"(?![\w.]*\w)", everything)]


def main():
    survey = sys.argv[1]
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        source, copy, again = tmp / "run", tmp / "copy", tmp / "again"
        run(sys.executable, HERE / "make_run.py", source, "--hosts", 250, "--clusters", 20,
            "--largest", 50, "--hostile", "--seed", 3)
        (source / "run.json").write_text(json.dumps({
            "writer": "survey", "version": 1, "name": "secret-operation", "state": "complete",
            "config_path": "/home/alice/secret.conf", "created": "2026-01-02T03:04:05Z",
            "counts": {"probed": 1234, "hits": 567, "ports": {"p22": {"success": 5, "refused": 7}}}, "versions": {"survey": "1.0.0"},
            "scan": {"rate_pps": 150, "source_ip": "198.19.77.77", "interface": "secret0"}}))
        texts = originals(source)
        assert len(texts) > 500, "the source has something to hide"
        run(survey, "graph", source, "--format", "svg,dot,pdf", "--anonymise", "-o", copy)
        run(survey, "report", copy)  # a copy is a directory for every command
        secrets = ["secret-operation", "alice", "198.19.77.77", "secret0",
                   (source / "anonymise.key").read_text().strip()]
        left = survivors([*texts, *secrets], copy)
        assert left == [], f"{len(left)} texts survive, as {left[0][:80]!r}"
        assert not (copy / "anonymise.key").exists()
        names = {p.name for p in copy.iterdir()}
        assert not names & {"records.fresh", "dns.ndjson", "survey.conf", "survey.log"}, names
        assert (source / "anonymise.key").stat().st_mode & 0o777 == 0o600

        # The same text has the same pseudonym in every copy, and structure is the same.
        run(survey, "report", source, "--anonymise", "-o", again)
        one, two = ((d / "clusters.json").read_text() for d in (copy, again))
        assert one == two, "pseudonyms are stable"
        # In the order of pseudonyms, not of records.
        shared = lambda c: sum(len({ip for ip, _ in k["at"]}) > 1 for k in c["keys"])
        shape = lambda d: sorted((c["size"], shared(c)) for c in json.loads((d / "clusters.json").read_text()))
        assert shape(source) == shape(copy)
        stats = lambda d, t: json.loads(subprocess.run([survey, "stats", "-f", "json", "-t", t, d],
                                                       check=True, stdout=subprocess.PIPE).stdout)
        assert stats(source, "sizes")["tables"] == stats(copy, "sizes")["tables"]
        ports = {d: {r["label"]: r["cells"][:6] for r in stats(d, "ports")["tables"][0]["rows"]} for d in (source, copy)}
        for port in ("22", "443"):  # each of a kind of its own; mail is one
            assert ports[source][port] == ports[copy][port], (ports[source][port], ports[copy][port])

        # A copy's own collisions.json says the same as its clusters.json.
        alone = tmp / "alone.json"
        alone.write_bytes((copy / "collisions.json").read_bytes())
        assert stats(alone, "sizes")["tables"][0]["rows"] == stats(copy, "sizes")["tables"][0]["rows"]

        # A directory that holds something else is left alone.
        other = tmp / "other"
        other.mkdir()
        (other / "records.fresh").write_text("{}\n")
        rc = subprocess.run([survey, "report", source, "--anonymise", "-o", other],
                            stderr=subprocess.DEVNULL).returncode
        assert rc == 1 and [p.name for p in other.iterdir()] == ["records.fresh"]
    print(f"none of {len(texts)} texts survives")


if __name__ == "__main__":
    main()
