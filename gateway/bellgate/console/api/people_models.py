"""The shapes of requests and answers about people. Times are Unix ms on the gateway's clock."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from bellgate.console.api.models import Given
from bellgate.store.areas import AREAS_MAX
from bellgate.store.passkeys import LABEL_MAX_CHARS
from bellgate.store.people import NAME_MAX_CHARS, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS
from bellgate.store.second_factor import CODE_MAX_CHARS

Role = Literal["dispatcher", "supervisor", "control-centre", "installer", "owner", "auditor", "administrator"]
OperatorName = Annotated[str, StringConstraints(min_length=1, max_length=NAME_MAX_CHARS)]
Area = Annotated[str, StringConstraints(pattern=r"^([a-z0-9-]{1,32}\*?|\*)$")]
AreaList = Annotated[list[Area], Field(max_length=AREAS_MAX, description='Sites; "seongsu-*" among them. None: all.')]
OldPassword = Annotated[str, StringConstraints(max_length=PASSWORD_MAX_CHARS)]
NewPassword = Annotated[str, StringConstraints(min_length=PASSWORD_MIN_CHARS, max_length=PASSWORD_MAX_CHARS)]


class Person(BaseModel):
    """Somebody who may sign in. disabled_ms: since when not any more."""

    name: str
    role: str
    areas: list[str]
    created_ms: int
    signed_in_ms: int | None
    disabled_ms: int | None
    password_due: bool = Field(description="The password was given by somebody else; the next sign-in changes it.")
    totp: bool = Field(description="The codes of an authenticator are asked for.")
    passkeys: int
    sessions: int


class People(BaseModel):
    """Every operator whom this person may see, by name."""

    items: list[Person]


class OneTime(BaseModel):
    """A password that is told once and has to be changed at the next sign-in."""

    person: Person
    password: str


class Named(Given):
    """Whom it is about."""

    name: OperatorName


class NewPerson(Named):
    """Somebody new, or what somebody is from now on."""

    role: Role
    areas: AreaList = Field(default_factory=list)


class Passkey(BaseModel):
    """One passkey of a person."""

    id: str
    label: str
    created_ms: int
    used_ms: int | None


class OwnSession(BaseModel):
    """One signed-in browser. current: the one that asks."""

    id: str
    address: str
    agent: str = Field(description="What the browser calls itself.")
    created_ms: int
    last_used_ms: int
    current: bool


class Profile(BaseModel):
    """Whoever asks."""

    name: str
    role: str
    areas: list[str]
    created_ms: int
    totp: bool
    passkeys: list[Passkey]
    sessions: list[OwnSession]


class Renewed(Profile):
    """After a change of how one signs in: the session goes on under a new secret, which is in the cookie."""


class PasswordChange(Given):
    """The own password."""

    old: OldPassword
    new: NewPassword


class Confirmed(Given):
    """The own password once more, before something that a thief of the session would like to do."""

    password: OldPassword


class Secret(BaseModel):
    """For an authenticator; counts only once a code of it was shown."""

    secret: str = Field(description="base32")
    uri: str = Field(description="otpauth://…; as a picture: GET profile/authenticator.svg")


class Code(Given):
    """What the authenticator shows."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=CODE_MAX_CHARS)]


class Challenge(BaseModel):
    """id: to be sent back with the answer. options: for navigator.credentials.create, in its JSON form."""

    id: str
    options: dict[str, Any]


class NewPasskey(Given):
    """What the browser answered."""

    id: Annotated[str, StringConstraints(max_length=64)]
    label: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LABEL_MAX_CHARS)]
    credential: dict[str, Any]


class RemovedPasskey(Confirmed):
    """Which one."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class EndedSession(Given):
    """id null: every other one."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
