"""A lab's namespaces and processes, and how they end.

    lab up --fork--> keeper --fork--> init (PID 1 of a PID namespace) --> all servers

The keeper has a mount namespace and the `scan` network namespace of its own; `lab exec` joins
both.  Nothing of a lab is visible, or can stay behind, outside its namespaces:

- until everything is up the keeper dies with `lab up`, however that ends, and takes all down;
- when the keeper dies, however, the kernel kills init, and with PID 1 every server;
- commands that `lab exec` started, and their children, are known by what they see: this lab's
  directory, mounted at MOUNT.
"""

import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from pathlib import Path

MOUNT = Path("/run/survey-lab")
_MARKER = ".survey-lab"
_RESULTS = "runs"  # what `lab down` leaves

_CLONE_NEWNS, _CLONE_NEWPID, _CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18
_PR_SET_PDEATHSIG = 1
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """Something the user can mend; the text says what and how."""


def _call(function, *args):
    if getattr(_libc, function)(*args) == -1:
        err = ctypes.get_errno()
        raise OSError(err, f"{function}: {os.strerror(err)}")


def _mount(source, target, fstype=None, flags=0):
    _call("mount", os.fsencode(source), os.fsencode(target),
          fstype and fstype.encode(), ctypes.c_ulong(flags), None)


def can_isolate():
    """May this process make namespaces?  Not so in many containers, root or not."""
    child = os.fork()
    if child == 0:
        try:
            _call("unshare", _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWPID)
            os._exit(0)
        finally:
            os._exit(1)
    return _reap(child) == 0


