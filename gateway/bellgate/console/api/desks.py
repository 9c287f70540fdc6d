"""A console's watch: begun with a sound that a person hears, proved every few seconds, ended with nothing left open."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from bellgate.console.access import Access, Principal
from bellgate.console.api.answers import REFUSED
from bellgate.console.api.models import BeginWatch, HeardSound, Proof, Watch, Watches, WhichWatch
from bellgate.console.deps import Deps
from bellgate.core import attendance
from bellgate.core.attendance import Desk
from bellgate.pipeline.attendance import shown
from bellgate.store import areas, desks

# A station has a few; the list is for people.
SHOWN_MAX = 200


def add(api: APIRouter, deps: Deps, access: Access) -> None:
    """Every path under desks."""

    def proof(given: Proof) -> attendance.Proof:
        now_ms = deps.clock.now_ms()
        return attendance.Proof(given.heartbeat_ms, given.audio_ms, given.visible, now_ms - given.signed_ago_ms)

    def answer(desk: Desk, why: str = "") -> dict[str, Any]:
        return shown(desk, why) | {
            "proof_every_ms": attendance.PROOF_EVERY_MS,
            "sign_within_ms": deps.config.console.sign_within_min * 60_000,
        }

    @api.get("/desks", response_model=Watches)
    async def watches(principal: Annotated[Principal, Depends(access.to("read"))]) -> dict[str, Any]:
        """Who is at a console now, as far as it is proved."""
        going_on = await deps.store.read(desks.going_on)
        seen = [one for one in going_on if areas.overlap(one.areas, principal.areas)]
        return {"items": [shown(one) | {"desk": None} for one in seen[:SHOWN_MAX]]}

    @api.post("/desks/begin", response_model=Watch, responses=REFUSED)
    async def begin(
        given: BeginWatch, principal: Annotated[Principal, Depends(access.to("present"))]
    ) -> dict[str, Any]:
        """A person sits down. The watch counts once the sound was heard."""
        desk = await deps.pipeline.watch(lambda room: room.begin(principal.name, given.console, principal.areas))
        return answer(desk)

    @api.post("/desks/heard", response_model=Watch, responses=REFUSED)
    async def heard(
        given: HeardSound, principal: Annotated[Principal, Depends(access.to("present"))]
    ) -> dict[str, Any]:
        """What the person said of the alarm's sound."""
        said = attendance.Heard(given.heard, proof(given.proof))
        desk = await deps.pipeline.watch(lambda room: room.given(given.desk, principal.name, said))
        return answer(desk)

    @api.post("/desks/proof", response_model=Watch, responses=REFUSED)
    async def prove(given: Proof, principal: Annotated[Principal, Depends(access.to("present"))]) -> dict[str, Any]:
        """Every `proof_every_ms`. Without it for ten seconds the console counts as unattended."""
        desk, why = await deps.pipeline.watch(lambda room: room.proved(given.desk, principal.name, proof(given)))
        return answer(desk, why)

    @api.post("/desks/end", response_model=Watch, responses=REFUSED)
    async def end(given: WhichWatch, principal: Annotated[Principal, Depends(access.to("present"))]) -> dict[str, Any]:
        """The person goes. Refused (`not_allowed`) while an incident is open that nobody took, or that this person
        holds."""
        return answer(await deps.pipeline.watch(lambda room: room.end(given.desk, principal.name)))
