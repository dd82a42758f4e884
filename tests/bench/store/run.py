#!/usr/bin/env python3
"""survey.db of the 18,268-host study, beside a plain SQLite program.  usage: run.py BENCH SURVEY GENERATOR"""
import pathlib
import subprocess
import sys
import tempfile

bench, survey, generator = sys.argv[1:4]
with tempfile.TemporaryDirectory() as tmp:
    folder = pathlib.Path(tmp)
    subprocess.run([sys.executable, generator, "--out", folder / "study", "--hosts", "18268"], check=True)
    subprocess.run([survey, "analyze", folder / "study/records.fresh", "-o", folder / "out", "--country", "IE"],
                   check=True, capture_output=True)
    subprocess.run([bench, folder / "out/survey.db", tmp], check=True)
