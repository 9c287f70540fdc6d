"""gateway.toml's sections about what is kept: [audit], [backup], [retention]."""

from typing import Annotated

from pydantic import Field

from bellgate.config_values import Section

Folder = Annotated[str, Field(min_length=1)]
# 0: for ever. A hundred years is a typing mistake.
Days = Annotated[int, Field(ge=0, le=36_500)]


class AuditSection(Section):
    """[audit]"""

    checkpoints: Folder = "checkpoints"
    # A line is 0.9 kB: every five minutes at most 8 MB a month. Less than a minute would only wear a card.
    checkpoint_s: Annotated[int, Field(ge=60, le=86_400)] = 300


class BackupSection(Section):
    """[backup]"""

    folder: Folder = "backups"
    every_s: Annotated[int, Field(ge=300, le=604_800)] = 3_600
    keep_hourly: Annotated[int, Field(ge=1, le=1_000)] = 24
    keep_daily: Annotated[int, Field(ge=0, le=1_000)] = 14


class RetentionSection(Section):
    """[retention]: after so many days; 0 keeps for ever."""

    incidents_days: Days = 0
    tests_days: Days = 90
    deliveries_days: Days = 90
    troubles_days: Days = 365
    refusals_days: Days = 365
