#!/usr/bin/env python3
"""completion.py SURVEY SOURCE survey|bash|zsh|fish

What is offered after the words of each row, asked of survey itself and of the
shells with their scripts in config/completion.  zsh runs on a terminal of its
own, as it completes nothing without one.
"""
import csv
import os
import pathlib
import pty
import select
import shutil
import subprocess
import sys
import tempfile
import time

survey, source, shell = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
scripts = source / "config/completion"
records = source / "tests/golden/analyze/samples/zgrab2-lab-46.ndjson.gz"
COMMANDS = "run status doctor geo dns analyze graph report stats help".split()

# What is typed -> what is offered: a list is all of it, a set must be among it.
CASES = {
    "": set(COMMANDS),
    "gra": ["graph"],
    "help st": ["status", "stats"],
    "graph --f": ["--format", "--full-up-to"],
    "graph --anonymise run-a -": {"--format", "--help"},
    "stats -f ": ["text", "json", "csv", "latex"],
    "stats --format js": ["json"],
    "stats --table port": ["ports", "ports-of-one-host", "port-pairs"],
    "dns --mode u": ["unbound-dot", "unbound"],
    "run --until g": ["geo", "grab", "graph"],
    "analyze --dns ": ["cached", "fill", "refresh"],
    "graph --format svg,p": ["svg,png", "svg,pdf"],
    "graph -f svg,png,pdf,": ["svg,png,pdf,dot"],
    "dns -t A,": {"A,AAAA", "A,PTR", "A,MX", "A,TLSA", "A,TXT"},
    "geo --country I": {"IE", "IT", "IN"},
    "geo -c IE,G": {"IE,GB", "IE,GR"},
    "status ": ["odd run", "run-a", "run-b"],
    "status run-": ["run-a", "run-b"],
    "status deep/": ["deep/run-c"],
    "stats run-a deep/r": ["deep/run-c"],
    "graph run-a -c ": {"1", "2"},
    "graph run-a --cluster 1,": {"1,2"},
    "graph run-b/survey.db --cluster 1,": {"1,2"},
    "report s": ["survey.db"],
    "graph odd\\ run": ["odd run"],
    "cluster run-a ": {"1", "2"},
    "cluster run-a 1,": {"1,2"},
    "find run-": ["run-a", "run-b"],
    "compare run-a run-": ["run-a", "run-b"],
    "find run-a -f ": ["text", "json", "csv"],
    "cluster run-a 1 --repair --by ": ["as", "domain"],
    "compare --ac": ["--across"],
    "compare deep/": ["deep/run-c"],
    "export run-a --table cluster_": ["cluster_hosts", "cluster_keys"],
}
# What the shell itself looks for: files, or directories only.
PATHS = {
    "run l": ["lab.conf"],
    "analyze re": ["records.ndjson"],
    "dns --output re": ["records.ndjson"],
    "stats re": ["records.ndjson"],
    "geo --csv d": ["deep"],
    "status d": ["deep"],
}
# A value in the word of its option.
EQUALS = {
    "stats --format=js": ["json"],
    "graph --format=svg,p": ["svg,png", "svg,pdf"],
}


def lay_out(tmp):
    """Two runs, one without its table of sizes, a third further down, and other files."""
    subprocess.run([survey, "analyze", records, "-o", tmp / "run-a"], check=True, stderr=subprocess.DEVNULL)
    for name in "run-b", "deep/run-c", "odd run":
        shutil.copytree(tmp / "run-a", tmp / name)
    (tmp / "run-b/clustersizes.csv").unlink()
    shutil.copy(tmp / "run-b/survey.db", tmp / "survey.db")
    (tmp / "evil\x1b]0;name").mkdir()
    for name in "lab.conf", "records.ndjson":
        (tmp / name).write_text("\n")


def ask_survey(typed):
    words = typed.split(" ")
    out = subprocess.run([survey, "--complete", str(len(words)), *words], check=True, capture_output=True, text=True)
    mode, *lines = out.stdout.splitlines()
    assert mode in (":words", ":list", ":paths", ":files", ":directories"), mode
    return [line.split("\t")[0] for line in lines]


def ask_bash(typed):
    """As readline does it: an equals sign is a word of its own."""
    words = f"survey {typed}".replace("=", "\n=\n").replace("\\ ", "\x01").replace(" ", "\n").split("\n")
    words = [w.replace("\x01", "\\ ") for w in words]
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
              '_survey; printf "%s\\n" "${COMPREPLY[@]}"')
    out = subprocess.run(["bash", "-c", script, "bash", scripts / "survey.bash", *words],
                         check=True, capture_output=True, text=True)
    assert out.stderr == "", out.stderr
    return out.stdout.splitlines()


