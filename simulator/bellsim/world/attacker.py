"""Somebody at the broker who replays, forges, floods. He has heard every message and knows no key."""

import random
from collections import deque
from collections.abc import Callable

HEARD_MAX = 2_000
FLOOD = 60


class Attacker:
    """speak(topic, payload, retained): what he says gets to the gateway, as if the broker's permissions had a hole;
    whisper(topic, payload): to a bell."""

    def __init__(
        self,
        chance: random.Random,
        speak: Callable[[str, bytes, bool], None],
        whisper: Callable[[str, bytes], None],
    ) -> None:
        self._chance, self._speak, self._whisper = chance, speak, whisper
        self._heard: deque[tuple[str, bytes]] = deque(maxlen=HEARD_MAX)
        self._answers: deque[tuple[str, bytes]] = deque(maxlen=HEARD_MAX)

    def overhears(self, topic: str, payload: bytes) -> None:
        """All that bells say, and all that they are told."""
        if topic.endswith("/up"):
            self._heard.append((topic, payload))
        elif topic.endswith("/down"):
            self._answers.append((topic, payload))

    def answer_again(self, topic: str) -> None:
        """This bell hears once more what it was told, the newest first."""
        for payload in [payload for at, payload in self._answers if at == topic][::-1]:
            self._whisper(topic, payload)

    def attack(self, how: str, topic: str) -> None:
        """topic: of the bell that he is after."""
        mine = [(at, payload) for at, payload in self._heard if at == topic]
        old = self._chance.choice(mine) if mine else (topic, b"{}\n" + b"0" * 64)
        if how == "replay":
            for at, payload in self._chance.sample(mine, min(len(mine), 8)):
                self._speak(at, payload, False)
        elif how == "replay_heartbeat":
            beats = [payload for _, payload in mine if b'"heartbeat"' in payload]
            for payload in beats[:5]:
                self._speak(topic, payload, False)
        elif how == "forge":
            self._speak(topic, old[1].replace(b'"seq":', b'"seq":9'), False)
            other = self._chance.choice(list(self._heard))[0] if self._heard else topic
            if other != topic:
                self._speak(other, old[1], False)
        elif how == "retained":
            self._speak(topic, old[1], True)
        elif how == "flood":
            for number in range(FLOOD):
                self._speak(f"bells/nowhere/x-{number}/up", old[1], False)
                self._speak(topic, b"%d" % number, False)
        elif how == "garble":
            data = bytearray(old[1])
            data[self._chance.randrange(len(data))] ^= 1 << self._chance.randrange(8)
            self._speak(topic, bytes(data), False)