def _die_with_parent(sig, parent=None):
    """sig comes when the parent ends (0: no more); at once if it has ended already."""
    _call("prctl", _PR_SET_PDEATHSIG, ctypes.c_ulong(sig), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


@contextmanager
def in_netns(path):
    """This (single-threaded) process is in another network namespace for a while."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", there, _CLONE_NEWNET)
        yield
    finally:
        _call("setns", here, _CLONE_NEWNET)
        os.close(here)
        os.close(there)


def join_netns(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    _call("setns", fd, _CLONE_NEWNET)
    os.close(fd)


def plain_process():
    """What a command may expect of its surroundings: signals as usual, many descriptors."""
    for sig in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ, *ENDING):
        signal.signal(sig, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    want = 65536 if hard == resource.RLIM_INFINITY else min(65536, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))


def _exit_once():
    """The first of the signals that end raises SystemExit; more do not disturb what follows."""
    def end(*_):
        for sig in ENDING:
            signal.signal(sig, signal.SIG_IGN)
        sys.exit(1)

    for sig in ENDING:
        signal.signal(sig, end)


def _start_time(pid):
    """When a live process started, in ticks since boot, or None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def _boot_id():
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _reap(pid):
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        return 0


class Lab:
    """The lab that lives in a directory, running or not."""

    def __init__(self, path):
        self.path = Path(path)
        self.state_file = self.path / "state.json"

    def state(self):
        """What the keeper wrote, if that very keeper is alive; else None."""
        try:
            state = json.loads(self.state_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        same = state["boot"] == _boot_id() and _start_time(state["pid"]) == state["start"]
        return state if same else None

    def running(self):
        """The state of a lab that is up; LabError if there is none."""
        state = self.state()
        if state is None or not state["ready"]:
            raise LabError(f"no lab is up in {self.path}: run `lab up` first, "
                           "or say with LAB_DIR where it is")
        return state

    def processes(self):
        """Ids of the processes that see this lab's directory at MOUNT, without this one."""
        try:
            mine = os.stat(self.path)
        except OSError:
            return []
        out = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                seen = os.stat(f"/proc/{entry}/root{MOUNT}")
            except OSError:
                continue
            if (seen.st_dev, seen.st_ino) == (mine.st_dev, mine.st_ino):
                out.append(int(entry))
        return out

    @contextmanager
    def locked(self):
        """One `up` or `down` at a time; makes the directory.  LabError if it is not a lab's."""
        while True:
            try:
                self.path.mkdir(mode=0o755, parents=True)
            except FileExistsError:
                pass
            marker = self.path / _MARKER
            info = os.lstat(self.path)
            unused = {entry.name for entry in self.path.iterdir()} <= {_RESULTS}
            if not (marker.exists() or unused) or info.st_uid != 0 or self.path.is_symlink():
                raise LabError(f"{self.path} is neither empty nor a lab's directory of root's: "
                               "set LAB_DIR to another one")
            fd = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            fcntl.lockf(fd, fcntl.LOCK_EX)  # unlike flock(): not shared with the keeper
            if os.fstat(fd).st_nlink > 0:
                break
            os.close(fd)  # a `down` removed it while we waited
        try:
            yield
        except BaseException:
            if self.state() is None:  # cut short before the keeper could clean
                self.clean()
            raise
        finally:
            os.close(fd)

    # -- starting

    def start(self, ident, prepare, bring_up):
        """Start the lab and return its life-line, a descriptor: the lab ends when this process
        does, unless detach() is called on it.

        prepare() runs in the keeper, before there are processes, bring_up(tgt) in init with the
        path of the target's network namespace.  What they raise is raised here as LabError,
        after everything is down again.
        """
        life_r, life_w = os.pipe()
        news_r, news_w = os.pipe()
        sys.stdout.flush()
        parent = os.getpid()
        keeper = os.fork()
        if keeper == 0:
            os.close(life_w)
            os.close(news_r)
            self._keeper(parent, ident, life_r, news_w, prepare, bring_up)
        os.close(life_r)
        os.close(news_w)
        try:
            with open(news_r, encoding="utf-8", errors="replace") as news:
                said = news.read()
            if said != "ready":
                raise LabError(said or "the lab died while it was starting")
            return life_w
        except BaseException:
            try:
                os.kill(keeper, signal.SIGTERM)
            except ProcessLookupError:
                pass
            os.close(life_w)
            _reap(keeper)
            raise

    @staticmethod
    def detach(life):
        """From now on the lab lasts until stop()."""
        os.write(life, b"d")
        os.close(life)

    def _keeper(self, parent, ident, life, news, prepare, bring_up):
        """Runs until the lab ends; never returns."""
        init = 0
        try:
            _exit_once()
            _die_with_parent(signal.SIGTERM, parent)
            os.setsid()
            self._to_log()
            state = {"pid": os.getpid(), "start": _start_time(os.getpid()), "boot": _boot_id(),
                     "ready": False, "id": ident, "scan": f"scan-{ident}", "tgt": f"tgt-{ident}"}
            self._write_state(state)
            self._isolate(state)
            prepare()
            self._own_resolver()
            said_r, said_w = os.pipe()
            _call("unshare", _CLONE_NEWPID)
            init = os.fork()
            if init == 0:
                os.close(life)
                os.close(news)
                os.close(said_r)
                self._init(said_w, state, bring_up)
            os.close(said_w)
            with open(said_r, encoding="utf-8", errors="replace") as f:
                said = f.read()
            if said != "ready":
                raise LabError(said or "the lab's init died while it was starting")
            state.update(ready=True, init=init)
            self._write_state(state)
            os.write(news, b"ready")
            os.close(news)
            self._wait_for_end(life, init)
        except SystemExit:
            pass
        except BaseException as e:  # `lab up` tells the user
            traceback.print_exc()
            text = str(e) if isinstance(e, LabError) else f"{type(e).__name__}: {e}"
            os.write(news, text.encode()[:4000])
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
            if init > 0:
                os.kill(init, signal.SIGKILL)
                _reap(init)
            self.clean()
            os._exit(0)

    def _to_log(self):
        (self.path / "log").mkdir(exist_ok=True)
        null = os.open("/dev/null", os.O_RDONLY)
        log = os.open(self.path / "log" / "lab.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(null, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(null)
        os.close(log)

    def _write_state(self, state):
        new = self.state_file.with_suffix(".new")
        new.write_text(json.dumps(state), encoding="ascii")
        new.rename(self.state_file)

    def _isolate(self, state):
        """Own mounts and own network; the lab's directory appears at MOUNT."""
        _call("unshare", _CLONE_NEWNS | _CLONE_NEWNET)
        try:
            _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
        except OSError as e:
            if e.errno != errno.EINVAL:
                raise
            raise LabError("/ is not a mount point here (a chroot?): bind-mount the chroot's "
                           "directory onto itself before entering it") from e
        _mount("tmpfs", "/run", "tmpfs")
        for d in (MOUNT, "/run/sshd", "/run/lock", "/run/netns"):
            os.makedirs(d, mode=0o755, exist_ok=True)
        _mount(self.path, MOUNT, None, _MS_BIND)
        _mount("sysfs", "/sys", "sysfs")  # so that /sys/class/net is the scan namespace's
        subprocess.run(["ip", "netns", "attach", state["scan"], str(os.getpid())], check=True)
        subprocess.run(["ip", "netns", "add", state["tgt"]], check=True)

    @staticmethod
    def _own_resolver():
        resolv = os.path.realpath("/etc/resolv.conf")
        os.makedirs(os.path.dirname(resolv), exist_ok=True)
        if not os.path.exists(resolv):
            Path(resolv).touch()
        _mount(MOUNT / "etc" / "resolv.conf", resolv, None, _MS_BIND)

    @staticmethod
    def _init(say, state, bring_up):
        """PID 1 of the servers' PID namespace."""
        try:
            plain_process()
            _die_with_parent(signal.SIGKILL)
            bring_up(f"/run/netns/{state['tgt']}")
            os.write(say, b"ready")
            os.close(say)
            while True:
                pid, status = os.wait()
                print(f"process {pid} of the lab ended, status {status}", flush=True)
        except BaseException as e:
            traceback.print_exc()
            text = str(e) if isinstance(e, LabError) else f"{type(e).__name__}: {e}"
            os.write(say, text.encode()[:4000])
        finally:
            os._exit(1)

    @staticmethod
    def _wait_for_end(life, init):
        init_end = os.pidfd_open(init)
        watched = [life, init_end]
        while True:
            ready = select.select(watched, [], [])[0]
            if init_end in ready or os.read(life, 1) != b"d":
                return
            _die_with_parent(0)
            watched.remove(life)

    # -- joining

    def enter(self, where="scan"):
        """This process joins the lab's mounts and its `scan` or `tgt` network."""
        state = self.running()
        proc = f"/proc/{state['pid']}"
        net = f"{proc}/ns/net" if where == "scan" else f"{proc}/root/run/netns/{state['tgt']}"
        cwd = os.getcwd()
        root = os.open(f"{proc}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        mounts = os.open(f"{proc}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        join_netns(net)
        _call("setns", mounts, _CLONE_NEWNS)
        # Joining leads to the root of all mounts; the lab's root may be a chroot below it.
        os.fchdir(root)
        os.chroot(".")
        try:
            os.chdir(cwd)
        except OSError:
            os.chdir("/")
        os.close(root)
        os.close(mounts)

    def among_servers(self, work):
        """Run work(tgt) as a child of the lab's init, like its servers; LabError if it fails."""
        state = self.running()
        pid_ns = os.open(f"/proc/{state['init']}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.enter()
        _call("setns", pid_ns, _CLONE_NEWPID)
        said_r, said_w = os.pipe()
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.close(said_r)
            said = b"ready"
            try:
                plain_process()
                # Ended early it takes down what it started: work() sees an exception.
                _exit_once()
                _die_with_parent(signal.SIGTERM)
                self._to_log()
                work(f"/run/netns/{state['tgt']}")
            except BaseException as e:
                traceback.print_exc()
                said = f"{e or type(e).__name__}".encode()[:4000]
            finally:
                os.write(said_w, said)
                os._exit(0)
        os.close(said_w)
        try:
            with open(said_r, encoding="utf-8", errors="replace") as f:
                said = f.read()
        except KeyboardInterrupt:
            os.kill(child, signal.SIGTERM)
            raise
        finally:
            _reap(child)
        if said != "ready":
            raise LabError(said or "killed while it was starting servers")

    # -- ending

    def stop(self):
        """End the lab, whatever state it is in; nothing to do is fine."""
        state = self.state()
        if state is not None:
            try:
                keeper = os.pidfd_open(state["pid"])
            except ProcessLookupError:
                keeper = -1
            if keeper != -1:
                for sig, patience_s in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
                    try:
                        signal.pidfd_send_signal(keeper, sig)
                    except ProcessLookupError:
                        break
                    if select.select([keeper], [], [], patience_s)[0]:
                        break
                os.close(keeper)
        self.clean()

    def clean(self, whole=True):
        """Kill what still runs in the lab, then remove all of its files but the results;
        whole: also what marks the directory as a lab's.
        """
        for sig, patience_s in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
            end = time.monotonic() + patience_s
            while (left := self.processes()) and time.monotonic() < end:
                for pid in left:
                    try:
                        os.kill(pid, sig)
                    except ProcessLookupError:
                        pass
                time.sleep(0.05)
        if not (self.path / _MARKER).exists():
            return
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                if entry.name != _RESULTS:
                    shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _MARKER:
                entry.unlink(missing_ok=True)
        if not whole:
            return
        (self.path / _MARKER).unlink(missing_ok=True)
        try:
            self.path.rmdir()
        except OSError:
            pass  # results are in it
