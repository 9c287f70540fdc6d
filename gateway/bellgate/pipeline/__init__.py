"""What arrives, and what people command: each is one transaction, and the answers go out after the commit.

flow       `Pipeline`: takes messages, commands and due rows; hands the answers out; tries again when the disk fails
intake     one message: verify, refuse or keep, and answer
carry      the effects of the cores, carried out inside the transaction
press_tests  tests that somebody began at a console
news       live events, told to the other gateways on the database
emergency  the disk takes nothing: alarms are told from memory
outbox     who is told, and the exact bytes
settings   what of gateway.toml matters here; `After`: what waits for the commit
"""

from bellgate.pipeline.flow import Pipeline
from bellgate.pipeline.settings import Inbound

__all__ = ("Inbound", "Pipeline")
