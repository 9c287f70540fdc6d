"""Bells as a table: out and in again, every fault with its line, all or nothing, and no formula."""

import csv
import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench import bellgate, made

from bellgate import bells_csv
from bellgate.config import Config
from bellgate.console import spreadsheet
from bellgate.errors import EnrolmentError
from bellgate.store import audit, bells, open_store

HEADS = "bell_id,site,kind,name,address,floor,entrance,approach,lat,lon\n"
GOOD = (
    HEADS + "b-1,s-1,store-bell,성수 편의점,연무장길 12,2층,뒷문,,37.5,127.0\n" + ',s-2,pendant,"A, B","C ""D""",,,,,\n'
)


@pytest.fixture
def place(tmp_path: Path) -> Config:
    (tmp_path / "files").mkdir()
    return made(tmp_path / "gate")


def brought(config: Config, tmp_path: Path, text: str, *more: object) -> tuple[int, dict[str, Any]]:
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    out = tmp_path / "files"
    code, said, error = bellgate(
        "bells", "import", tmp_path / "in.csv", "-c", config.path, "--out", out, "--json", *more
    )
    return code, json.loads(said) if said else {"error": error}


def all_bells(config: Config) -> list[bells.Bell]:
    with open_store(config.store.url, config.data_dir) as store:
        return store.read_now(bells.all_bells)


def test_a_table_enrols_bells_and_a_dry_run_does_nothing(place: Config, tmp_path: Path) -> None:
    code, told = brought(place, tmp_path, GOOD, "--dry-run")
    assert (code, told["done"], told["new"]) == (0, False, 2)
    assert all_bells(place) == [] and list((tmp_path / "files").iterdir()) == []
    code, told = brought(place, tmp_path, GOOD, "--qr", tmp_path / "files")
    assert (code, told["done"], told["new"], told["changed"]) == (0, True, 2, 0)
    one, other = all_bells(place)
    assert (one.bell_id, one.lat, other.name, other.address) == ("b-1", 37.5, "A, B", 'C "D"')
    names = {file.name for file in (tmp_path / "files").iterdir()}
    assert names == {f"{name}{kind}" for name in told["bell_ids"] for kind in (".json", ".svg")}
    code, told = brought(place, tmp_path, GOOD.replace("2층", "3층").replace("\n,s-2", "\nb-2,s-2"))
    assert (told["new"], told["changed"]) == (1, 1)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("b-1,s-1,store-bell", "line 3: has 3 cells, but line 1 has 10"),
        (",S 1,store-bell,x,y,,,,,", "line 3: site 'S 1'"),
        (",s-1,bell,x,y,,,,,", "line 3: kind 'bell'"),
        (",s-1,pendant,,y,,,,,", "line 3: name: write 1 to"),
        (",s-1,pendant,x,y,,,,37,", "line 3: lat and --lon: give both"),
        (",s-1,pendant,x,y,,,,north,1", "line 3: lat 'north': write degrees"),
        (",s-1,pendant,x,y," + "f" * 41 + ",,,,", "line 3: floor: at most 40"),
        ("b-1,s-9,pendant,x,y,,,,,", "line 3: bell_id 'b-1' stands in line 2, too"),
        ("canary,s-9,pendant,x,y,,,,,", "line 3: bell_id 'canary': is a name that the gateway keeps"),
    ],
)
def test_every_fault_is_named_with_its_line_and_nothing_is_done(
    place: Config, tmp_path: Path, line: str, says: str
) -> None:
    text = HEADS + "b-1,s-1,pendant,x,y,,,,,\n" + line + "\n,S 2,pendant,x,y,,,,,\n"
    code, told = brought(place, tmp_path, text)
    assert code == 1 and not told["done"] and len(told["faults"]) == 2
    assert told["faults"][0].startswith(says) and told["faults"][1].startswith("line 4: site 'S 2'")
    assert all_bells(place) == [] and list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bell_id,sit,kind,name,address\n", "unknown column 'sit'. Did you mean 'site'?"),
        ("site,kind,name\n", "the columns address are missing"),
        ("site,site,kind,name,address\n", "'site' stands there twice"),
        ("", "the columns site, kind, name, address are missing"),
    ],
)
def test_what_is_no_such_table_is_explained(place: Config, tmp_path: Path, text: str, says: str) -> None:
    code, told = brought(place, tmp_path, text)
    assert code == 1 and says in told["error"]


