"""Draw a plot as SVG: the same figures give the same bytes."""

import leather
from tests.behaviour.claims import Plot

_COLOURS = ("#2b6cb0", "#dd6b20", "#2f855a", "#805ad5")
_WIDTH, _LINES_HEIGHT, _BAR_HEIGHT, _FRAME = 760, 340, 24, 150
for _part in ("title", "legend", "axis_title", "tick"):
    setattr(leather.theme, f"{_part}_font_family", "Monaco, Menlo, Consolas, monospace")


def drawn(plot: Plot) -> str:
    """Return the plot as an SVG document."""
    chart = leather.Chart(plot.title)
    if plot.lines:
        for colour, (name, points) in zip(_COLOURS, plot.lines.items(), strict=False):
            chart.add_line([(round(x, 3), round(y, 2)) for x, y in points], name=name, stroke_color=colour)
        chart.add_x_axis(name=plot.x)
        chart.add_y_axis(name=plot.y)
        return f"{chart.to_svg(width=_WIDTH, height=_LINES_HEIGHT)}\n"
    colours = dict(zip(plot.bars, _COLOURS, strict=False))
    bars = [
        (round(value, 2), f"{group}: {name}") for group, found in plot.bars.items() for name, value in found.items()
    ]
    chart.add_bars(bars, fill_color=lambda bar: colours[bar.y.partition(": ")[0]])
    chart.add_x_axis(name=plot.y)
    return f"{chart.to_svg(width=_WIDTH, height=_FRAME + _BAR_HEIGHT * len(bars))}\n"
