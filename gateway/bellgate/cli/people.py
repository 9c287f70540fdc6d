"""People, for whoever sits at the machine: the way back in when nobody can sign in any more."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from bellgate.admission import BY
from bellgate.cli.app import DEFAULT_CONFIG, ConfigOption, JsonOption, app, say, say_json
from bellgate.cli.looking import table, when
from bellgate.clock import now_ms
from bellgate.config import load
from bellgate.errors import UnknownOperator
from bellgate.store import Tx, open_store, people, staff
from bellgate.store.people import Operator

operator = typer.Typer(help="Who may sign in.", no_args_is_help=True)
app.add_typer(operator, name="operator")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The operator.")]
RoleOption = Annotated[str | None, typer.Option(help=", ".join(people.ROLES) + ".")]
AreaOption = Annotated[
    list[str] | None, typer.Option(help='A site or a beginning ("seongsu-*"); several; without: everywhere.')
]


@operator.command("list")
def list_operators(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the operators: role, areas, second factor, last sign-in."""
    loaded = load(config)
    with open_store(loaded.store.url, loaded.data_dir) as store:
        found = store.read_now(people.operators)
    if as_json:
        say_json({"items": [_plain(one) for one in found]})
        return
    table(
        ("name", "role", "areas", "second factor", "last sign-in", "state"),
        [(one.name, one.role, _areas(one), _factor(one), when(one.signed_in_ms), _state(one)) for one in found],
    )


@operator.command("add")
def add_operator(
    name: NameArgument,
    role: Annotated[str, typer.Option(help=", ".join(people.ROLES) + ".")],
    area: AreaOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Add somebody. The password is printed once; the first sign-in asks for another one."""
    password = people.new_password()
    hashed = people.hashed(password, name)
    one = _change(config, name, lambda tx: staff.add(tx, now_ms(), BY, name, role, tuple(area or ()), hashed))
    _tell(one, as_json, f"{name} is added.", password)


@operator.command("change")
def change_operator(
    name: NameArgument,
    role: RoleOption = None,
    area: AreaOption = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Bound to no area any more.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Give somebody another role or other areas; what is not given stays. Their sessions end."""
    if area and everywhere:
        raise typer.BadParameter("give areas or --everywhere", param_hint="--area")
    if not (role or area or everywhere):
        raise typer.BadParameter("say what changes: --role, --area or --everywhere")

    def job(tx: Tx) -> None:
        before = people.operator(tx, name)
        if before is None:
            raise UnknownOperator(f"there is no operator named {name}")
        areas = () if everywhere else tuple(area) if area else before.areas
        staff.change(tx, now_ms(), BY, name, role or before.role, areas)

    _tell(_change(config, name, job), as_json, f"{name} is changed.")


@operator.command("disable")
def disable_operator(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Let somebody sign in no more; every session ends at once."""
    one = _change(config, name, lambda tx: staff.disable(tx, now_ms(), BY, name))
    _tell(one, as_json, f"{name} may not sign in any more.")


@operator.command("enable")
def enable_operator(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Let somebody sign in again."""
    one = _change(config, name, lambda tx: staff.enable(tx, now_ms(), BY, name))
    _tell(one, as_json, f"{name} may sign in again.")


@operator.command("reset-password")
def reset_password(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Print a new password, once; the next sign-in asks for another one. Every session ends."""
    password = people.new_password()
    hashed = people.hashed(password, name)
    one = _change(config, name, lambda tx: staff.give_password(tx, now_ms(), BY, name, hashed))
    _tell(one, as_json, f"{name} has a new password.", password)


@operator.command("reset-second-factor")
def reset_second_factor(name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Ask for no code and take no passkey until the person adds new ones: their telephone is gone."""
    one = _change(config, name, lambda tx: staff.reset_second_factor(tx, now_ms(), BY, name))
    _tell(one, as_json, f"{name} signs in with the password alone.")


def _change(config: Any, name: str, job: Callable[[Tx], None]) -> Operator:
    loaded = load(config)

    def whole(tx: Tx) -> Operator:
        job(tx)
        found = people.operator(tx, name)
        assert found is not None
        return found

    with open_store(loaded.store.url, loaded.data_dir) as store:
        return store.write_now(whole)


def _tell(one: Operator, as_json: bool, text: str, password: str | None = None) -> None:
    if as_json:
        say_json(_plain(one) | ({"password": password} if password else {}))
        return
    say(text)
    if password:
        say(f"Password: {password}   (printed once; the first sign-in asks for another one)")


def _plain(one: Operator) -> dict[str, Any]:
    return {
        "name": one.name,
        "role": one.role,
        "areas": list(one.areas),
        "created_ms": one.created_ms,
        "signed_in_ms": one.signed_in_ms,
        "disabled_ms": one.disabled_ms,
        "password_due": one.password_due,
        "totp": one.totp,
        "passkeys": one.passkeys,
    }


def _areas(one: Operator) -> str:
    return " ".join(one.areas) or "everywhere"


def _factor(one: Operator) -> str:
    codes = ["codes"] if one.totp else []
    keys = [f"{one.passkeys} passkeys"] if one.passkeys else []
    return ", ".join(codes + keys) or "none"


def _state(one: Operator) -> str:
    if one.disabled_ms is not None:
        return "disabled"
    return "must change password" if one.password_due else "active"
