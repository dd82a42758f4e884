#!/usr/bin/env python3
"""changelog.py SOURCE VERSION: the newest entry of docs/CHANGELOG.md is about
VERSION and says something; entries are dated, each once, newest first."""
import datetime
import pathlib
import re
import sys

text = (pathlib.Path(sys.argv[1]) / "docs/CHANGELOG.md").read_text()
version = sys.argv[2]
wrong = []
entries = re.split(r"^## ", text, flags=re.M)[1:]
heads = []
for entry in entries:
    head, _, body = entry.partition("\n")
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+) \((\d{4}-\d\d-\d\d)\)", head)
    if match is None:
        wrong.append(f'"## {head}" is not "## VERSION (YYYY-MM-DD)"')
        continue
    heads.append((tuple(map(int, match.groups()[:3])), datetime.date.fromisoformat(match[4])))
    if not re.search(r"^- \S|^\w", body, re.M):
        wrong.append(f"the entry {head} is empty")
numbers = [number for number, _ in heads]
dates = [date for _, date in heads]
if not numbers or ".".join(map(str, numbers[0])) != version:
    wrong.append(f"there is no entry about {version} at the top")
if numbers != sorted(set(numbers), reverse=True):
    wrong.append("entries are not ordered by version, newest first, each once")
if dates != sorted(dates, reverse=True):
    wrong.append("dates do not follow the versions")
print("\n".join(wrong))
sys.exit(bool(wrong))
