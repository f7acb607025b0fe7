"""The processes that the runner starts, so that a signal ends all of them.

Each has a process group of its own: what a tool started ends with it. After
end_all() nothing more is started: a thread that wants to gets Ending.
"""
import os
import signal
import subprocess
import threading
import time

GRACE = 5                               # seconds between the request to end and the end


class Ending(Exception):
    """The runner was told to end."""


_lock = threading.Lock()
_live = set()
_ending = False


def start(argv, **how):
    with _lock:
        if _ending:
            raise Ending()
        p = subprocess.Popen(argv, start_new_session=True, **how)
        _live.add(p)
        return p


def forget(p):
    """p has ended and was waited for."""
    with _lock:
        _live.discard(p)


def signal_group(p, number):
    try:
        os.killpg(p.pid, number)
    except ProcessLookupError:
        pass


def end(p):
    """Ask the process and what it started to end; make it, after a while."""
    signal_group(p, signal.SIGTERM)
    try:
        p.wait(GRACE)
    except subprocess.TimeoutExpired:
        signal_group(p, signal.SIGKILL)
        p.wait()
    forget(p)


def run(argv, timeout=None, **how):
    """subprocess.run(), in a group that the time limit ends as a whole."""
    p = start(argv, **how)
    try:
        out, err = p.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        signal_group(p, signal.SIGKILL)
        try:
            p.communicate(timeout=5)
        except subprocess.TimeoutExpired:   # something that left the group holds the pipes
            pass
        raise
    finally:
        if p.poll() is not None:
            forget(p)
    return subprocess.CompletedProcess(argv, p.returncode, out, err)


def end_all():
    global _ending
    with _lock:
        _ending = True
        left = list(_live)
    for p in left:
        signal_group(p, signal.SIGTERM)
    until = time.monotonic() + GRACE
    while time.monotonic() < until and any(p.poll() is None for p in left):
        time.sleep(0.02)
    for p in left:
        if p.poll() is None:
            signal_group(p, signal.SIGKILL)
            p.wait()


class Told(BaseException):
    """Raised in the main thread by a signal that ends the runner."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def raise_on_signals():
    """SIGTERM, SIGINT and SIGHUP raise Told, unless whoever started us ignores them."""
    def handler(number, frame):
        for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(n, signal.SIG_IGN)
        raise Told(number)
    for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(n) != signal.SIG_IGN:
            signal.signal(n, handler)
