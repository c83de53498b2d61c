"""Does it do anything? What of the rules reaches a proxy, what some request can select, and what loses to another rule.

It stands beside the push: nothing that is compiled or sent depends on it, and it is computed when somebody asks.
"""

from pidalio.effectiveness.door import Door, door
from pidalio.effectiveness.reach import reach
from pidalio.effectiveness.verdict import Standing, Verdict

__all__ = ["Door", "Standing", "Verdict", "door", "reach"]
