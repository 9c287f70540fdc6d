"""Plays what the node wants shown and heard: states of `indicator` in time, on a board."""

from bellnode import indicator


class Player:
    """board: now_ms(), light(rgb) and play(hz, strobe, siren). silent: of the whole bell."""

    def __init__(self, board, silent):
        self._board = board
        self._lamp = ("idle", silent, False)
        self._voice = ("idle", False)
        self._lamp_ms = self._voice_ms = 0  # since when

    def show(self, state, discreet, dim):
        """On the lamp. A rhythm goes on where only the brightness changed."""
        if state != self._lamp[0]:
            self._lamp_ms = self._board.now_ms()
        self._lamp = (state, discreet, dim)
        self.draw()

    def hear(self, state, still):
        """From sounder, strobe and siren; still: the strobe alone."""
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
