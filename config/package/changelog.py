#!/usr/bin/env python3
"""changelog.py CHANGELOG.md PACKAGE MAINTAINER: the changelog as Debian writes it."""
import datetime
import re
import sys
import textwrap


def items(body):
    """The list items of an entry, each with its heading; a paragraph counts as an item."""
    heading = ""
    for block in re.split(r"\n\s*\n|\n(?=- )", body.strip()):
        if block.startswith("### "):
            heading = block[4:].strip() + ": "
            continue
        text = " ".join(block.removeprefix("- ").split())
        yield heading + re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "")


def main():
    path, package, maintainer = sys.argv[1:]
    with open(path, encoding="utf-8") as f:
        entries = re.split(r"^## ", f.read(), flags=re.M)[1:]
    for entry in entries:
        head, _, body = entry.partition("\n")
        version, date = re.fullmatch(r"(\S+) \((\S+)\)", head).groups()
        day = datetime.datetime.fromisoformat(date)
        print(f"{package} ({version}) unstable; urgency=medium\n")
        for text in items(body):
            print(textwrap.fill(text, 76, initial_indent="  * ", subsequent_indent="    ",
                                break_on_hyphens=False, break_long_words=False))
        # Names of days and months as strftime has them in the C locale, where Python starts.
        print(f"\n -- {maintainer}  {day:%a, %d %b %Y} 00:00:00 +0000\n")


main()
