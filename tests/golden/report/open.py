#!/usr/bin/env python3
"""survey report --open: the report for whoever called sudo, and a browser where there is a display.

usage: open.py SURVEY

As root, in mounts of its own: an account ann with a home, and an xdg-open that notes who called it.
Else only what an ordinary user sees.
"""
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import time

SURVEY = str(pathlib.Path(sys.argv[1]).resolve())
ANN, RUNNER = 4242, 4300
OPENER = """#!/bin/sh
{ id -u; echo "$1"; echo "$HOME"; } >"$1.new"
mv "$1.new" "$1.opened"
"""


def fail(*words):
    sys.exit("FAILED: " + " ".join(map(str, words)))


def survey(*args, status=0, user=None, **env):
    """Standard error.  env: what differs from an environment without sudo and display."""
    clean = {k: v for k, v in os.environ.items()
             if k not in ("SUDO_UID", "DISPLAY", "WAYLAND_DISPLAY")}
    become = [shutil.which("setpriv"), f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    p = subprocess.run([*become, SURVEY, *map(str, args)], env=clean | env, text=True, timeout=300,
                       stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if p.returncode != status or "Sanitizer" in p.stderr or "runtime error" in p.stderr:
        fail(args, env, "status", p.returncode, "not", status, p.stderr)
    return p.stderr


def opened(page):
    """What the browser was told, once it was."""
    note = page.with_name(page.name + ".opened")
    end = time.monotonic() + 120
    while not note.exists():
        if time.monotonic() > end:
            fail("no browser was started for", page)
        time.sleep(0.05)
    return note.read_text().split("\n")[:-1]


def make_run(folder):
    shared = "66" * 32
    with open(folder / "records.ndjson", "w", encoding="utf-8") as f:
        for n in range(1, 5):
            f.write('{"ip":"198.18.0.%d","data":{"ssh":{"status":"success","result":{"key_exchange":'
                    '{"server_host_key":{"algorithm":"ssh-ed25519","fingerprint_sha256":"%s"}}}}}}\n' % (n, shared))
    survey("analyze", "--no-weak", "--graph", folder / "records.ndjson", "-o", folder / "run")
    return folder / "run"


def check_user(folder, user=None):
    """An ordinary user's report stays where it is."""
    run = folder / "run"
    page = run / "report/index.html"
    said = survey("report", run, "--open", user=user)
    if f"there is no display here: open {page} in a browser" not in said:
        fail("nobody is told where the report is:", said)
    path = f"{folder}/bin:{os.environ['PATH']}"
    survey("report", run, "--open", user=user, DISPLAY=":7", PATH=path)
    got = opened(page)
    if got[:2] != [str(user or os.geteuid()), str(page)]:
        fail("the browser was told", got)
    said = survey("report", run, "--open", user=user, DISPLAY=":7", PATH=f"{folder}/nothing")
    if f"xdg-open cannot be started: open {page} in a browser" not in said:
        fail("nobody is told that there is no xdg-open:", said)


def check_sudo(folder, home):
    """Root's run.user has the run, ann called sudo."""
    run = folder / "run"
    for path in (run, *run.rglob("*")):
        os.chown(path, RUNNER, RUNNER)
    run.chmod(0o700)
    page = home / "survey-run/report/index.html"
    for again in range(2):  # the second copy replaces the first
        said = survey("report", run, "--open", SUDO_UID=str(ANN))
        if f"ann has a copy of the report: {page}" not in said or f"open {page}" not in said:
            fail("the copy is not named:", said)
        if page.read_bytes() != (run / "report/index.html").read_bytes():
            fail("the copy differs")
        want = {p.relative_to(run) for d in ("report", "graphs") for p in (run / d).rglob("*")}
        got = {p.relative_to(home / "survey-run") for p in (home / "survey-run").rglob("*")}
        if got != want | {pathlib.Path(".survey-report"), pathlib.Path("report"), pathlib.Path("graphs")}:
            fail("what was copied:", got ^ want)
        for path in (home / "survey-run", *(home / "survey-run").rglob("*")):
            st = path.lstat()
            if st.st_uid != ANN or stat.S_IMODE(st.st_mode) & 0o077:
                fail(path, "belongs to", st.st_uid, "with mode", oct(st.st_mode))
        if [p.name for p in home.iterdir()] != ["survey-run"]:
            fail("something else was left", list(home.iterdir()))
        if not again:
            (page.parent / "old").touch()
    survey("report", run, "--open", SUDO_UID=str(ANN), DISPLAY=":7")
    if opened(page) != [str(ANN), str(page), str(home)]:
        fail("the browser was told", opened(page))


def check_refusals(folder, home):
    run = folder / "run"
    if "was not called by sudo" not in survey("report", run, "--open", status=2):
        fail("root alone")
    for uid in ("0", "x", "", "-1", "4294967295", f"{ANN} "):
        survey("report", run, "--open", status=2, SUDO_UID=uid)
    if "which only root may do" not in survey("report", run, "--open", status=2, user=RUNNER, SUDO_UID=str(ANN)):
        fail("sudo -u")
    for path in sorted((home / "survey-run").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (home / "survey-run").rmdir()
    # A link in the place of the copy leads nowhere, not even to a directory of ours.
    aim = folder / "aim"
    aim.mkdir()
    (aim / ".survey-report").touch()
    os.symlink(aim, home / "survey-run")
    if "it cannot be copied for ann" not in survey("report", run, "--open", status=1, SUDO_UID=str(ANN)):
        fail("a link")
    if [p.name for p in aim.iterdir()] != [".survey-report"] or not (home / "survey-run").is_symlink():
        fail("a link was followed, or replaced")
    (home / "survey-run").unlink()
    # So does somebody's own directory of that name.
    (home / "survey-run").mkdir()
    (home / "survey-run/mine").touch()
    survey("report", run, "--open", status=1, SUDO_UID=str(ANN))
    if [p.name for p in (home / "survey-run").iterdir()] != ["mine"] or len(list(home.iterdir())) != 1:
        fail("a directory of the user's was changed")


def main():
    global SURVEY
    root = os.geteuid() == 0
    if root and "OPEN_IN_OWN_MOUNTS" not in os.environ:
        os.environ["OPEN_IN_OWN_MOUNTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private",
                              sys.executable, __file__, SURVEY])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        home = folder / "home"
        for d in ("bin", "home"):
            (folder / d).mkdir()
        for d in (folder / "bin", pathlib.Path("/usr/local/bin")) if root else (folder / "bin",):
            if d != folder / "bin":  # in our own mounts only
                subprocess.run(["mount", "-t", "tmpfs", "tmpfs", d], check=True)
            (d / "xdg-open").write_text(OPENER)
            (d / "xdg-open").chmod(0o755)
        SURVEY = shutil.copy(SURVEY, folder / "bin/survey")  # where any user may start it
        make_run(folder)
        if root:
            accounts = pathlib.Path("/etc/passwd").read_text(encoding="utf-8")
            (folder / "passwd").write_text(accounts + f"ann:x:{ANN}:{ANN}::{home}:/bin/sh\n")
            subprocess.run(["mount", "--bind", folder / "passwd", "/etc/passwd"], check=True)
            os.chown(home, ANN, ANN)
            check_sudo(folder, home)
            check_refusals(folder, home)
            check_user(folder, RUNNER)
            for mount in ("/etc/passwd", "/usr/local/bin"):
                subprocess.run(["umount", mount], check=True)
        else:
            check_user(folder)


main()
