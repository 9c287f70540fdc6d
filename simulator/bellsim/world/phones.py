"""The targets: they answer, or late, or wrong, or not at all. They break; they never assert."""

import asyncio
import random
from collections.abc import Callable

from bellgate.errors import TargetError
from bellgate.store.deliveries import Delivery
from bellgate.targets.base import Sender

TIMEOUT_S = 5.0
ANSWERS_S = (0.02, 0.25)
MODES = ("slow", "late", "wrong", "away")


class Exchange:
    """What is wrong with each target now; got(name, delivery): a message arrived, whatever its sender knows of it."""

    def __init__(self, chance: random.Random, got: Callable[[str, Delivery], None]) -> None:
        self.chance, self.got = chance, got
        self.mode: dict[str, str] = {}
        self.failing: dict[str, float] = {}  # target -> since when it has taken nothing, in s of the loop


class Phone(Sender):
    """One target."""

    def __init__(self, name: str, exchange: Exchange) -> None:
        super().__init__(name, TIMEOUT_S)
        self._exchange = exchange

    async def send(self, delivery: Delivery) -> str | None:
        """As `Sender`."""
        try:
            said = await self._answer(delivery)
        except (TargetError, asyncio.CancelledError):
            self._exchange.failing.setdefault(self.name, asyncio.get_running_loop().time())
            raise
        self._exchange.failing.pop(self.name, None)
        return said

    async def _answer(self, delivery: Delivery) -> str:
        exchange = self._exchange
        mode = exchange.mode.get(self.name, "")
        if mode == "away":
            await asyncio.sleep(10 * TIMEOUT_S)
            raise TargetError("nobody answered")
        await asyncio.sleep(exchange.chance.uniform(*ANSWERS_S))
        if mode == "wrong":
            raise TargetError("HTTP 503")
        if mode == "slow":
            await asyncio.sleep(exchange.chance.uniform(1.0, 4.5))
        exchange.got(self.name, delivery)
        if mode == "late":
            await asyncio.sleep(2 * TIMEOUT_S)
        return "ok"
