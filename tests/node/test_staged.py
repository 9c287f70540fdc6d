"""Settings on trial: a cut of the power at any write leaves the old ones or the trial, whole. Both runtimes."""

import os

from bellnode import settings, staged

NAME = "test-staged.tmp"
ID = "00000000000000aa"


def folder():
    """A fresh folder below the present one; MicroPython has no tempfile."""
    gone()
    os.mkdir(NAME)
    return NAME


def gone():
    try:
        for file in os.listdir(NAME):
            os.remove(NAME + "/" + file)
        os.rmdir(NAME)
    except OSError:
        pass


def store():
    return staged.Staged(NAME, "store-bell", None)


def write(name, text):
    with open(NAME + "/" + name, "w") as file:
        file.write(text)


def test_without_files_the_defaults():
    folder()
    assert store().load() == (settings.read_all({}, "store-bell")[0], [], None, None)
    gone()


def test_a_damaged_file_is_told_and_replaced_by_the_defaults():
    folder()
    for text in ("", "{", "[]", '"x"', "\xff", " " * (settings.FILE_BYTES_MAX + 1)):
        write(staged.CONFIRMED, text)
        found, errors, trial, _ = store().load()
        assert found == settings.read_all({}, "store-bell")[0] and len(errors) == 1 and trial is None, text
        assert errors[0].startswith("settings.json: "), errors
    gone()


def test_a_trial_is_used_kept_and_gone():
    folder()
    write(staged.CONFIRMED, '{"siren_s": 5, "night": [1, 2]}')
    assert store().stage(ID, {"siren_s": 9, "night": None}, 3) is None
    again = store()
    found, errors, trial, given_up = again.load()
    assert (found.siren_s, found.night, errors, trial, given_up) == (9, None, [], (ID, 3), None)
    again.keep()
    assert os.listdir(NAME) == [staged.CONFIRMED]
    found, _, trial, _ = store().load()
    assert (found.siren_s, trial) == (9, None)
    gone()


def test_a_trial_is_dropped():
    folder()
    assert store().stage(ID, {"siren_s": 9}, 3) is None
    again = store()
    again.load()
    again.drop()
    assert os.listdir(NAME) == [] and store().load()[0].siren_s == 180
    gone()


def test_bad_settings_are_never_on_trial():
    folder()
    write(staged.CONFIRMED, '{"siren_s": 5}')
    for changes, word in (({"siren_s": -1}, "siren_s"), ({"x": 1}, "x"), ({"wifi": [{"ssid": "y" * 9000}]}, "longer")):
        assert word in store().stage(ID, changes, 3)
        assert os.listdir(NAME) == [staged.CONFIRMED]
    gone()


def test_a_bell_that_does_not_come_up_gives_the_trial_up():
    folder()
    store().stage(ID, {"siren_s": 9}, 3)
    for _ in range(staged.STARTS_MAX):
        assert store().load()[2] == (ID, 3)
    found, _, trial, given_up = store().load()
    assert (found.siren_s, trial, given_up) == (180, None, ID)
    assert store().load()[3] is None and os.listdir(NAME) == []
    gone()


def test_a_damaged_trial_is_no_trial():
    folder()
    for text in ("", "{", "[]", '{"id": 5}', '{"settings": {}, "id": "a", "minutes": "x", "starts": 0}'):
        write(staged.TRIAL, text)
        assert store().load()[2] is None and os.listdir(NAME) == [], text
    gone()


class Cut(Exception):
    """The power is gone."""


def test_a_cut_at_any_step_leaves_the_old_settings_or_the_trial():
    """The steps are counted by cutting before the first, the second … until nothing is cut any more."""
    true = staged.os

    class Flash:
        """os with a power cut before the n-th rename or remove."""

        def __init__(self, left):
            self.left = left

        def step(self):
            if self.left == 0:
                raise Cut()
            self.left -= 1

        def rename(self, *paths):
            self.step()
            true.rename(*paths)

        def remove(self, path):
            self.step()
            true.remove(path)

    ways = 0
    for end in ("keep", "drop"):
        cuts = 0
        while True:
            folder()
            write(staged.CONFIRMED, '{"siren_s": 5}')
            staged.os = Flash(cuts)
            done = False
            try:
                assert store().stage(ID, {"siren_s": 9}, 3) is None
                one = store()
                one.load()
                getattr(one, end)()
                done = True
            except Cut:
                pass
            staged.os = true
            found, errors, trial, given_up = store().load()
            assert not errors and given_up is None
            assert found.siren_s == (9 if trial or (done and end == "keep") else 5), (end, cuts)
            ways += 1
            if done:
                assert trial is None
                break
            cuts += 1
    assert ways >= 6
    gone()
