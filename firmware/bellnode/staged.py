"""settings.json on flash, and the candidate beside it that is on trial. Every step is one rename, so a power cut
between any two leaves either the old settings or the trial, never half of each.

    settings.json     what the bell lives by
    settings.trial    {"id", "minutes", "starts", "settings"}: a candidate; it counts the starts that tried it

`configure` writes the trial and restarts. A start that finds a trial uses it. The first receipt keeps it: the candidate
is renamed in place of settings.json. No receipt, or a third start that found it still on trial (each of them may have
been a crash), and it is removed.
"""

import json
import os

from bellnode import settings

SELDOM = "settings"  # see `loan`

CONFIRMED = "settings.json"
TRIAL = "settings.trial"
STARTS_MAX = 2  # one that tried it, and one more for a power cut in the middle


def replace(path, data):
    """Write a file whole or not at all. Raises OSError: then the old one is as it was."""
    temporary = path + ".new"
    with open(temporary, "wb") as file:
        if file.write(data) != len(data):
            raise OSError(28)  # ENOSPC: MicroPython reports a short write, and no error
        file.flush()
    os.rename(temporary, path)


def remove(path):
    """Take a file away, if it is there."""
    try:
        os.remove(path)
    except OSError:
        pass


def load_json(path, limit):
    """(value or None, there): the JSON in a file; None with there=True if the file is damaged."""
    try:
        with open(path, "rb") as file:
            size = min(file.seek(0, 2), limit + 1)  # MicroPython makes room for all it is asked for
            file.seek(0)
            data = file.read(size)
    except OSError:
        return None, False
    try:
        return (json.loads(str(data, "utf-8")) if len(data) <= limit else None), True
    except (ValueError, RuntimeError):  # RuntimeError: CPython's RecursionError
        return None, True


class Staged:
    """The settings in a folder."""

    def __init__(self, folder, kind, silent):
        """kind: of the bell. silent: what the enrolment file says."""
        self._confirmed = folder + "/" + CONFIRMED
        self._trial = folder + "/" + TRIAL
        self._kind = kind
        self._silent = silent
        self._found = {}

    def load(self):
        """(Settings, errors, trial, given_up). Never raises.

        errors: texts, each with the file's name. trial: (id, minutes) while a candidate is used. given_up: the id of a
        candidate that was given up just now, or None.
        """
        given_up = None
        trial, there = load_json(self._trial, settings.FILE_BYTES_MAX)
        if there:
            chosen, errors = self._on_trial(trial)
            if chosen is not None:
                return chosen, errors, (trial["id"], trial["minutes"]), None
            if isinstance(trial, dict) and isinstance(trial.get("id"), str):
                given_up = trial["id"]
            remove(self._trial)
        self._found, there = load_json(self._confirmed, settings.FILE_BYTES_MAX)
        if not there:
            self._found = {}
        chosen, errors = settings.read_all(self._found, self._kind, self._silent)
        return chosen, [f"{CONFIRMED}: {text}" for text in errors], None, given_up

    def _on_trial(self, trial):
        if not isinstance(trial, dict) or not isinstance(trial.get("settings"), dict):
            return None, ()
        if not isinstance(trial.get("id"), str) or type(trial.get("minutes")) is not int:
            return None, ()
        starts = trial.get("starts")
        if type(starts) is not int or starts >= STARTS_MAX:
            return None, ()
        trial["starts"] = starts + 1
        try:
            replace(self._trial, json.dumps(trial).encode())
        except OSError:
            return None, ()  # a flash that takes no write cannot count the starts: no experiments on it
        chosen, errors = settings.read_all(trial["settings"], self._kind, self._silent)
        return chosen, [f"{TRIAL}: {text}" for text in errors]

    def stage(self, order, changes, minutes):
        """Put the present settings with `changes` (dict) on trial for the next start; the reason why not, or None."""
        found, there = load_json(self._confirmed, settings.FILE_BYTES_MAX)
        after = settings.merged(found if there else {}, changes)
        _, errors = settings.read_all(after, self._kind, self._silent)
        if errors:
            return errors[0]
        data = json.dumps({"id": order, "minutes": minutes, "starts": 0, "settings": after}).encode()
        if len(data) > settings.FILE_BYTES_MAX:
            return f"the settings would be longer than {settings.FILE_BYTES_MAX} bytes. Leave something out."
        try:
            replace(self._trial, data)
        except OSError as fault:
            return f"the flash did not take them: {fault}"
        return None

    def keep(self):
        """The candidate has proved itself. Raises OSError: then it stays on trial."""
        trial, _ = load_json(self._trial, settings.FILE_BYTES_MAX)
        if isinstance(trial, dict):
            replace(self._confirmed, json.dumps(trial["settings"]).encode())
            remove(self._trial)

    def drop(self):
        """Back to the old settings, from the next start on."""
        remove(self._trial)
