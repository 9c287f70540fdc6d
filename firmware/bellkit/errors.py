"""What can go wrong beside a bell, as a tree.

AnsimbellError (of bellgate)
└── KitError               one line: what is wrong, where, what to do
    ├── PortError          the cable or what hangs on it; .state names it, as `verdict` knows it
    ├── Refused            the bell said no; .code as in docs/port.md
    ├── FileError          what was brought cannot serve; .state names it
    └── GatewayError       the gateway does not answer, or says no
"""

from bellgate.errors import AnsimbellError


class KitError(AnsimbellError):
    """Something that the installer can put right."""


class PortError(KitError):
    """state: missing, busy, forbidden, pulled, silent or rom."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


class Refused(KitError):
    """The bell's answer was no. code: as in docs/port.md; answer: all of it."""

    def __init__(self, op: str, answer: dict[str, object]) -> None:
        self.op = op
        self.code = str(answer.get("code", "bug"))
        self.answer = answer
        self.text = str(answer.get("text", ""))
        super().__init__(f"the bell refuses {op} ({self.code}): {self.text or 'without a reason'}")


class FileError(KitError):
    """state: unreadable, mismatch, foreign, expired or forged."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


class GatewayError(KitError):
    """status: of the HTTP answer; None if there was none."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
