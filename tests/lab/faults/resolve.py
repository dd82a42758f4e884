"""resolve.py SURVEY: kill -9 while names are looked up, then on until complete.

However often survey dies, dns.ndjson ends up with the same questions and
outcomes as without a death, and with each question exactly once.
"""

import json
import shutil
import subprocess

from surveyor import Run, need, rounds, seeded, tools, wait_for


def answers(run):
    text = (run.dir / "dns.ndjson").read_bytes()
    need(text.endswith(b"\n"), "dns.ndjson ends in a torn line")
    lines = [json.loads(line) for line in text.splitlines()]
    found = {(a["name"], a["type"]): (a["outcome"], a["answers"]) for a in lines}
    need(len(found) == len(lines), "a question stands in dns.ndjson twice")
    return found


def known(run):
    """Questions that need not be asked again; the last line may be torn, or the file missing."""
    try:
        lines = (run.dir / "dns.ndjson").read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return set()
    found = map(json.loads, lines)
    return {(a["name"], a["type"]) for a in found if a["outcome"] in ("noerror", "nodata", "nxdomain")}


def main():
    rnd = seeded()
    killed = 0
    with Run() as run:
        # The same records for both: on a busy machine a second grab may find other names.
        run.finish(until="grab")
        runs, grabbed = run.top / "runs", run.top / "grabbed"
        subprocess.run(["cp", "-a", runs, grabbed], check=True)
        run.finish(until="dns")
        expected = answers(run)
        totals = run.manifest()["dns"]
        need(totals["questions"] == len(expected), f"{totals['questions']} questions in run.json")
        shutil.rmtree(runs)
        grabbed.rename(runs)
        for _ in range(rounds()):
            p = run.start(until="dns")
            try:
                p.wait(rnd.uniform(0.1, 3))
                need(p.returncode == 0, f"survey ended with {p.returncode}")
                break
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
                killed += 1
            wait_for(lambda: not tools(), "children of a killed survey to go", limit=1)
        left = len(expected) - len(known(run))
        run.finish(until="dns")
        found = answers(run)
        asked = run.manifest()["dns"]["questions"] if left > 0 else 0
        need(asked == left, f"{asked} questions asked, {left} of {len(expected)} were missing")
    differ = {q: (expected.get(q), found.get(q)) for q in expected.keys() | found.keys()
              if expected.get(q) != found.get(q)}
    need(not differ, f"(expected, found): {differ}")
    need(killed > 0, "survey was never killed")
    print(f"{killed} times kill -9: {len(found)} questions, each with one outcome")


main()