def test_a_spreadsheets_own_coding_is_explained(place: Config, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes((HEADS + ",s-1,pendant,가,나,,,,,\n").encode("cp949"))
    code, _, error = bellgate("bells", "import", tmp_path / "x.csv", "-c", place.path, "--out", tmp_path / "files")
    assert code == 1 and 'save it as "CSV UTF-8"' in error
    code, _, error = bellgate("bells", "import", tmp_path / "x.csv", "-c", place.path, "--out", tmp_path / "none")
    assert code == 1 and "name a folder that exists" in error


def test_known_bells_stay_where_they_are(place: Config, tmp_path: Path) -> None:
    assert brought(place, tmp_path, GOOD)[0] == 0
    code, told = brought(place, tmp_path, HEADS + "b-1,s-3,store-bell,x,y,,,,,\n")
    assert code == 1 and "b-1 is a store-bell at s-1, for life" in told["faults"][0]
    assert bellgate("revoke", "b-1", "-c", place.path)[0] == 0
    code, told = brought(place, tmp_path, HEADS + "b-1,s-1,store-bell,x,y,,,,,\n")
    assert code == 1 and "is revoked" in told["faults"][0]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(place: Config, tmp_path: Path) -> None:
    (tmp_path / "files" / "b-2.json").write_text("another bell's only key")
    text = HEADS + "b-1,s-1,pendant,x,y,,,,,\nb-2,s-1,pendant,x,y,,,,,\n"
    code, told = brought(place, tmp_path, text)
    assert code == 1 and "b-2.json: exists already" in told["error"]
    assert all_bells(place) == [] and [one.name for one in (tmp_path / "files").iterdir()] == ["b-2.json"]


def test_out_and_in_again_changes_nothing_and_no_cell_is_a_formula(place: Config, tmp_path: Path) -> None:
    names = ["=cmd()", "+1", "-1", "@x", "'quoted'", "＝전각", " =space", "two words", "plain"]
    text = io.StringIO()
    csv.writer(text).writerows([["", "s-1", "pendant", name, name, "", "", "", "", ""] for name in names])
    assert brought(place, tmp_path, HEADS + text.getvalue())[0] == 0
    assert {one.name for one in all_bells(place)} == {name.strip() for name in names}
    out = tmp_path / "out.csv"
    code, said, _ = bellgate("bells", "export", out, "-c", place.path)
    assert code == 0 and "out.csv: 9" in said and stat.S_IMODE(out.stat().st_mode) == 0o600
    table = list(csv.reader(io.StringIO(out.read_text(encoding="utf-8-sig"), newline="")))
    assert not [cell for row in table for cell in row if cell.startswith(("=", "+", "@", "＝"))]
    code, told = brought(place, tmp_path, out.read_text(encoding="utf-8"))
    assert (code, told["new"], told["changed"], told["faults"]) == (0, 0, 0, [])
    with open_store(place.store.url, place.data_dir) as store:
        assert store.read_now(lambda tx: audit.acts(tx, "bells_exported"))[0]["detail"] == {"n": 9}
        keys = [one.key for one in store.read_now(bells.all_bells)]
    assert not any(key.hex() in out.read_text("utf-8") for key in keys)


@given(st.text(max_size=30))
def test_a_cell_comes_back_as_it_was(cell: str) -> None:
    line = next(spreadsheet.lines([[cell]]))
    (row,) = csv.reader(io.StringIO(line, newline=""))
    assert spreadsheet.typed(row[0]) == cell or cell.startswith("'")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200))
def test_any_file_is_read_or_explained(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(HEADS.encode() + data)
    config_free = _Empty()
    try:
        assert bells_csv.read(config_free, path).lines is not None  # type: ignore[arg-type]
    except EnrolmentError as error:
        assert str(path) in str(error)


class _Empty:
    """A store without bells."""

    def read_now(self, job: Any) -> Any:
        class Tx:
            memo: dict[Any, Any] = {}  # noqa: RUF012

            def one(self, *_: Any) -> None:
                return None

            def all(self, *_: Any) -> list[Any]:
                return []

        return job(Tx())
