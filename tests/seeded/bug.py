"""What one bug is that is put in on purpose."""

from dataclasses import dataclass

from patched import Patch


@dataclass(frozen=True)
class Bug:
    """story: what somebody in a hurry would have done. breaks: the properties of `bellsim.world.checker` of which one
    at least must be seen broken. needs: kinds of happenings, "this|or that", without each of which the code in question
    does not run at all: a world that has none of them is counted, and not played."""

    name: str
    story: str
    breaks: tuple[str, ...]
    patches: tuple[Patch, ...]
    needs: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The modules that it is in."""
        return ", ".join(dict.fromkeys(patch.module for patch in self.patches))
