#!/usr/bin/env python3
"""contents.py PACKAGES SOURCE VERSION: the Debian packages hold what they
should, lintian has nothing to say, and their lists of parts are valid
CycloneDX and complete."""
import json
import pathlib
import re
import subprocess
import sys

import cyclonedx.schema._res
import jsonschema

packages, source, version = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
wrong = []


def check(condition, text):
    if not condition:
        wrong.append(text)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def files_of(deb):
    """Path -> (mode, owner)."""
    rows = (line.split(maxsplit=5) for line in output("dpkg-deb", "-c", deb).splitlines())
    return {row[5].lstrip("."): (row[0], row[1]) for row in rows}


def depends_of(deb):
    """Package -> the whole clause that names it."""
    clauses = [c.strip() for c in output("dpkg-deb", "-f", deb, "Depends").split(",")]
    return {re.match(r"[^ ]+", c)[0]: c for c in clauses}


def check_survey(deb):
    files, depends = files_of(deb), depends_of(deb)
    doc = "/usr/share/doc/survey/"
    for name in ("/usr/bin/survey", "/usr/share/man/man1/survey.1.gz", "/usr/share/man/man5/survey.conf.5.gz",
                 "/usr/share/bash-completion/completions/survey", "/usr/share/zsh/vendor-completions/_survey",
                 "/usr/share/fish/vendor_completions.d/survey.fish", "/usr/lib/systemd/system/survey@.service",
                 "/usr/lib/systemd/system/survey@.timer", "/usr/lib/systemd/system/survey-failed@.service",
                 "/usr/lib/sysusers.d/survey.conf", "/usr/lib/tmpfiles.d/survey.conf", "/var/lib/survey/",
                 "/etc/survey/block.conf", "/etc/survey/opt-out.conf", "/usr/share/survey/apparmor-unbound",
                 *(doc + n for n in ("changelog.gz", "copyright", "README.md", "CITATION.cff", "sbom.cdx.json",
                                     "docs/formats.md", "docs/cluster.png", "docs/report.png", "examples/survey.conf.example",
                                     "examples/lab.conf"))):
        check(name in files, f"{deb.name} lacks {name}")
    check(files.get("/var/lib/survey/", ("",))[0] == "drwxr-x---", "others may enter /var/lib/survey")
    for name, (mode, owner) in files.items():
        check(owner == "root/root", f"{name} belongs to {owner}")
        check(mode[5] == "-" and mode[8] == "-", f"{name} can be written by others: {mode}")
    for name in ("zmap", "unbound", "stubby", "ca-certificates", "dns-root-data", "fonts-dejavu-core", "procps", "systemd"):
        check(name in depends, f"does not depend on {name}")
    check(depends.get("zgrab2") == "zgrab2 (>= 1.0.0)", f"depends on {depends.get('zgrab2')}")
    control = {name: output("dpkg-deb", "-I", deb, name) for name in ("conffiles", "postinst", "prerm", "postrm")}
    check(control["conffiles"].split() == sorted(n for n in files if n.startswith("/etc/survey/") and n[-1] != "/"),
          f"conffiles: {control['conffiles']!r}")
    unit = output("sh", "-c", f"dpkg-deb --fsys-tarfile {deb} | tar -xO ./usr/lib/systemd/system/survey@.service")
    check("ExecStart=/usr/bin/survey run /etc/survey/%i.conf" in unit, "the unit starts something else")
    changelog = output("sh", "-c", f"dpkg-deb --fsys-tarfile {deb} | tar -xO .{doc}changelog.gz | zcat"
                       " | dpkg-parsechangelog -l- -SVersion")
    check(changelog.strip() == version, f"the changelog is about {changelog}")
    return depends


def check_zgrab2(deb):
    files = files_of(deb)
    for name in ("/usr/bin/zgrab2", "/usr/share/man/man1/zgrab2.1.gz", "/usr/share/doc/zgrab2/copyright",
                 "/usr/share/doc/zgrab2/notices.gz", "/usr/share/doc/zgrab2/sbom.cdx.json"):
        check(name in files, f"{deb.name} lacks {name}")
    check("ca-certificates" in depends_of(deb), "zgrab2 does not depend on ca-certificates")


