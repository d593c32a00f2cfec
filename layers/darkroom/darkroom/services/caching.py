"""A value kept in memory between invocations, reloaded when it is too old."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class CachedValue[T]:
    """The last loaded value, reloaded at `max_age_seconds`.

    `load` receives the last value and returns the next one, or None if there is none. If it raises one of
    `faults`, the exception goes to `report` and is kept in `fault`, and the last value stays valid until
    it is `hold_seconds` old. Without a value, the next load is due after `retry_seconds`.
    """

    load: Callable[[T | None], T | None]
    faults: tuple[type[Exception], ...]
    report: Callable[[Exception], None]
    max_age_seconds: float
    retry_seconds: float = 0
    hold_seconds: float | None = None
    clock: Callable[[], float] = time.time  # a monotonic clock may stop while Lambda freezes the process

    fault: Exception | None = field(default=None, init=False)
    _value: T | None = field(default=None, init=False)
    _loaded_at: float = field(default=float("-inf"), init=False)
    _tried_at: float = field(default=float("-inf"), init=False)

    def get(self, max_age_seconds: float | None = None) -> T | None:
        """Returns the value, reloaded if it is too old; None if there is none."""
        now = self.clock()
        max_age = self.max_age_seconds if max_age_seconds is None else max_age_seconds
        if not _is_younger(now - self._tried_at, self.retry_seconds if self._value is None else max_age):
            self._reload(now)
        held = self.hold_seconds is None or _is_younger(now - self._loaded_at, self.hold_seconds)
        return self._value if held else None

    def _reload(self, now: float) -> None:
        self._tried_at = now
        self.fault = None
        try:
            self._value = self.load(self._value)
        except self.faults as fault:
            self.fault = fault
            self.report(fault)
        else:
            self._loaded_at = now


def _is_younger(age: float, max_age: float) -> bool:
    return 0 <= age < max_age  # a negative age: the clock was set back
