"""Bugs of the gateway, put in on purpose."""

from bug import Bug
from patched import Patch

KILLS = "gateway_kill|kill_before_commit|kill_after_commit|kill_at_turn"
PHONES = "phone_wrong|phone_away|phone_late"

RECEIPTS = (
    Bug(
        "receipt_before_commit",
        "The receipt leaves as soon as the row is written, and the commit comes after it.",
        ("vanished",),
        (
            Patch(
                "bellgate.pipeline.flow",
                "        news.tell(tx, carrier.after.events)\n        return carrier.after\n\n    def _taken(",
                "        news.tell(tx, carrier.after.events)\n"
                "        for receipt in carrier.after.receipts:\n"
                "            self._send(*receipt.packed())\n"
                "        carrier.after.receipts.clear()\n"
                "        return carrier.after\n\n    def _taken(",
            ),
        ),
    ),
    Bug(
        "duplicate_by_time",
        "A press like the one ten seconds before it is taken for its resend.",
        ("lost", "vanished"),
        (
            Patch(
                "bellgate.pipeline.intake",
                "    number = signals.insert(tx, signal, before.id if before else None)\n"
                "    if number is None:\n"
                "        stage = signals.stage(tx, bell.bell_id, signal.boot, signal.seq)\n",
                "    like = tx.one(\n"
                "        'SELECT stage FROM signal WHERE bell_id = ? AND what = ? AND state = ? AND received_ms > ?',\n"
                "        (bell.bell_id, signal.what, signal.state, signal.received_ms - 10_000),\n"
                "    )\n"
                "    number = None if like else signals.insert(tx, signal, before.id if before else None)\n"
                "    if number is None:\n"
                "        stage = like['stage'] if like else signals.stage(tx, bell.bell_id, signal.boot, signal.seq)\n",
            ),
        ),
    ),
    Bug(
        "read_then_insert",
        "Is it known? asked of a reader, and then inserted; the table has no UNIQUE, because the question was asked.",
        ("doubled",),
        (
            Patch(
                "bellgate.store.migrate",
                'entry.read_text(encoding="utf-8")',
                'entry.read_text(encoding="utf-8").replace(",\\n    UNIQUE (bell_id, boot, seq)", "")',
            ),
            Patch(
                "bellgate.store.signals",
                "    moment = signal.occurred\n    row = tx.one(\n",
                "    moment = signal.occurred\n"
                "    reader = _reader(tx.all('PRAGMA database_list')[0]['file'])\n"
                "    sql = 'SELECT 1 FROM signal WHERE bell_id = ? AND boot = ? AND seq = ?'\n"
                "    known = reader.execute(sql, (signal.bell_id, signal.boot, signal.seq)).fetchall()\n"
                "    row = None if known else tx.one(\n",
            ),
            Patch(
                "bellgate.store.signals",
                "BOOTS_MAX = 4\n",
                "import functools\nimport sqlite3\n\n_reader = functools.lru_cache(1)(sqlite3.connect)\n"
                "BOOTS_MAX = 4\n",
            ),
            Patch(
                "bellgate.store.signals",
                '        "ON CONFLICT (bell_id, boot, seq) DO NOTHING RETURNING id",\n',
                '        "RETURNING id",\n',
            ),
        ),
    ),
    Bug(
        "duplicate_unanswered",
        "A duplicate is dropped without a receipt: it was answered the first time.",
        ("undelivered", "held_back"),
        (
            Patch(
                "bellgate.pipeline.intake",
                "        carrier.receipt(bell, signal.boot, signal.seq, stage)\n        carrier.after.counts.append",
                "        carrier.after.counts.append",
            ),
        ),
    ),
    Bug(
        "stage_may_fall",
        "The stage of a signal is set to whatever was reached last.",
        ("stage_fell",),
        (
            Patch(
                "bellgate.store.signals",
                "    lower = STAGES[: STAGES.index(stage)]\n",
                "    lower = tuple(one for one in STAGES if one != stage)\n",
            ),
        ),
    ),
    Bug(
        "shown_is_acknowledged",
        "What stands on a screen is told to the bell as acknowledged.",
        ("nobody_acted",),
        (
            Patch(
                "bellgate.core.handling",
                '        Climb("presented", given.up_to_signal),\n',
                '        Climb("acknowledged", given.up_to_signal),\n',
            ),
        ),
    ),
)

