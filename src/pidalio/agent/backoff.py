"""How long to wait before something that ended is started again."""

import random
from collections.abc import Callable


class Backoff:
    """Exponential delays with jitter; what ran long enough starts from the beginning.

    Each delay is `first_seconds` doubled once per failure in a row, at most `most_seconds`, times 0.5 to 1.
    """

    def __init__(
        self,
        *,
        first_seconds: float = 0.2,
        most_seconds: float = 30,
        lasting_seconds: float = 60,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.first_seconds, self.most_seconds, self.lasting_seconds = first_seconds, most_seconds, lasting_seconds
        self.failures = 0
        self._jitter = jitter

    def after(self, ran_seconds: float) -> float:
        """Return the seconds to wait after a run that lasted `ran_seconds`."""
        if ran_seconds >= self.lasting_seconds:
            self.failures = 0
        delay = min(self.most_seconds, self.first_seconds * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return delay * (0.5 + self._jitter() / 2)
