"""Taking from a process what it has no use for: files, the network, other processes.

The kernel does it in three ways, and each may be missing: an empty network namespace; Landlock,
which denies files and, from newer kernels on, addresses and signals; a filter of system calls
(seccomp). Together they leave a process what it has open and its memory. None can be undone.

It is done by ctypes: the libraries for it on PyPI are not kept up, or need another library.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from pathlib import Path

NETWORK, FILES = "the network", "files and other processes"
"""What may be left to a process where the kernel does not let us take it away."""
_SET_NO_NEW_PRIVS, _SET_SECCOMP, _FILTER = 38, 22, 2
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
# Landlock's system calls have the same numbers everywhere.
_CREATE_RULESET, _RESTRICT_SELF, _VERSION_FLAG = 444, 446, 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""By Landlock's version: how many kinds of access to files there are, a bit each; 16 since 5."""
_TCP, _SIGNALS_AND_SOCKETS = 0b11, 0b11

# Opening files and running programs; looking into other processes and signalling them; sockets;
# and what would do all of this in another way. A pipe to the parent is open already.
_DENIED = {
    "x86_64": (
        0xC000003E,
        (2, 59, 85, 257, 304, 322, 437),
        (62, 101, 129, 200, 234, 297, 310, 311, 424, 434, 438),
        (41, 42, 43, 44, 46, 49, 50, 53, 288, 307),
        (155, 161, 165, 166, 248, 249, 250, 272, 298, 308, 321, 323, 425, 426, 427),
    ),
    "aarch64": (
        0xC00000B7,
        (56, 221, 265, 281, 437),
        (117, 129, 130, 131, 138, 240, 270, 271, 424, 434, 438),
        (198, 199, 200, 201, 202, 203, 206, 211, 242, 269),
        (39, 40, 41, 51, 97, 217, 218, 219, 241, 268, 280, 282, 425, 426, 427),
    ),
}
"""By machine: the kernel's number for it, and the numbers of system calls that are denied."""
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM
_OTHER_ABI = 0x40000000
"""Numbers from here on are those of x32, the same calls by other numbers."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def confine() -> tuple[str, ...]:
    """Confine this process for good; return what of NETWORK and FILES could not be taken away.

    It must have imported whatever it needs, and has to have one thread: others, that libraries may
    have started, would stay as they are.
    """
    if _threads() != 1 or _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return NETWORK, FILES
    has_no_network = _leave_network()
    has_no_files = _deny_files()
    is_filtered = _filter_calls()
    left = ((NETWORK, has_no_network), (FILES, has_no_files))
    return tuple(what for what, is_gone in left if not (is_gone or is_filtered))


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _leave_network() -> bool:
    """Go where there is no network; who is not root gets a namespace for users first."""
    return any(_libc.unshare(flags) == 0 for flags in (_NEW_NET, _NEW_USER | _NEW_NET))


def _deny_files() -> bool:
    """Deny every access to files by path, and to processes outside, by Landlock."""
    version = _libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    if version < 1:
        return False
    rights = (1 << _FILE_RIGHTS.get(version, 16)) - 1
    parts = [rights, _TCP, _SIGNALS_AND_SOCKETS][: 1 + (version >= 4) + (version >= 6)]
    attributes = struct.pack(f"={len(parts)}Q", *parts)
    rules = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return False
    try:
        return bool(_libc.syscall(_RESTRICT_SELF, rules, 0) == 0)
    finally:
        os.close(rules)


def _filter_calls() -> bool:
    """Have the kernel answer the denied system calls with EPERM."""
    machine = platform.machine()
    if machine not in _DENIED:
        return False
    instructions = _instructions(*_DENIED[machine])
    program = _Program(len(instructions) // 8, instructions)
    return bool(_libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)


def _instructions(arch: int, *denied: tuple[int, ...]) -> bytes:
    """Return a program for the kernel's packet filter: it refuses some numbers, allows others."""
    numbers = [number for kind in denied for number in kind]
    tests = [(_AT_LEAST, _OTHER_ABI), *((_EQUAL, number) for number in numbers)]
    # A jump skips as many steps: those of the tests that follow, and the one that allows.
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 0, len(tests) + 2, arch), (_LOAD, 0, 0, 0)]
    for place, (test, number) in enumerate(tests):
        steps.append((test, len(tests) - place, 0, number))
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
