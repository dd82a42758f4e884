#!/usr/bin/env python3
"""citation.py SOURCE VERSION: CITATION.cff is valid, and is about VERSION and
the date that the changelog gives it; cffconvert makes the usual forms of it."""
import pathlib
import re
import sys

from cffconvert import Citation

source, version = pathlib.Path(sys.argv[1]), sys.argv[2]


def check(text):
    """What is wrong with this CITATION.cff, or None."""
    try:
        citation = Citation(text)
        citation.validate()
    except Exception as error:  # cffconvert and its parsers each have their own
        return str(error)
    told = citation.cffobj
    if told.get("version") != version:
        return f"it is about {told.get('version')}, not {version}"
    dated = f"## {version} ({told.get('date-released')})"
    if dated not in (source / "docs/CHANGELOG.md").read_text().splitlines():
        return f'the changelog has no line "{dated}"'
    if "The survey authors" not in citation.as_apalike() or "@misc" not in citation.as_bibtex():
        return "the citation made from it lacks its authors or is no BibTeX"
    return None


text = (source / "CITATION.cff").read_text()
wrong = check(text)
if wrong is not None:
    sys.exit(f"CITATION.cff: {wrong}")
# The check is one.
for pattern, broken in ((r"^title: .*\n", ""), (r"^version: .*", "version: 0.0.1"),
                        (r"^date-released: .*", "date-released: 2001-01-01"),
                        (r"^authors:", "authours:"), (r"\A", "\t: [")):
    spoilt, changed = re.subn(pattern, broken, text, count=1, flags=re.M)
    if changed != 1 or check(spoilt) is None:
        sys.exit(f"passed although {pattern} became {broken!r}")
