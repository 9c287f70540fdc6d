"""Does a bell ring where it hangs: stations with areas, policies, and what is said where it does not."""

from pathlib import Path
from typing import Any

import pytest

from bellgate import routing
from bellgate.clock import now_ms
from bellgate.config import Config, load
from bellgate.errors import ConfigError

TOML = """\
[gateway]
id = "seongsu-1"
[mqtt]
advertise = ["gateway.local:8883"]
[[target]]
name = "seongsu-desk"
kind = "console"
[[target]]
name = "gangnam-desk"
kind = "console"
[[station]]
name = "seongsu"
role = "station"
targets = ["seongsu-desk"]
area = ["성동구"]
[[station]]
name = "gangnam"
role = "station"
targets = ["gangnam-desk"]
area = ["11680"]
"""
GROUPS = """
[[group]]
name = "north"
sites = ["seongsu-*"]
[[policy]]
name = "seongsu"
groups = ["north"]
[[policy.step]]
after_s = 0
targets = ["seongsu"]
[[policy]]
name = "rest"
[[policy.step]]
after_s = 0
targets = ["gangnam"]
"""
SEONGSU, COEX, BUSAN = (37.5446, 127.0559), (37.5115, 127.0592), (35.1796, 129.0756)


def made(folder: Path, more: str = GROUPS, toml: str = TOML) -> Config:
    (folder / "gateway.toml").write_text(toml + more, encoding="utf-8")
    return load(folder / "gateway.toml")


def of(config: Config, site: str, at: tuple[float, float] | None) -> routing.Routing:
    row: dict[str, Any] = {"site": site, "kind": "store-bell", "lat": at and at[0], "lon": at and at[1]}
    return routing.of(config, row, now_ms())


def test_a_bell_that_rings_where_it_hangs(tmp_path: Path) -> None:
    found = of(made(tmp_path), "seongsu-012", SEONGSU)
    assert (found.expected, found.routed, found.targets) == (("seongsu",), ("seongsu",), ("seongsu-desk",))
    assert found.agree is True and found.policy == "seongsu"
    assert found.reason == "the position lies in 서울 성동구 성수동2가, and seongsu is told at once"
    assert found.as_dict()["position"] == {"lat": SEONGSU[0], "lon": SEONGSU[1]}


def test_a_bell_that_rings_in_another_station(tmp_path: Path) -> None:
    found = of(made(tmp_path), "coex-1", SEONGSU)
    assert found.agree is False and (found.expected, found.routed) == (("seongsu",), ("gangnam",))
    assert "the area of seongsu, but it rings in gangnam: correct the bell's site" in found.reason


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (None, "no position"),
        (BUSAN, "outside all known districts"),
        ((37.5663, 126.9779), "which is no station's area"),
    ],
)
def test_what_cannot_be_said_is_not_said(tmp_path: Path, at: tuple[float, float] | None, says: str) -> None:
    found = of(made(tmp_path), "seongsu-012", at)
    assert found.agree is None and says in found.reason


def test_without_policy_everyone_is_told_and_the_right_one_among_them(tmp_path: Path) -> None:
    found = of(made(tmp_path, ""), "any-1", COEX)
    assert found.agree is True and found.reason.endswith("gangnam is told at once; seongsu is told as well")


def test_without_areas_nothing_can_be_said(tmp_path: Path) -> None:
    lines = [line for line in TOML.splitlines() if not line.startswith("area")]
    found = of(made(tmp_path, toml="\n".join(lines)), "seongsu-012", SEONGSU)
    assert found.agree is None and "no station has an area" in found.reason


def test_a_dong_comes_before_its_district(tmp_path: Path) -> None:
    more = '\n[[station]]\nname = "box"\ntargets = ["seongsu-desk"]\narea = ["성수동2가"]\n'
    assert of(made(tmp_path, more + GROUPS), "seongsu-012", SEONGSU).expected == ("box",)


@pytest.mark.parametrize(
    ("area", "says"),
    [
        ('["성둥구"]', "station[3].area[1] = '성둥구': there is no district or dong '성둥구'"),
        ('["11200"]', "stations 'seongsu' and 'third' both have the area '성동구': give it to one of them"),
        ('"성동구"', "station[3].area"),
    ],
)
def test_a_wrong_area_is_refused_with_its_remedy(tmp_path: Path, area: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, f'\n[[station]]\nname = "third"\narea = {area}\n')
    assert says in str(caught.value)
