"""Faults on purpose, at one packet of one video: for tests, and for trying out what a run survives.

Nothing of this is there in a run unless its `WorkerSpec` says so.
"""

from __future__ import annotations

import os
import resource
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

from fleet.ascend.codes import Code

Kind = Literal["exit", "spin", "memory", "raise", "lose"]
_STEP_BYTES = 64 << 20


@dataclass(frozen=True)
class Injection:
    """What happens when a worker is about to decode the packet with this pts.

    `exit`: the process ends at once, as in a crash. `spin`: it never comes back, and holds the
    GIL, as a loop in a C library may. `memory`: it takes all the memory that it is allowed.
    `raise`: an error that nobody expects. `lose`: the link to the device is closed.
    """

    kind: Kind
    uri: str
    pts: int

    def trigger(self, lose: Callable[[Code], None]) -> None:
        """Do it; `lose`: has the device be gone.

        Raises RuntimeError for `memory` where nothing limits the process, to save the machine.
        """
        if self.kind == "exit":
            os._exit(70)
        elif self.kind == "spin":
            deque(repeat(0), maxlen=0)
        elif self.kind == "memory":
            _take_all_memory()
        elif self.kind == "lose":
            lose(Code.ACL_ERROR_RT_SOCKET_CLOSE)
        else:
            raise ArithmeticError("an injected error")


def _take_all_memory() -> None:
    if resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY:
        raise RuntimeError("nothing limits this process's memory")
    taken = []
    while True:
        taken.append(bytearray(_STEP_BYTES))
