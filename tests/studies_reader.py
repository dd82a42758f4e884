"""The hosts of a file by the rules of the studies' own reader, and by nothing else.

A line that is exactly "{" begins a host, one that is exactly "}" ends it.  Other scripts look at single
lines, where a member stands alone with its indentation.
"""
import json
import re


def hosts(path):
    """What the reader finds in a file, one object after the other."""
    lines = None
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line == "{\n":
                lines = []
            elif line == "}\n" and lines is not None:
                yield json.loads("{" + "".join(lines) + "}")
                lines = None
            elif lines is not None:
                lines.append(line)


def check_array(path):
    """The reader finds what a JSON parser does, host by host, and no line is anything else.  Returns the hosts."""
    text = path.read_text(encoding="utf-8")
    found, want = list(hosts(path)), json.loads(text)
    if found != want:
        raise AssertionError(f"{path}: the studies' reader finds {len(found)} hosts of {len(want)}, or others")
    lines = text.splitlines()
    if (lines[0], lines[-1]) != ("[", "]"):
        raise AssertionError(f"{path}: brackets are not the first and the last line")
    if lines.count(",") != max(len(want) - 1, 0) or lines.count("{") != len(want):
        raise AssertionError(f"{path}: commas or braces do not stand alone")
    return found


def check_members(path, found):
    """One member a line, sorted: what grep looks for is there once a host."""
    lines = path.read_text(encoding="utf-8").splitlines()

    def count(pattern):
        return sum(re.match(pattern, line) is not None for line in lines)
    ports = {p for h in found for p in h["fprints"]}
    want = {r'  "ip": "': len(found), r'  "csize": \d+,$': len(found), r'  "clusternum": \d+,$': len(found),
            r'      "str_colls": "': sum(len(h["rcs"]) for h in found)}
    want |= {f'    "{p}": "[0-9a-f]{{64}}"': sum(p in h["fprints"] for h in found) for p in ports}
    for pattern, n in want.items():
        if count(pattern) != n:
            raise AssertionError(f"{path}: {count(pattern)} lines like {pattern}, not {n}")
    for h in found:
        if list(h) != sorted(h):
            raise AssertionError(f"{path}: members are not sorted")


def check_dodgy(path):
    """An object of records, one member a line.  Returns the records."""
    text = path.read_text(encoding="utf-8")
    records = json.loads(text)
    if sum(line.startswith('    "ip": "') for line in text.splitlines()) != len(records):
        raise AssertionError(f"{path}: grep does not find each address once")
    for record in records.values():
        if list(record) != sorted(record):
            raise AssertionError(f"{path}: members are not sorted")
    return records


def check_results(folder):
    """All files of a directory that are in these layouts; collisions.json has who shares, by each of them."""
    everyone = check_array(folder / "fingerprints.json")
    after = check_array(folder / "all-key-fingerprints.json")
    sharing = check_array(folder / "collisions.json")
    check_members(folder / "fingerprints.json", everyone)
    check_dodgy(folder / "dodgy.json")
    if [h["ip"] for h in everyone] != [h["ip"] for h in after]:
        raise AssertionError(f"{folder}: other hosts before the clustering than after it")
    if [h["ip"] for h in after if h["clusternum"] != 0] != [h["ip"] for h in sharing]:
        raise AssertionError(f"{folder}: other hosts in collisions.json than in clusters")
    if (folder / "dogies.json").exists():
        check_array(folder / "dogies.json")
    return everyone, after, sharing
