"""The account's limit of requests per second (contract 4.1)."""

import math
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """What a request finds: `wait_s` is 0 where it may pass, else the time until one may."""

    wait_s: float
    limit: int
    left: int


class RateLimiter:
    """A sliding window: in any second, never more requests pass than the limit allows.

    Stricter than a bucket, which lets twice its rate through in its first second, so that a
    client that bursts is found out. A refused request takes no room.
    """

    def __init__(self) -> None:
        self._passed_at: deque[float] = deque()

    def ask(self, now_s: float, *, rate_per_s: float, slack: int = 0) -> Room:
        """Let one request pass at `now_s` (monotonic), or tell how long to wait.

        A rate below 1 allows one request in 1/rate seconds. `slack` requests more may pass in
        a window: a network moves requests together that left one by one.
        """
        base = max(1, math.floor(rate_per_s))
        window_s = base / rate_per_s
        limit = base + slack
        while self._passed_at and self._passed_at[0] <= now_s - window_s:
            self._passed_at.popleft()
        if len(self._passed_at) >= limit:
            return Room(self._passed_at[-limit] + window_s - now_s, limit, 0)
        self._passed_at.append(now_s)
        return Room(0.0, limit, limit - len(self._passed_at))
