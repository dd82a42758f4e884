#!/usr/bin/env python3
"""headers.py SOURCE: what the comments of C files name is there.

A function, as free_it(), is declared in the project or belongs to a library
or the system; a file, as study.c, lies in the source.  Comments outlive what
they are about: argv_free() was zmap_argv_free(), schema.h a file that had gone.
"""
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
files = [p for top in ("include", "src") for p in sorted((source / top).rglob("*.[ch]*"))]
text = {p: p.read_text() for p in files}
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
code = "\n".join(COMMENT.sub(" ", t) for t in text.values())
known = set(re.findall(r"\b([A-Za-z_]\w+)\s*\(", code))
# A member that is a function, or one of the system's that only comments name.
known |= set(re.findall(r"\(\*(\w+)\)\s*\(", code))
known |= set("fork _Fork openat2 uv_spawn poll rename exec setuid gethostbyname qsort main".split())
names = {p.name for p in source.rglob("*") if p.is_file() and ".git" not in p.parts} | set(re.findall(r"[<\"/](\w+\.h)[>\"]", code))

wrong = []
for path, whole in text.items():
    for match in COMMENT.finditer(whole):
        line = whole.count("\n", 0, match.start()) + 1
        for function in re.findall(r"\b([a-z_][a-z0-9_]+)\(\)", match[0]):
            if function not in known:
                wrong.append(f"{path.relative_to(source)}:{line}: {function}() is nowhere")
        for name in re.findall(r"(?<![\w.<*/-])([a-z_0-9]+\.(?:c|h|py|cpp))\b(?!\w)", match[0]):
            if name not in names:
                wrong.append(f"{path.relative_to(source)}:{line}: there is no {name}")
print("\n".join(wrong))
sys.exit(bool(wrong))
