"""How far a long call is: a bar where `tqdm` is installed, a line otherwise, nothing if nothing is wanted."""

from __future__ import annotations

import sys
import time
from typing import Any

#: Seconds after which a stage leaves a line behind.
_WORTH_A_LINE = 1.0


class Progress:
    """Shows one stage after the other. `update` starts a stage when its name changes."""

    def __init__(self, shown: bool) -> None:
        self._shown = shown
        self._what = ""
        self._bar: Any = None
        self._started = 0.0
        self._done = 0
        self._total = 0

    def update(self, what: str, done: int, total: int) -> None:
        """`done` of `total` units of `what` are done; a total of 0 is not known."""
        if not self._shown:
            return
        # Stages of a compilation may share a name; their lengths tell them apart.
        if what != self._what or total != self._total:
            self.close()
            self._what, self._started, self._bar = what, time.monotonic(), _bar(what, total)
        self._done, self._total = done, total
        if self._bar is not None:
            self._bar.total = total or None
            self._bar.n = done
            self._bar.refresh()
        elif sys.stderr.isatty():
            print(f"\r{self._line()}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Ends the stage that is shown."""
        if self._bar is not None:
            self._bar.close()
        elif self._what:
            seconds, start = time.monotonic() - self._started, "\r" if sys.stderr.isatty() else ""
            # What took no time is not worth a line.
            if seconds >= _WORTH_A_LINE:
                print(f"{start}{self._line()}, {seconds:.1f} s", file=sys.stderr, flush=True)
            elif start:
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        self._what, self._bar = "", None

    def _line(self) -> str:
        count = f" {self._done}" + (f" of {self._total}" if self._total else "") if self._done or self._total else ""
        return f"neurocuda: {self._what}{count}"

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _bar(what: str, total: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(desc=what, total=total or None, leave=False)
