"""The options that say which platforms are followed, and the settings file that may say them and more."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from pidalio.platforms.installed import Configured
    from pidalio.server.settings_file import SettingsFile


def following_options() -> Callable[[Any], Any]:
    """Return the options `--platform`, `--settings`, `--minimum-healthy` and `--start-timeout`."""
    options = (
        click.option(
            "--platform",
            "platforms",
            multiple=True,
            metavar="KIND[=VALUE][?FIELD=VALUE&...]",
            help="A platform to learn services from; may be given several times, the first settles what two of them "
            "say.",
        ),
        click.option(
            "--settings",
            "settings_file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="YAML that says all this; what an option says counts instead.",
        ),
        click.option(
            "--minimum-healthy",
            type=int,
            default=20,
            show_default=True,
            metavar="PERCENT",
            help="Share of a platform's healthy instances below which its word is held back; 0 believes everything.",
        ),
        click.option(
            "--start-timeout",
            type=float,
            default=10.0,
            show_default=True,
            metavar="SECONDS",
            help="How long proxies wait for platforms that do not answer.",
        ),
    )

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those `values`, by the name of their parameter, that the user gave to the command that runs."""
    source = click.get_current_context().get_parameter_source
    return {name: value for name, value in values.items() if source(name) is not ParameterSource.DEFAULT}


def followed(file: Path | None, platforms: tuple[str, ...]) -> "tuple[SettingsFile, tuple[Configured, ...]]":
    """Return what the settings file says, and the platforms to follow; raise `UsageError` for a mistake in either."""
    from pidalio.platforms.installed import check_names, from_option
    from pidalio.server.settings_file import SettingsFile, read_settings

    stated = read_settings(file) if file else SettingsFile()
    configured = tuple(map(from_option, platforms)) or stated.platforms
    check_names(configured)
    return stated, configured
