"""Durations and percentages as options: `30s`, `1m30s`, or a number of seconds; `0.5`."""

import math
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


class Percent(click.FloatRange):
    """A share of a hundred; what is no number is none."""

    name = "percent"

    def __init__(self) -> None:
        super().__init__(0, 100)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the percentage."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not in the range 0<=x<=100.", param, ctx)
        return number
