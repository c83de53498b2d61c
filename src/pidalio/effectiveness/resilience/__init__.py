"""What happens when something fails: policies that would disappoint then, and how often a request is tried.

It looks at what holds after all merging: plans of routes and clusters, as proxies have them.
`resilience_findings` is the lint, `attempts` the prediction that a chain of calls is measured against.
"""

from pidalio.effectiveness.resilience.attempts import Failure, attempts
from pidalio.effectiveness.resilience.lint import resilience_findings

__all__ = ["Failure", "attempts", "resilience_findings"]
