#!/usr/bin/env python3
"""cookbook.py SURVEY DOCS: every block of docs/cookbook.md runs with its own client, and says what
`survey stats` says; the queries of docs/database.md say the same in sqlite3 and in DuckDB.

A comment before a block tells what runs it, and which figure its last line is:
<!-- python = overview: clusters -->
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

import duckdb
import duckdb_extension_sqlite_scanner

SURVEY, DOCS = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
STUDY = pathlib.Path(__file__).resolve().parents[1] / "analyze/study-a"
BLOCK = re.compile(r"<!-- (\w+)(?: = ([\w-]+): ([^>]*?))? -->\n```(\w+)\n(.*?)```\n", re.S)
CLIENTS = {"sh": "sh", "duckdb": "sql", "python": "python", "R": "r"}


def fail(*words):
    sys.exit("FAILED: " + " ".join(map(str, words)))


def run(*args, cwd, **more):
    r = subprocess.run(list(map(str, args)), cwd=cwd, capture_output=True, text=True, timeout=300, **more)
    if r.returncode != 0:
        fail(*args, f"status {r.returncode}\n{r.stdout}{r.stderr}")
    return r.stdout


def connect():
    """Nothing is fetched: the extension is the one that PyPI has."""
    db = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    folder = pathlib.Path(duckdb_extension_sqlite_scanner.__file__).parent
    db.execute(f"LOAD '{next(folder.rglob('sqlite_scanner.duckdb_extension'))}'")
    return db


def duckdb_block(db, text):
    out = ""
    for statement in duckdb.extract_statements(text):
        rows = db.execute(statement).fetchall()
        out += "".join(" ".join(map(str, row)) + "\n" for row in rows)
    return out


def cookbook(tmp):
    text = (DOCS / "cookbook.md").read_text()
    blocks = BLOCK.findall(text)
    if len(blocks) != text.count("\n```") // 2 or len(blocks) < 12:
        fail(f"{len(blocks)} blocks say what runs them, of {text.count(chr(10) + '```') // 2}")
    (tmp / "bin").mkdir()
    (tmp / "bin/survey").symlink_to(SURVEY)
    env = dict(os.environ, PATH=f"{tmp / 'bin'}:{os.environ['PATH']}", HOME=str(tmp))
    db = connect()
    os.chdir(tmp)  # DuckDB's paths are this process's
    for client, table, row, language, block in blocks:
        if CLIENTS.get(client) != language:
            fail(f"a block in {language} is to be run by {client}")
        if client == "duckdb":
            out = duckdb_block(db, block)
        elif client == "python":
            out = run(sys.executable, "-W", "error::DeprecationWarning", "-c", block, cwd=tmp, env=env)
        elif client == "R":
            (tmp / "block.R").write_text(block)
            out = run("Rscript", "--vanilla", "block.R", cwd=tmp, env=env)
        else:
            out = run("sh", "-euc", block, cwd=tmp, env=env)
        if table:
            figures = json.loads(run(SURVEY, "stats", "-f", "json", "-t", table, "ireland", cwd=tmp))
            want = [r["cells"][0] for r in figures["tables"][0]["rows"] if r["label"] == row]
            last = out.strip().splitlines()[-1].removeprefix("[1]").strip()
            if not want or want[0] is None or last != str(want[0]):
                fail(f"{client} says {last}, survey stats {want} ({table}: {row})\n{block}\n{out}")
    return len(blocks)


def cell(v):
    """The order within group_concat() is nobody's."""
    return sorted(v.split(",")) if isinstance(v, str) else v


def queries(tmp):
    path = tmp / "ireland/survey.db"
    blocks = re.findall(r"```sql\n(.*?)```\n", (DOCS / "database.md").read_text(), re.S)
    if len(blocks) < 8:
        fail(f"{len(blocks)} queries in database.md")
    db = connect()
    db.execute(f"ATTACH '{path}' AS s (TYPE sqlite, READ_ONLY)")
    db.execute("USE s")
    lite = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    told = 0
    for query in blocks:
        ours = [[cell(v) for v in row] for row in lite.execute(query).fetchall()]
        theirs = [[cell(v) for v in row] for row in db.execute(query).fetchall()]
        if ours != theirs:
            fail(f"sqlite3 and DuckDB differ:\n{query}\n{ours[:3]}\n{theirs[:3]}")
        told += bool(ours)
        # The tool that people have says the same.
        rows = json.loads(run("sqlite3", "-readonly", "-json", path, query, cwd=tmp) or "[]")
        if len(rows) != len(ours):
            fail(f"sqlite3 has {len(rows)} rows, not {len(ours)}:\n{query}")
    if told < 7:
        fail(f"only {told} queries have rows")
    # No query counts hosts that take no part: all is the same when they are gone.
    copy = tmp / "part.db"
    shutil.copy(path, copy)
    with sqlite3.connect(copy) as part:
        out = "(SELECT id FROM hosts WHERE out IS NOT NULL)"
        if part.execute("SELECT count(*) FROM hosts WHERE out IS NOT NULL").fetchone() == (0,):
            fail("all hosts take part")
        for table in ("host_ports", "outcomes", "host_names"):
            part.execute(f"DELETE FROM {table} WHERE host IN {out}")
        part.execute("DELETE FROM hosts WHERE out IS NOT NULL")
        for query in blocks:
            if part.execute(query).fetchall() != lite.execute(query).fetchall():
                fail(f"counts hosts that take no part:\n{query}")
    return len(blocks)


def june(tmp):
    """The run before: hosts that had come since are not there, others showed nothing."""
    with gzip.open(STUDY / "records.fresh.gz", "rt") as f, open(tmp / "june", "w") as out:
        out.writelines(line for i, line in enumerate(f) if i % 9 != 4)
    run(SURVEY, "analyze", "june", "-o", "ireland-june", "--country", "IE", "-m", STUDY / "mmdb",
        "--scan-date", "2026-06-01T00:00:00Z", cwd=tmp)


def main():
    for tool in ("Rscript", "jq", "sqlite3"):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool}; install-deps.sh --test installs it")
            sys.exit(77)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp).resolve()
        run(SURVEY, "analyze", STUDY / "records.fresh.gz", "-o", "ireland", "--country", "IE", "-m", STUDY / "mmdb",
            "--scan-date", "2026-07-01T00:00:00Z", cwd=tmp)
        run(SURVEY, "weak", "ireland", cwd=tmp)
        june(tmp)
        print(f"{cookbook(tmp)} blocks and {queries(tmp)} queries say what survey stats says")


if __name__ == "__main__":
    main()
