"""What one bug is that is put in on purpose."""

from dataclasses import dataclass

from patched import Patch


@dataclass(frozen=True)
class Bug:
    """story: what somebody in a hurry would have done. breaks: the properties of `bellsim.world.checker` of which one
    at least must be seen broken."""

    name: str
    story: str
    breaks: tuple[str, ...]
    patches: tuple[Patch, ...]

    @property
    def where(self) -> str:
        """The modules that it is in."""
        return ", ".join(dict.fromkeys(patch.module for patch in self.patches))
