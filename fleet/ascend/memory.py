"""Device memory: allocations against a budget, and which part holds how much of it."""

from __future__ import annotations

from threading import Lock

from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.soc import MB
from fleet.core.geometry import align_up

ADDRESS_STEP = 128
"""Addresses are multiples of 128, the strictest of the rules (docs/chip.md#memory-address)."""


def allocation_bytes(size_bytes: int) -> int:
    """Return the memory that a size is rounded up to (docs/chip.md#memory-rounding)."""
    return align_up(size_bytes, 32) + 32


class Allocation:
    """A piece of device memory, which is held until it is freed."""

    __slots__ = ("_memory", "address", "bytes", "holder")

    def __init__(self, memory: Memory, holder: str, size_bytes: int, address: int) -> None:
        self._memory: Memory | None = memory
        self.holder = holder
        """The name of the part that holds it, for error messages."""
        self.bytes = size_bytes
        """Its share of the budget: the size that was asked for, rounded up."""
        self.address = address
        """Its begin in the simulated address space."""

    def __repr__(self) -> str:
        state = "held" if self._memory else "freed"
        return f"Allocation({self.holder}, {self.bytes} bytes, {state})"

    @property
    def is_held(self) -> bool:
        """Whether it is not freed yet."""
        return self._memory is not None

    def free(self) -> None:
        """Return the memory to the budget; a second call does nothing."""
        if self._memory is not None:
            self._memory._give_back(self)  # noqa: SLF001 - the two halves of one ledger
            self._memory = None


class Memory:
    """The memory of one device; only `allocate` and `free` change it, from any thread."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        """The memory that a program can use."""
        self.used_bytes = 0
        """The memory that is held now."""
        self.peak_bytes = 0
        """The largest `used_bytes` so far."""
        self.refusals = 0
        """How often memory was refused over the budget, whatever came of that."""
        self.leaked: dict[str, int] = {}
        """What was still held when the device was closed, in bytes by holder."""
        self._peak_by_holder: dict[str, int] = {}
        self._by_holder: dict[str, int] = {}
        self._next_address = ADDRESS_STEP
        self._closed = False
        self._lost: Code | None = None
        self._turn = Lock()

    def __repr__(self) -> str:
        return f"Memory({self.used_bytes} of {self.budget_bytes} bytes used)"

    def allocate(
        self,
        size_bytes: int,
        holder: str,
        full: Code = Code.ACL_ERROR_RT_MEMORY_ALLOCATION,
    ) -> Allocation:
        """Allocate memory for `holder`, as aclrtMalloc and acldvppMalloc do.

        It costs `size_bytes` rounded up to a multiple of 32, and 32 more
        (docs/chip.md#memory-rounding). Raises DeviceOutOfMemoryError over the budget, with the
        number `full` (207001 for everything but models), and DeviceError for sizes below 1 (100000)
        and on a closed device (107002).
        """
        if size_bytes < 1:
            raise_device_error(
                Code.ACL_ERROR_INVALID_PARAM,
                f"{holder} asks for {size_bytes} bytes.",
                "Ask for at least 1.",
                "docs/chip.md#memory-positive",
            )
        self.check_context(holder)
        cost = allocation_bytes(size_bytes)
        with self._turn:
            if self.used_bytes + cost > self.budget_bytes:
                self._refuse(cost, holder, full)
            self.used_bytes += cost
            self._by_holder[holder] = self._by_holder.get(holder, 0) + cost
            if self.used_bytes > self.peak_bytes:
                self.peak_bytes = self.used_bytes
                self._peak_by_holder = dict(self._by_holder)
            address = self._next_address
            self._next_address = align_up(address + cost, ADDRESS_STEP)
        return Allocation(self, holder, cost, address)

    def check_context(self, asker: object) -> None:
        """Raise DeviceError (107002) on a closed device; `asker`: what needs it open.

        Raises DeviceLostError on one that is gone.
        """
        if self._lost is not None:
            code, rule = self._lost, "docs/chip.md#codes-lost"
            raise_device_error(code, f"{asker}: the device is gone.", "Take another one.", rule)
        if self._closed:
            code, rule = Code.ACL_ERROR_RT_CONTEXT_NULL, "docs/chip.md#memory-context"
            raise_device_error(code, f"{asker}: the device is closed.", "Open one.", rule)

    def lose(self, code: Code) -> None:
        """Be gone: see `fleet.device.Device.lose`."""
        self._lost = code

    def is_foreign(self, held: object) -> bool:
        """Return whether something is held, and in the memory of another device."""
        return not isinstance(held, Allocation) or held._memory not in {None, self}  # noqa: SLF001

    def by_holder(self) -> dict[str, int]:
        """Return the bytes in use by holder, the largest first."""
        return _largest_first(self._by_holder)

    def peak_by_holder(self) -> dict[str, int]:
        """Return the bytes that were in use at the peak, by holder, the largest first."""
        return _largest_first(self._peak_by_holder)

    def close(self) -> None:
        """Refuse every further allocation, and note as `leaked` what is still held.

        Allocations that exist may still be freed, and stay noted.
        """
        if not self._closed:
            self.leaked = self.by_holder()
        self._closed = True

    def _give_back(self, allocation: Allocation) -> None:
        with self._turn:
            self.used_bytes -= allocation.bytes
            self._by_holder[allocation.holder] -= allocation.bytes

    def _refuse(self, cost: int, holder: str, full: Code) -> None:
        self.refusals += 1
        held = ", ".join(f"{name} {count / MB:.1f} MB" for name, count in self.by_holder().items())
        raise_device_error(
            full,
            f"{holder} asks for {cost / MB:.1f} MB of the device's {self.budget_bytes / MB:.0f} "
            f"MB, of which {self.used_bytes / MB:.1f} MB are held: {held or 'by nobody'}.",
            "Release pictures sooner, or open fewer channels and smaller models.",
            "docs/chip.md#memory-limit",
        )


def _largest_first(by_holder: dict[str, int]) -> dict[str, int]:
    held = {holder: count for holder, count in by_holder.items() if count}
    return dict(sorted(held.items(), key=lambda item: -item[1]))