def ask_fish(typed):
    out = subprocess.run(["fish", "--no-config", "-c", f'source {scripts}/survey.fish; complete -C $argv[1]',
                          f"survey {typed}"], check=True, capture_output=True, text=True)
    assert out.stderr == "", out.stderr
    return [line.split("\t")[0].rstrip("/") for line in out.stdout.splitlines()]


class Zsh:
    """An interactive zsh that writes what its completion adds into a file."""
    SETUP = """
PS1= PS2= RPS1=
fpath=(%s $fpath)
autoload -Uz compinit; compinit -u -D
zstyle ':completion:*' completer _complete
unsetopt beep
compadd() {
	local i=${@[(i)(-|--)]}
	if [[ ${@[1,i]} == *-[OAD]* ]]; then builtin compadd "$@"; return; fi
	local -a hits
	builtin compadd -O hits "$@"
	print -rl -- $hits >>$OUT
	builtin compadd "$@"
}
_report() { print -r -- end >>$OUT; BUFFER= }
zle -N _report
bindkey '^I' list-choices
bindkey '^X' _report
print -r -- ready >$OUT
"""

    def __init__(self, tmp):
        self.out = tmp / "zsh.out"
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(tmp)
            os.environ.update(OUT=str(self.out), HOME=str(tmp), ZDOTDIR=str(tmp), TERM="vt100")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        (tmp / "setup.zsh").write_text(self.SETUP % scripts)
        self.send(f"source {tmp}/setup.zsh\n")
        self.until("ready")

    def send(self, text):
        os.write(self.fd, text.encode())

    def until(self, last):
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            if select.select([self.fd], [], [], 0.02)[0]:
                os.read(self.fd, 65536)  # what it shows is of no interest
            lines = self.out.read_text().splitlines() if self.out.exists() else []
            if lines and lines[-1] == last:
                return lines[:-1]
        sys.exit(f"zsh does not answer: {self.out.read_text() if self.out.exists() else 'nothing'}")

    def ask(self, typed):
        self.out.write_text("")
        self.send(f"survey {typed}\t\x18")
        return [line.rstrip("/") for line in self.until("end") if line]

    def close(self):
        self.send("exit\n")
        os.close(self.fd)


def check(ask, cases, failures):
    for typed, wanted in cases.items():
        got = ask(typed)
        ok = set(got) >= wanted if isinstance(wanted, set) else sorted(set(got)) == sorted(wanted)
        if not ok or any("\x1b" in word for word in got):
            failures.append(f"{shell}: survey {typed}<Tab>: {got}, not {wanted}")


if shell != "survey" and shutil.which(shell) is None:
    print(f"skipped: no {shell}")
    sys.exit(77)
with tempfile.TemporaryDirectory() as name:
    tmp = pathlib.Path(name)
    lay_out(tmp)
    os.chdir(tmp)
    os.environ["PATH"] = f"{survey.parent}:{os.environ['PATH']}"
    failures = []
    if shell == "survey":
        cases = {k: v for k, v in CASES.items() if "\\" not in k}
        check(ask_survey, cases, failures)
        check(ask_survey, {k: [f"--format={v}" for v in vs] for k, vs in EQUALS.items()}, failures)
        # The words for --table are those of the tables that there are.
        tables = subprocess.run([survey, "stats", "-f", "csv", "run-a"], check=True, capture_output=True, text=True)
        ids = list(dict.fromkeys(row[0] for row in list(csv.reader(tables.stdout.splitlines()))[1:]))
        offered = ask_survey("stats --table ")
        if offered != ids:
            failures.append(f"tables are {ids}, --table offers {offered}")
    elif shell == "bash":
        check(ask_bash, {**CASES, **PATHS, **EQUALS}, failures)
    elif shell == "fish":
        check(ask_fish, {**CASES, **PATHS}, failures)
        check(ask_fish, {k: [f"--format={v}" for v in vs] for k, vs in EQUALS.items()}, failures)
    else:
        zsh = Zsh(tmp)
        check(zsh.ask, {**CASES, **PATHS, **EQUALS}, failures)
        zsh.close()
print("\n".join(failures) or "completion offers what it ought to")
sys.exit(bool(failures))
