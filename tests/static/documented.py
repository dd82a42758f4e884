#!/usr/bin/env python3
"""documented.py SURVEY SOURCE: the manuals, the example config and formats.md name
exactly the commands, options, keys and files that the program has; files of the source
that any document names are there."""
import pathlib
import re
import subprocess
import sys

survey, source = sys.argv[1], pathlib.Path(sys.argv[2])
wrong = []


def dump(what):
    out = subprocess.run([survey, what], check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in out.splitlines()]


def compare(what, documented, real):
    wrong.extend(f"{what}: {x} is missing" for x in sorted(real - documented))
    wrong.extend(f"{what}: {x} does not exist" for x in sorted(documented - real))


def program():
    """Command -> options, each as "--name", and "-x" where it has a letter."""
    commands = {}
    for command, *option in dump("--dump-options"):
        options = commands.setdefault(command, set())
        if option:
            options.add(option[0])
            options.update(f"-{letter}" for letter in option[1:])
    return commands


def manual_options():
    """The same, of the sections ".Ss NAME" of COMMANDS in survey.1."""
    commands, options = {}, None
    for line in (source / "docs/survey.1").read_text().splitlines():
        words = line.split()
        if words[:1] == [".Sh"]:
            options = None
            inside = words[1:] == ["COMMANDS"]
        elif words[:1] == [".Ss"] and inside:
            options = commands.setdefault(words[1], set())
        elif words[:2] == [".It", "Fl"] and options is not None:
            options.update("-" + word for word in re.findall(r"Fl ([-\w]+)", line))
    return commands


def manual_keys():
    section, keys = None, set()
    for line in (source / "docs/survey.conf.5").read_text().splitlines():
        words = line.split()
        if words[:1] == [".Ss"]:
            section = words[1]
        elif words[:2] == [".It", "Ic"] and words[2] != "upstream":
            keys.add(f"{section}.{words[2]}")
    return keys


def example_keys():
    """Key -> value as written; commented out or not."""
    keys, section = {}, []
    for line in (source / "config/survey.conf.example").read_text().splitlines():
        text = re.sub(r"^\s*#?\s*", "", line)
        if match := re.fullmatch(r'(\w+)(?: "[\w-]+")? {', text):
            section.append(match[1])
        elif text == "}":
            section.pop()
        elif (match := re.fullmatch(r"(\w+) = (.+)", text)) and section:
            keys.setdefault(".".join([*section, match[1]]), (match[2], "#" in line.split("=")[0]))
    return keys


commands = program()
if not commands:
    sys.exit("the program has no commands")

manual = manual_options()
compare("survey.1", set(manual), set(commands))
for name, options in commands.items():
    compare(f"survey.1, {name}", manual.get(name, set()), options)

keys = {key: default for key, _, default in dump("--dump-config")}
compare("survey.conf.5", manual_keys(), set(keys))
example = example_keys()
compare("survey.conf.example", set(example), set(keys))
for key, (value, is_comment) in example.items():
    if is_comment and key in keys and value.strip('"') != keys[key]:
        wrong.append(f"survey.conf.example: {key} = {value}, but the default is {keys[key]}")

# The files of a run directory: the first table of formats.md against the program's.
files = {row[0]: row[1:] for row in dump("--dump-files")}
told = {}
for line in (source / "docs/formats.md").read_text().split("## run.json")[0].splitlines():
    cells = [cell.strip() for cell in line.strip("|").split(" |")]
    for name in re.findall(r"`([^`]+)`", cells[0]) if line.startswith("| `") else []:
        told[name] = cells[2:]
compare("formats.md", set(told), set(files))
wrong.extend(f"formats.md: {name}: {told[name]}, but the program says {files[name]}"
             for name in files if told.get(name, files[name]) != files[name])

# Files of the source, by path from its top, from src or from include, or by name; CHANGELOG.md tells of earlier ones.
tops = ("src", "include", "tests", "config", "docs")
folders = [p.name for p in (source / "src").iterdir() if p.is_dir()]
names = {p.name for top in ("src", "include") for p in (source / top).rglob("*") if p.is_file()}
paths = re.compile(rf"(?<![\w/.-])(?:{'|'.join([*tops, 'survey', *folders])})(?:/[\w.-]+)+")


def is_there(path):
    """NAME is for one of many."""
    top = path.split("/")[0]
    at = f"include/{path}" if top == "survey" else f"src/{path}" if top in folders else path
    return "NAME" in path or (source / at).exists()


documents = [source / "README.md", *source.glob("docs/*.md"), *source.glob("tests/**/README.md")]
found = 0
for document in documents:
    if document.name == "CHANGELOG.md":
        continue
    text, where = document.read_text(), document.relative_to(source)
    mentioned = {m[0].rstrip(".") for m in paths.finditer(text)}
    mentioned = {p for p in mentioned if p.split("/")[0] in tops or re.search(r"\.(c|h|cpp|js|css)$", p)}
    wrong.extend(f"{where}: {p} does not exist" for p in sorted(mentioned) if not is_there(p))
    bare = set(re.findall(r"`([\w-]+\.(?:c|h|cpp|js|css))`", text)) if where.parts[0] == "docs" else set()
    wrong.extend(f"{where}: there is no {n} in src or include" for n in sorted(bare - names))
    links = set(re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text))
    wrong.extend(f"{where}: a link leads to {p}, which does not exist" for p in sorted(links) if not (document.parent / p).exists())
    found += len(mentioned) + len(bare) + len(links)
if found < 100:
    wrong.append(f"only {found} files are named in {len(documents)} documents: are they looked for in the right way?")

print("\n".join(wrong))
sys.exit(bool(wrong))