CASES = (
    Bug(
        "lease_never_ends",
        "An acknowledgement is kept with its end, and nothing is due then.",
        ("without_end_or_owner",),
        (
            Patch(
                "bellgate.core.handling",
                '                effects.append(SetDue("lease", now_ms + LEASE_MS))\n'
                "            effects.append(Held())\n",
                "            effects.append(Held())\n",
            ),
        ),
    ),
    Bug(
        "lease_renews_itself",
        "Whoever acknowledged is surely still at it: the acknowledgement renews itself.",
        ("without_end_or_owner",),
        (
            Patch(
                "bellgate.core.handling",
                '    after = incident.changed(\n        handling=_next(incident, "expire"),\n',
                "    if incident.owner is not None:\n"
                "        until_ms = now_ms + LEASE_MS\n"
                '        return incident.changed(lease_until_ms=until_ms), (SetDue("lease", until_ms),)\n'
                '    after = incident.changed(\n        handling=_next(incident, "expire"),\n',
            ),
            Patch(
                "bellgate.pipeline.carry",
                '                if effects:\n                    self.announce(state, "acknowledgement_expired")\n',
                '                if state.handling != "acknowledged":\n'
                '                    self.announce(state, "acknowledgement_expired")\n',
            ),
        ),
    ),
    Bug(
        "timer_in_memory",
        "The next round of an escalation is a timer of the process; a new process has none.",
        ("without_end_or_owner", "untold"),
        (
            Patch(
                "bellgate.engine",
                '                dues.postpone(tx, "supervision", now_ms + START_GRACE_MS)\n',
                '                dues.postpone(tx, "supervision", now_ms + START_GRACE_MS)\n'
                "            tx.put(\"DELETE FROM due WHERE kind = 'escalation'\")\n",
            ),
        ),
        needs=(KILLS,),
    ),
    Bug(
        "escalation_from_the_start",
        "When an acknowledgement ends the escalation begins again with its first step.",
        ("step_fell",),
        (
            Patch(
                "bellgate.core.escalation",
                "    index = min(incident.escalation_step, len(policy.steps) - 1)\n    started =",
                "    index = 0\n    started =",
            ),
        ),
    ),
    Bug(
        "past_rows_forgotten",
        "The tick asks for what has become due since a moment ago; what fell due while nothing ran is never asked for.",
        ("late_due", "without_end_or_owner", "untold", "unmissed"),
        (
            Patch(
                "bellgate.store.dues",
                '"SELECT kind, subject FROM due WHERE due_ms <= ? AND lease_until_ms <= ? ORDER BY due_ms LIMIT ?) "\n',
                'f"SELECT kind, subject FROM due WHERE due_ms > {at_ms - 2_000} AND due_ms <= ? "\n'
                '        "AND lease_until_ms <= ? ORDER BY due_ms LIMIT ?) "\n',
            ),
        ),
    ),
    Bug(
        "deaf_to_clock_steps",
        "The clock was set, and what waits for a time is not moved.",
        ("fell_silent", "too_early", "late_due", "unmissed", "without_end_or_owner", "missed_wrongly"),
        (
            Patch(
                "bellgate.engine",
                "            if alone:\n                dues.shift(tx, step_ms)\n",
                "",
            ),
        ),
        needs=("clock_step",),
    ),
    Bug(
        "closed_case_takes_a_press",
        "A press joins the latest case of its bell, closed or not.",
        ("swallowed",),
        (
            Patch(
                "bellgate.store.incidents",
                "WHERE folds_by = ? AND test = ? AND handling <> 'closed'\", key)",
                'WHERE folds_by = ? AND test = ? ORDER BY id DESC LIMIT 1", key)',
            ),
        ),
    ),
    Bug(
        "test_folds_into_alarm",
        "A test of a bell that has an open alarm joins that case.",
        ("mistaken_test",),
        (
            Patch(
                "bellgate.store.incidents",
                "f\"{_SELECT} WHERE folds_by = ? AND test = ? AND handling <> 'closed'\", key)",
                "f\"{_SELECT} WHERE folds_by = ? AND handling <> 'closed' ORDER BY id\", key[:1])",
            ),
        ),
    ),
    Bug(
        "handoff_by_anyone",
        "Whoever accepts an offered case first has it.",
        ("stolen",),
        (
            Patch(
                "bellgate.core.handling",
                "        if incident.offered_to != given.by:\n",
                "        if incident.offered_to is None:\n",
            ),
        ),
    ),
)

