#!/usr/bin/env python3
"""What a program is made of, as CycloneDX 1.5 JSON on standard output.

usage: sbom.py NAME VERSION LICENCE EPOCH PROGRAM [COMMIT]
       sbom.py NAME VERSION LICENCE EPOCH PROGRAM --go MODULES GO.SUM

The first form lists the shared libraries that the loader finds for PROGRAM,
each as the Debian package that has it.  The second lists the modules that are
linked into a Go program: MODULES is what `go version -m PROGRAM` printed, and
each must stand in GO.SUM with the same sum.  EPOCH, in seconds, is the time
that the document bears.  The same input gives the same bytes.
"""
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from urllib.parse import quote


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def os_release():
    with open("/etc/os-release", encoding="utf-8") as f:
        return dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', f.read(), re.M))


def package_of(path):
    """The Debian package that has this file, as its purl's parts, or None."""
    for name in (path, os.path.realpath(path), "/usr" + path):
        found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            package = found.stdout.split(": ")[0]
            return output("dpkg-query", "-W", "-f", "${Package}\t${Version}\t${Architecture}",
                          package).split("\t")
    return None


def libraries(program):
    """(components, purls of those that the program itself names)."""
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-dW", program)))
    system = os_release()
    components, direct = {}, set()
    for soname, path in re.findall(r"^\s*(\S+) => (/\S+)", output("ldd", program), re.M):
        package = package_of(path)
        if package is None:
            sys.exit(f"{path}, which {program} is linked with, belongs to no Debian package")
        name, version, arch = package
        purl = (f"pkg:deb/{system['ID']}/{quote(name)}@{quote(version, safe='.~:')}"
                f"?arch={arch}&distro={system['ID']}-{system.get('VERSION_ID', 'testing')}")
        component = components.setdefault(purl, {
            "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
            "properties": []})
        component["properties"].append({"name": "survey:soname", "value": soname})
        if soname in needed:
            direct.add(purl)
            needed.discard(soname)
    if needed:
        sys.exit(f"{program} needs what the loader does not find: {' '.join(sorted(needed))}")
    for component in components.values():
        component["properties"].sort(key=lambda p: p["value"])
    return components, direct


def modules(listing, sums):
    with open(sums, encoding="utf-8") as f:
        pinned = {tuple(line.split()) for line in f}
    with open(listing, encoding="utf-8") as f:
        text = f.read()
    go = re.search(r": go(\S+)$", text, re.M)[1]
    found = {f"pkg:golang/stdlib@{go}": ("stdlib", go, None)}
    for path, version, digest in re.findall(r"^\t(?:mod|dep)\t(\S+)\t(\S+)\t(\S+)$", text, re.M):
        if (path, version, digest) not in pinned:
            sys.exit(f"{path} {version} is linked, but {sums} does not pin it")
        found[f"pkg:golang/{quote(path)}@{quote(version)}"] = (path, version, digest)
    components = {}
    for purl, (name, version, digest) in found.items():
        components[purl] = {"type": "library", "bom-ref": purl, "name": name, "version": version,
                            "purl": purl}
        if digest is not None:
            components[purl]["properties"] = [{"name": "go:sum", "value": digest}]
    return components, set(components)


def main():
    name, version, licence, epoch, program, *rest = sys.argv[1:]
    properties = []
    if rest[:1] == ["--go"]:
        components, direct = modules(*rest[1:])
    else:
        components, direct = libraries(program)
        properties = [{"name": "survey:commit", "value": text} for text in rest]
    with open(program, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    main_ref = f"{name}@{version}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
                                 .strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application", "bom-ref": main_ref, "name": name, "version": version,
                "licenses": [{"expression": licence}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
                **({"properties": properties} if properties else {}),
            },
        },
        "components": [components[purl] for purl in sorted(components)],
        "dependencies": [{"ref": main_ref, "dependsOn": sorted(direct)}],
    }
    text = json.dumps(document, sort_keys=True)
    document["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, text).urn
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
