"""What a live network leaves behind, and its removal by name.

A run writes down every bridge, interface and process before or as it makes it. The same removal
serves the orderly end and the next start after a crash. A lock file held for the life of the run
tells a live run from a dead one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass, field
from typing import IO, Any

STATE_DIR = "/run/qbackbone"
SETTING = "max-revalidator"


@dataclass
class State:
    """What one run has made.

    Attributes
    ----------
    prefix : str
    pid : int
        Process id of the run.
    bridges, interfaces : list of str
        Names in the root namespace.
    processes : list of [process id, start time in clock ticks since boot]
        The start time keeps a recycled process id from being taken for ours.
    """

    prefix: str
    pid: int
    bridges: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    processes: list[list[int]] = field(default_factory=list)


class Claim:
    """The right to make the network of a prefix; a second run of that prefix is refused.

    Raises
    ------
    RuntimeError
        A run of the prefix is alive.
    """

    def __init__(self, prefix: str) -> None:
        os.makedirs(STATE_DIR, exist_ok=True)
        self.path = os.path.join(STATE_DIR, f"{prefix or 'default'}.json")
        self.state = State(prefix, os.getpid())
        while True:
            self.lock: IO[str] = open(self.path + ".lock", "a+")  # noqa: SIM115
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.lock.close()
                raise RuntimeError(
                    f"a network with prefix {prefix!r} is running (process {self._other_pid()}); "
                    "choose another --prefix or end it"
                ) from None
            if _same_file(self.lock, self.path + ".lock"):
                return
            # A run that ended at this moment has removed the file that we locked.
            self.lock.close()

    def _other_pid(self) -> str:
        old = read_state(self.path)
        return str(old.pid) if old else "unknown"

    def clean_old(self) -> State | None:
        """Remove what a dead run of this prefix left; return what that was."""
        old = read_state(self.path)
        if old is not None:
            remove(old)
            os.unlink(self.path)
        release_setting(dead_only=True)
        return old

    def save(self) -> None:
        """Write the state down, whole or not at all."""
        temporary = self.path + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(asdict(self.state), file)
        os.replace(temporary, self.path)

    def add_process(self, pid: int) -> None:
        """Note a process that this run started."""
        self.state.processes.append([pid, start_time(pid) or 0])

    def end(self) -> None:
        """Remove everything and give the prefix free."""
        remove(self.state)
        for path in (self.path, self.path + ".lock"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.lock.close()


def _same_file(file: IO[str], path: str) -> bool:
    """Whether an open file is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def read_state(path: str) -> State | None:
    """State of a run, None where there is none or it is damaged."""
    try:
        with open(path, encoding="utf-8") as file:
            return State(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None


def start_time(pid: int) -> int | None:
    """Start of a process in clock ticks since boot, None where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def taken(bridges: list[str], interfaces: list[str]) -> list[str]:
    """Names among these that exist already, as bridges or as interfaces."""
    listed = subprocess.run(["ovs-vsctl", "list-br"], capture_output=True, text=True, check=False)
    present = set(listed.stdout.split())
    return [name for name in bridges if name in present] + [
        name for name in interfaces if os.path.exists(f"/sys/class/net/{name}")
    ]


def remove(state: State) -> None:
    """Remove bridges, interfaces and processes of a run; what is gone already is no fault."""
    argv = ["ovs-vsctl", "--timeout=60"]
    for bridge in state.bridges:
        argv += ["--", "--if-exists", "del-br", bridge]
    deleting = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _remove_interfaces(state)
    deleting.wait()
    for bridge in state.bridges:
        # The switch's own device, should Open vSwitch be down.
        if os.path.exists(f"/sys/class/net/{bridge}"):
            subprocess.run(
                ["ip", "link", "delete", "dev", bridge], capture_output=True, check=False
            )
    end_processes(state.processes)


def _remove_interfaces(state: State) -> None:
    """Remove interfaces; one end of each veth is enough, the other goes with it."""
    names = [name for name in state.interfaces if os.path.exists(f"/sys/class/net/{name}")]
    if not names:
        return
    # Deleting them as a group takes one grace period of the kernel in place of one each.
    lines = "".join(f"link set dev {name} group {state.pid}\n" for name in names)
    for argv, text in (
        (["ip", "-force", "-batch", "-"], lines),
        (["ip", "link", "delete", "group", str(state.pid)], ""),
    ):
        subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    left = [name for name in names if os.path.exists(f"/sys/class/net/{name}")]
    lines = "".join(f"link delete dev {name}\n" for name in left)
    subprocess.run(
        ["ip", "-force", "-batch", "-"], input=lines, capture_output=True, text=True, check=False
    )


def end_processes(processes: list[list[int]], patience_s: float = 2.0) -> None:
    """End processes by id, those only that still are the ones that were started."""
    for kind in (signal.SIGHUP, signal.SIGKILL):
        alive = [pid for pid, started in processes if started and start_time(pid) == started]
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, kind)
        deadline = time.monotonic() + patience_s
        while alive and time.monotonic() < deadline:
            alive = [pid for pid in alive if not _gone(pid)]
            if alive:
                time.sleep(0.01)
        if not alive:
            return


def _gone(pid: int) -> bool:
    """Whether a process has ended; our own children are collected on the way."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return start_time(pid) is None


def hold_setting(value_ms: int) -> None:
    """Let Open vSwitch refresh flow and group counters every ``value_ms`` while networks run.

    The value is the machine's, not a bridge's: the first run notes what was there, the last one
    to end puts it back.
    """
    with _Shared() as shared:
        if not shared.data["users"]:
            before = _vsctl("--if-exists", "get", "Open_vSwitch", ".", f"other_config:{SETTING}")
            shared.data.setdefault("before", before.strip('"'))
        pid = os.getpid()
        shared.data["users"].append([pid, start_time(pid)])
        _vsctl("set", "Open_vSwitch", ".", f"other_config:{SETTING}={value_ms}")


def release_setting(dead_only: bool = False) -> None:
    """Put the setting back unless another live run needs it."""
    with _Shared() as shared:
        if not dead_only:
            users = shared.data["users"]
            shared.data["users"] = [user for user in users if user[0] != os.getpid()]
        if shared.data["users"] or "before" not in shared.data:
            return
        before = shared.data.pop("before")
        if before:
            _vsctl("set", "Open_vSwitch", ".", f"other_config:{SETTING}={before}")
        else:
            _vsctl("remove", "Open_vSwitch", ".", "other_config", SETTING)


def _vsctl(*arguments: str) -> str:
    argv = ["ovs-vsctl", "--timeout=10", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


class _Shared:
    """The file of machine-wide settings, locked while it is open."""

    def __enter__(self) -> _Shared:
        os.makedirs(STATE_DIR, exist_ok=True)
        self.file = open(os.path.join(STATE_DIR, "open-vswitch.settings"), "a+")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.file.seek(0)
        try:
            self.data: dict[str, Any] = json.loads(self.file.read())
        except ValueError:
            self.data = {}
        users = self.data.get("users", [])
        self.data["users"] = [user for user in users if start_time(user[0]) == user[1]]
        return self

    def __exit__(self, *_: object) -> None:
        self.file.seek(0)
        self.file.truncate()
        json.dump(self.data, self.file)
        self.file.close()
