"""Plays what the node wants shown and heard: states of `indicator` in time, on a board."""

from bellnode import indicator
from bellnode.loan import seldom

BY_HAND_MS = 5000  # an output that an installer tries: long enough to look up from the laptop, short for the neighbours
BY_HAND_HZ = 2000
BY_HAND_RGB = (255, 255, 255)


class Player:
    """board: now_ms(), light(rgb) and play(hz, strobe, siren). silent: of the whole bell."""

    def __init__(self, board, silent):
        self._board = board
        self._lamp = ("idle", silent, False)
        self._voice = ("idle", False)
        self._lamp_ms = self._voice_ms = 0  # since when
        self._by_hand = None  # (until_ms, rgb, (Hz, strobe, siren)) while an output is tried

    def show(self, state, discreet, dim):
        """On the lamp. A rhythm goes on where only the brightness changed."""
        self._by_hand = None  # what the bell has to say comes before what somebody tries
        if state != self._lamp[0]:
            self._lamp_ms = self._board.now_ms()
        self._lamp = (state, discreet, dim)
        self.draw()

    def hear(self, state, still):
        """From sounder, strobe and siren; still: the strobe alone."""
        self._by_hand = None
        if state != self._voice[0]:
            self._voice_ms = self._board.now_ms()
        self._voice = (state, still)
        self.draw()

    def dark(self):
        """True if the lamp shows nothing."""
        return self._lamp[0] == "idle"

    def draw(self):
        """What has to be seen and heard now; ms until that changes, or None."""
        now_ms = self._board.now_ms()
        if self._by_hand is not None:
            until_ms, rgb, sounding = self._by_hand
            if now_ms < until_ms:
                self._board.light(rgb)
                self._board.play(*sounding)
                return until_ms - now_ms
            self._by_hand = None
        state, discreet, dim = self._lamp
        rgb, left_ms = indicator.colour(state, discreet, now_ms - self._lamp_ms, dim)
        self._board.light(rgb)
        state, still = self._voice
        hz, strobe, siren, heard_ms = indicator.sound(state, now_ms - self._voice_ms)
        if still:
            hz = siren = 0
        self._board.play(hz, strobe, siren)
        if left_ms is None or heard_ms is None:
            return heard_ms if left_ms is None else left_ms
        return min(left_ms, heard_ms)

    @seldom("cable")
    def by_hand(self, name, on):
        """Try one output for BY_HAND_MS: "lamp", "sounder", "strobe" or "siren"; on: or end the trial."""
        self._by_hand = None
        if on:
            rgb = BY_HAND_RGB if name == "lamp" else (0, 0, 0)
            sounding = (BY_HAND_HZ if name == "sounder" else 0, int(name == "strobe"), int(name == "siren"))
            self._by_hand = (self._board.now_ms() + BY_HAND_MS, rgb, sounding)
        self.draw()
