"""Which signals belong to one incident, before anybody has looked at them.

By bell, always. A home is one place with one family: what its home set and its pendants say belongs together, so
they fold by site, but only where the site is one home. A shop's bells stay apart: two counters are two cases until a
person merges them.
"""

HOME_KINDS = ("home-set", "pendant")


def folds_by(bell_id: str, site: str, kind: str, home_sets: int) -> str:
    """The key under which at most one incident is open: "bell/b-7f3a" or "home/seongsu-012".

    home_sets: how many active home sets hang at the site. With none or several the site is not one home (a dormitory,
    an apartment house), and a press must not disappear in a neighbour's case.
    """
    if kind in HOME_KINDS and home_sets == 1:
        return f"home/{site}"
    return f"bell/{bell_id}"
