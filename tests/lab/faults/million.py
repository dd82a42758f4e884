"""million.py SURVEY: a million hosts queued take less than 200 MB, and stopping is still prompt."""

import signal
import time

from surveyor import Run, need, wait_for

HITS = 1_000_000
LIMIT_MB = 200


def main():
    with Run(scan={"mode": "list"}, run={"countries": ["XX"], "targets": []},
             grab={"rate_hosts": 1, "rate_per_24": 1, "rate_per_as": 1}) as run:
        listing = run.top / "list"
        with open(listing, "w") as f:
            for i in range(HITS):
                f.write(f"fd5a:9c3e:71d2:{i >> 12:x}::{i & 4095:x}\n")
        listing.chmod(0o644)
        run.settings["scan"]["list"] = str(listing)
        run.write(run.settings)
        p = run.start()
        wait_for(lambda: (run.dir / "run.json").exists() and
                 run.manifest()["counts"]["queued"] > HITS - 100, "a million queued", limit=120)
        p.send_signal(signal.SIGINT)
        start = time.monotonic()
        need(p.wait(60) == 130, f"exit status {p.returncode}")
        m = run.manifest()
        print(f"{m['counts']['hits']} hits, {m['counts']['queued']} queued: "
              f"{m['own_maxrss_kb'] / 1024:.0f} MB, {m['own_cpu_s']:.1f} s CPU, "
              f"stopped in {time.monotonic() - start:.1f} s")
        need(m["counts"]["hits"] == HITS, "hits were lost")
        need(m["own_maxrss_kb"] < LIMIT_MB * 1024, f"over {LIMIT_MB} MB")


main()
