#!/usr/bin/env python3
"""Do the keys of gen_records.py hash to their fingerprints?  usage: generated.py GEN_RECORDS TEST_PUBLICKEY"""
import subprocess
import sys
import tempfile

for profile in ("full", "slim"):
    for layout in ("raw", "v1"):
        with tempfile.TemporaryDirectory() as tmp:
            subprocess.run([sys.executable, sys.argv[1], "--hosts", "60", "--out", tmp, "--layout", layout, "--profile", profile],
                           check=True)
            print(profile, layout, flush=True)
            subprocess.run([sys.argv[2], f"{tmp}/records.fresh"], check=True)
