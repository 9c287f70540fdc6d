"""What the docs draw or list is what the code's tables say: states, lamp, and every field of the wire format."""

import subprocess
import sys

from tree import ROOT

import bellwire
from bellwire.message import FIELDS


def test_states_and_lamp_are_drawn_from_the_present_tables():
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "draw_states.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_field_and_word_of_the_format_stands_in_the_protocol():
    text = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    words = {name for fields in FIELDS.values() for name, _, _ in fields}
    words |= {*bellwire.WHATS, *bellwire.STAGES, *bellwire.KINDS, *bellwire.COMMANDS, *FIELDS}
    missing = sorted(word for word in words if f"`{word}`" not in text and f'`"{word}"`' not in text)
    assert not missing
