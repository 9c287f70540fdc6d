"""Both languages say everything, fill in the same places, and are chosen as the browser wishes."""

import json
import re
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellgate.console import pages
from bellgate.console.access import MAY
from bellgate.console.texts import LANGUAGES, choose, text, texts
from bellgate.core.incident import DISPOSITIONS, HANDLING, TRANSITIONS
from bellgate.core.signal import MEANINGS
from bellgate.store.people import ROLES

STATIC = sorted((pages.HERE / "static").rglob("*.js"))
TEMPLATES = sorted((pages.HERE / "templates").glob("*.html"))


def places(line: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(line) if name is not None}


def test_both_languages_have_the_same_keys_and_places():
    korean, english = texts("ko"), texts("en")
    assert korean.keys() == english.keys() and len(korean) > 100
    for key in korean:
        assert korean[key].strip() and english[key].strip(), key
        assert places(korean[key]) == places(english[key]), key


def test_korean_is_korean_and_english_is_not():
    hangul = re.compile("[가-힣]")
    for key, line in texts("en").items():
        assert not hangul.search(line) or key == "language.ko", key
    alike = {key for key, line in texts("ko").items() if not hangul.search(line)}
    same = {"language.en", "line", "dialog.title", "trouble_detail.console_silent", "press.past"}
    assert alike <= same | {"health.volts", "bells.kb", "map.bell"}


def test_everything_that_the_tables_know_has_words():
    wanted = {f"handling.{one}" for one in HANDLING} | {f"disposition.{one}" for one in DISPOSITIONS}
    wanted |= {f"role.{role}" for role in ROLES}
    wanted |= {f"what.{what}" for what, meaning in MEANINGS.items() if meaning.opens}
    machine = {"present", "expire", "absorb"}
    actions = {action for _, action in TRANSITIONS} - machine
    wanted |= {f"action.{action}" for action in actions} | {f"act.{action}" for action in actions}
    wanted |= {f"trouble.bell_{what}" for what, meaning in MEANINGS.items() if meaning.trouble}
    wanted |= {f"trouble.{kind}" for kind in ("bell_missing", "bell_fault", "events_lost", "message_refused")}
    assert wanted <= texts("ko").keys()


def test_the_page_asks_only_for_texts_that_exist_and_no_text_is_left_over():
    source = "\n".join(path.read_text(encoding="utf-8") for path in [*STATIC, *TEMPLATES, *pages.HERE.rglob("*.py")])
    asked = set(
        re.findall(
            r"""["'`]([a-z_]+(?:\.[a-z_]+)+|brand|announce|saving|line|sign_out|noscript|skip|ways)["'`]""", source
        )
    )
    asked |= set(re.findall(r'data-t="([a-z_.]+)"', source))
    families = set(re.findall(r"[`\"]([a-z_]+)\.(?:\$\{|\" \+)", source)) | set(
        re.findall(r'known\("([a-z_]+)"', source)
    )
    known = texts("ko").keys()
    files = {"console.html", "base.html", "symbols.svg"}
    missing = {key for key in asked if key.split(".")[0] in {name.split(".")[0] for name in known}} - known - files
    assert not missing
    assert families and not {family for family in families if not any(key.startswith(f"{family}.") for key in known)}
    families.add("way")  # named by pages.WAYS
    left_over = {key for key in known if key not in asked and key.split(".")[0] not in families}
    assert not left_over


def test_the_page_offers_what_the_incidents_table_lists():
    offered = json.loads(pages.ACTIONS_BY_HANDLING)
    assert {(at, action) for at, actions in offered.items() for action in actions} == set(TRANSITIONS)


def test_every_symbol_that_an_alarm_needs_is_drawn():
    drawn = (pages.HERE / "templates/symbols.svg").read_text(encoding="utf-8")
    for what, meaning in MEANINGS.items():
        assert not meaning.opens or f'id="what-{what}"' in drawn, what


def test_places_are_filled_in():
    assert text("ko", "sign_in.wait", seconds=4) == "비밀번호를 여러 번 잘못 입력했습니다. 4초 뒤에 다시 시도하세요."


@pytest.mark.parametrize(
    ("chosen", "header", "language"),
    [
        (None, None, "ko"),
        (None, "", "ko"),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, "en-GB,en;q=0.9", "en"),
        (None, "de,en;q=0.5,ko;q=0.4", "en"),
        (None, "de,fr", "ko"),
        (None, "en;q=0,ko;q=0.1", "ko"),
        (None, "en;q=x", "ko"),
        ("en", "ko", "en"),
        ("ko", "en", "ko"),
        ("xx", "en", "en"),
    ],
)
def test_the_language_is_the_browsers_wish(chosen: str | None, header: str | None, language: str):
    assert choose(chosen, header) == language


@given(st.one_of(st.none(), st.text(max_size=60)), st.one_of(st.none(), st.text(max_size=300)))
def test_any_header_gives_a_language(chosen: str | None, header: str | None):
    assert choose(chosen, header) in LANGUAGES


def test_the_table_of_roles_in_the_docs_is_the_one_in_the_code():
    rights = ("read", "command", "present", "bells", "change_bells", "press_test", "install")
    rights += ("troubles", "policy", "reports", "people", "own")
    page = (Path(__file__).parents[2] / "docs/console-people.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \|((?: (?:yes|–) \|){12})$", page, re.MULTILINE)
    told = {
        role: {right for right, cell in zip(rights, cells.split("|"), strict=False) if "yes" in cell}
        for role, cells in rows
    }
    assert told == {role: set(may) for role, may in MAY.items()}