SCHEMAS = pathlib.Path(cyclonedx.schema._res.__file__).parent


def validate(document):
    """As jsonschema tells it: an exception for what is wrong."""
    load = {name: json.loads((SCHEMAS / name).read_text()) for name in
            ("bom-1.5.SNAPSHOT.schema.json", "spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")}
    schema = load["bom-1.5.SNAPSHOT.schema.json"]
    base = schema["$id"].rsplit("/", 1)[0] + "/"
    resolver = jsonschema.RefResolver.from_schema(schema, store={base + n: s for n, s in load.items()})
    jsonschema.Draft7Validator(schema, resolver=resolver).validate(document)


def check_parts(path, name, program_version, needed):
    document = json.loads(path.read_text())
    try:
        validate(document)
    except jsonschema.ValidationError as error:
        check(False, f"{path.name}: {error.message}")
    spoilt = {**document, "specVersion": 1.5}
    try:
        validate(spoilt)
        check(False, "the validation accepts anything")
    except jsonschema.ValidationError:
        pass
    subject = document["metadata"]["component"]
    check((subject["name"], subject["version"]) == (name, program_version), f"{path.name} is about {subject}")
    parts = {c["name"]: c for c in document["components"]}
    check(len(parts) == len(document["components"]), f"{path.name}: a part is there twice")
    for part in needed:
        check(part in parts, f"{path.name} does not list {part}")
    refs = {c["bom-ref"] for c in document["components"]} | {subject["bom-ref"]}
    for node in document["dependencies"]:
        check({node["ref"], *node["dependsOn"]} <= refs, f"{path.name}: {node['ref']} depends on what is not there")
    return parts


def check_hash(deb, name, path):
    digest = output("sh", "-c", f"dpkg-deb --fsys-tarfile {deb} | tar -xO ./usr/bin/{name} | sha256sum").split()[0]
    told = json.loads(path.read_text())["metadata"]["component"]["hashes"][0]["content"]
    check(told == digest, f"{path.name} is of another {name} than the package's")


architecture = output("dpkg", "--print-architecture").strip()
survey = packages / f"survey_{version}_{architecture}.deb"
zgrab2 = next(packages.glob(f"zgrab2_*_{architecture}.deb"))
depends = check_survey(survey)
check_zgrab2(zgrab2)
# Each library that the package depends on, as dpkg-shlibdeps found it.
libraries = {d for d in depends if d.startswith("lib") or d == "zlib1g"}
check(len(libraries) > 10, f"depends on {sorted(libraries)} only")
check_parts(packages / "survey.cdx.json", "survey", version, libraries)
# Each module that go.mod requires, and Go itself.
required = re.findall(r"^(?:require )?\t?([\w./-]+\.[\w./-]+) (v\S+)", (source / "config/zgrab2/go.mod").read_text(), re.M)
parts = check_parts(packages / "zgrab2.cdx.json", "zgrab2", zgrab2.name.split("_")[1].split("-")[0],
                    {"stdlib", "github.com/zmap/zgrab2", "golang.org/x/crypto"})
pinned = dict(required)
check(len(pinned) > 20, f"go.mod requires {len(pinned)} modules only")
for part in parts.values():
    check(part["name"] == "stdlib" or pinned.get(part["name"]) == part["version"],
          f"zgrab2.cdx.json: go.mod does not pin {part['name']} {part['version']}")
for deb, name in ((survey, "survey"), (zgrab2, "zgrab2")):
    check_hash(deb, name, packages / f"{name}.cdx.json")

said = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", survey, zgrab2],
                      capture_output=True, text=True, check=False)
check(said.returncode == 0 and not re.search(r"^[EW]:", said.stdout, re.M), "lintian: " + said.stdout + said.stderr)
print("\n".join(wrong))
sys.exit(bool(wrong))