TARGETS = (
    Bug(
        "tests_to_everybody",
        "Tests are marked as tests, and go to every target.",
        ("test_leak",),
        (
            Patch(
                "bellgate.pipeline.settings",
                "if (everyone or one.name in wanted) and (one.test or not test)]",
                "if everyone or one.name in wanted]",
            ),
        ),
    ),
    Bug(
        "messages_wait_for_the_table",
        "A new message is not handed over: the table has it, and its lease runs out in two minutes.",
        ("untold",),
        (Patch("bellgate.pipeline.flow", "            self._wake(deliveries)\n", "            pass\n"),),
    ),
    Bug(
        "new_id_each_try",
        "Each try of a message names itself anew.",
        ("repeat_differs",),
        (
            Patch(
                "bellgate.store.deliveries",
                "    return sorted((Delivery(**row) for row in rows), key=lambda delivery: delivery.created_ms)\n\n\n"
                "def waiting(",
                "    for row in rows:\n"
                '        row["body"] = row["body"].replace(row["id"], f"{at_ms:032x}")\n'
                "    return sorted((Delivery(**row) for row in rows), key=lambda delivery: delivery.created_ms)\n\n\n"
                "def waiting(",
            ),
        ),
        needs=(f"{KILLS}|{PHONES}",),
    ),
    Bug(
        "retries_in_memory",
        "A message that failed is tried again by a timer of the process; the table knows nothing of it.",
        ("undelivered",),
        (
            Patch(
                "bellgate.lanes",
                '        self._mark(Mark(delivery.id, "failed", attempts, now_ms, now_ms + wait_ms, fault))\n',
                '        self._mark(Mark(delivery.id, "failed", attempts, now_ms, now_ms + 10**12, fault))\n'
                "        asyncio.get_running_loop().call_later(wait_ms / 1000, self.offer, [delivery])\n",
            ),
            Patch(
                "bellgate.store.deliveries",
                "AND state = 'failed' AND due_ms > ?\", (at_ms, target, at_ms)",
                "AND state = 'failed' AND due_ms > ? AND due_ms < 10\", (at_ms, target, at_ms)",
            ),
        ),
        needs=(KILLS, PHONES),
    ),
    Bug(
        "failing_target_unsaid",
        "A target that takes nothing is tried again and again, and nobody is told.",
        ("silent_failure", "untold"),
        (
            Patch(
                "bellgate.lanes",
                '            self._spawn(self._tell("target_failing", lane.name, fault))\n',
                "",
            ),
        ),
        needs=(PHONES,),
    ),
    Bug(
        "handoff_unrecorded",
        "The record has every act but the handing over.",
        ("unrecorded",),
        (
            Patch(
                "bellgate.core.handling",
                "    effects.append(Record(given.action, given.by, detail))\n",
                '    if given.action != "handoff":\n        effects.append(Record(given.action, given.by, detail))\n',
            ),
        ),
    ),
    Bug(
        "record_from_memory",
        "After a commit that failed, the record goes on from the entry that is not there.",
        ("chain",),
        (
            Patch(
                "bellgate.store.audit",
                '    last: Head | None = tx.memo.get("audit")\n',
                '    last: Head | None = _NEWEST.get(tx) if tx in _NEWEST else tx.memo.get("audit")\n',
            ),
            Patch(
                "bellgate.store.audit",
                '        tx.memo["audit"] = last\n',
                '        tx.memo["audit"] = _NEWEST[tx] = last\n',
            ),
            Patch(
                "bellgate.store.audit",
                '_FIRST = ""  # the hash before the first row\n',
                '_FIRST = ""  # the hash before the first row\n_NEWEST: dict[Any, Any] = {}\n',
            ),
        ),
    ),
)

WATCHING = (
    Bug(
        "retained_press_taken",
        "A retained press is taken like any other.",
        ("unrefused",),
        (
            Patch(
                "bellgate.pipeline.intake",
                '        if inbound.retained and topic.leaf != "status":\n',
                "        if False:\n",
            ),
        ),
        needs=("retained",),
    ),
    Bug(
        "old_heartbeat_believed",
        "A heartbeat with the number of an earlier one is a sign of life.",
        ("unmissed", "missed_wrongly"),
        (
            Patch(
                "bellgate.core.supervision",
                '    if given.superseded or (same_boot and message["n"] <= presence.n):\n',
                "    if given.superseded:\n",
            ),
        ),
    ),
    Bug(
        "missing_never_said",
        "A silent bell is marked as off line, and the trouble list is not told.",
        ("unmissed",),
        (
            Patch(
                "bellgate.core.supervision",
                "    return replace(presence, online=False, greeted=False), (missing,)\n",
                "    return replace(presence, online=False, greeted=False), ()\n",
            ),
        ),
    ),
    Bug(
        "missing_for_ever",
        "A bell that is back stays on the trouble list.",
        ("missed_wrongly",),
        (
            Patch(
                "bellgate.core.supervision",
                '        SetDue("supervision", now_ms + MISSING_AFTER_MS),\n'
                '        ClearTrouble("bell_missing", presence.bell_id),\n',
                '        SetDue("supervision", now_ms + MISSING_AFTER_MS),\n',
            ),
        ),
    ),
    Bug(
        "will_ignored",
        "What the broker says of a bell that is gone is noted, and nothing is due sooner.",
        ("unmissed",),
        (
            Patch(
                "bellgate.core.supervision",
                '    return after, (SetDue("supervision", now_ms + OFFLINE_GRACE_MS),)\n',
                "    return after, ()\n",
            ),
        ),
    ),
    Bug(
        "late_unsaid",
        "A press that comes late is not marked: it is an alarm like any other.",
        ("late_unsaid",),
        (
            Patch(
                "bellgate.core.signal",
                "        late=age_ms is None or age_ms + waited_ms > LATE_AFTER_MS,\n",
                "        late=False,\n",
            ),
        ),
    ),
)

GATEWAY = (*RECEIPTS, *CASES, *TARGETS, *WATCHING)
