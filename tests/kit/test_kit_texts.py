"""Both languages of the kit say everything, fill in the same places, and are chosen as the environment wishes."""

import re
from pathlib import Path
from string import Formatter

import pytest

import bellkit
from bellkit import texts, walktest
from bellkit.findings import PARTS
from bellkit.texts import Words, choose

SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in Path(bellkit.__path__[0]).rglob("*.py"))


def places(line: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(line) if name is not None}


def test_both_languages_have_the_same_keys_and_places() -> None:
    korean, english = texts.texts("ko"), texts.texts("en")
    assert korean.keys() == english.keys() and len(korean) > 100
    hangul = re.compile("[가-힣]")
    for key in korean:
        assert korean[key].strip() and english[key].strip(), key
        assert places(korean[key]) == places(english[key]), key
        assert not hangul.search(english[key]), key
        assert hangul.search(korean[key]) or korean[key] == english[key] == "Wi-Fi", key


def test_what_the_tables_know_has_words() -> None:
    wanted = {f"rung.{rung}" for rung in walktest.RUNGS} | {f"walk.no_{rung}" for rung in walktest.RUNGS}
    wanted |= {f"part.{part}" for part in PARTS} | {f"walk.{one}" for one in ("passed", "failed", "not proved")}
    assert wanted <= texts.texts("ko").keys()


def test_no_text_is_left_over() -> None:
    families = {"cause", "do", "severity", "rung", "part", "walk", "ask", "input", "verdict", "mains", "battery"}
    named = set(re.findall(r"[\"']([a-z_]+\.[a-z_]+)[\"']", SOURCE))
    steps = {f"step.{name}" for name in re.findall(r"step\(\"([a-z]+)\"\)", SOURCE)}
    left = {key for key in texts.texts("ko") if key.split(".")[0] not in families} - named - steps
    assert not left


@pytest.mark.parametrize(
    ("environment", "language"),
    [({}, "ko"), ({"LANG": "en_US.UTF-8"}, "en"), ({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "fr_FR"}, "ko"),
     ({"LC_ALL": "en_GB", "LANG": "ko_KR"}, "en"), ({"LANG": "C.UTF-8"}, "ko")],
)  # fmt: skip
def test_the_language_follows_the_environment(environment: dict[str, str], language: str) -> None:
    assert choose(None, environment) == language
    assert choose("en", environment) == "en"


def test_a_text_without_words_is_shown_as_it_is() -> None:
    assert Words("en").known("step.unheard", "unheard") == "unheard"
