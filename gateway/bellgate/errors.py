"""Every error that a person may see, as one tree.

    AnsimbellError            text says what is wrong, where, and what to do; the programs print it without traceback
    ├── ConfigError           gateway.toml: a wrong key or value
    ├── StoreError            the database cannot be used
    │   ├── NewerDatabase     written by a newer version of this program
    │   ├── DamagedDatabase   failed its integrity check; set aside, never deleted
    │   ├── DiskFault         the disk is full, read-only or reports errors: starting again would not help
    │   └── StoreBusy         the bounded queue of the writer is full, or a deadline passed
    ├── BrokerError           the broker cannot be started or reached
    ├── EnrolmentError        an enrolment file or request is wrong
    ├── RecordError           a signature, an export or a backup does not fit what it should
    ├── TargetError           one delivery failed; says why; retried
    │   ├── TargetRefused     the receiver will never take this message; not retried
    │   └── TargetWaits       an earlier message has to arrive first; asked again, and no fault of the target
    ├── StalePlace            where a bell hangs, or whose it is, has changed since somebody looked at it
    └── CommandRefused        a person's command on an incident was not carried out
        ├── UnknownIncident   there is none with that number
        ├── StaleVersion      the incident has changed since it was read
        └── NotAllowed        the table has no such transition from here, or it is somebody else's

`bellwire.WireError` stands apart: a peer sent rubbish; it is counted and refused, and stops nothing.
"""


class AnsimbellError(Exception):
    """Something a person can put right; str() says what, where and how."""


class ConfigError(AnsimbellError):
    """gateway.toml holds a key or a value that cannot be used."""


class StoreError(AnsimbellError):
    """The database cannot be used."""


class NewerDatabase(StoreError):
    """The database was written by a newer version of this program."""


class DamagedDatabase(StoreError):
    """The database failed its integrity check and was set aside."""


class DiskFault(StoreError):
    """The disk is full, read-only, or reports errors."""


class StoreBusy(StoreError):
    """The writer's queue is full, or it did not answer in time."""


class BrokerError(AnsimbellError):
    """The MQTT broker cannot be started or reached."""


class EnrolmentError(AnsimbellError):
    """An enrolment request or file is wrong."""


class RecordError(AnsimbellError):
    """A signature, an export or a backup is not what it says it is."""


class TargetError(AnsimbellError):
    """One delivery to a target failed; it will be tried again."""


class TargetRefused(TargetError):
    """The receiver will never take this message: trying again would change nothing."""


class TargetWaits(TargetError):
    """Another message has to arrive before this one; nothing was sent."""


class StalePlace(AnsimbellError):
    """Where a bell hangs, or whose it is, has changed since somebody looked at it; nothing was changed."""


class CommandRefused(AnsimbellError):
    """A command on an incident was refused and changed nothing."""


class UnknownIncident(CommandRefused):
    """There is no incident with that number."""


class StaleVersion(CommandRefused):
    """The incident has changed since the version that the command names."""


class NotAllowed(CommandRefused):
    """The incident's table has no such transition from its present state, or somebody else holds it."""
