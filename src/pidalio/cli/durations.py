"""Durations as options: `30s`, `1m30s`, or a number of seconds."""

from typing import Any

import click


class Seconds(click.ParamType[float]):
    """A span of time, as seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, int | float):
            return float(value)
        from pidalio.api.durations import milliseconds

        text = str(value)
        try:
            return float(milliseconds(f"{text}s" if text.replace(".", "", 1).isdigit() else text)) / 1000
        except ValueError as error:
            self.fail(str(error), param, ctx)
