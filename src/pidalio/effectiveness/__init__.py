"""Does it do anything? What of the rules reaches a proxy, what some request can select, and what loses to another rule.

It stands beside the push: nothing that is compiled or sent depends on it, and it is computed when somebody asks.
`survey` looks at all objects for some proxies, `reach` at the routes of one virtual host.
"""

from pidalio.effectiveness.callers import implied_proxies
from pidalio.effectiveness.door import Door, door
from pidalio.effectiveness.finding import Finding, summed, told
from pidalio.effectiveness.reach import reach
from pidalio.effectiveness.survey import ObjectStatus, Survey, survey, survey_steps
from pidalio.effectiveness.verdict import Standing, Verdict

__all__ = [
    "Door",
    "Finding",
    "ObjectStatus",
    "Standing",
    "Survey",
    "Verdict",
    "door",
    "implied_proxies",
    "reach",
    "summed",
    "survey",
    "survey_steps",
    "told",
]
