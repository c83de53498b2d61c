"""Every code that the resilience lint can give, with one sentence each; codes are stable, messages may change."""

from pidalio.model import Code

CODES: dict[str, Code] = {
    "attempts-multiply": Code(
        "Retries of several hops multiply: one request may become more than ten at the end of a chain of calls.",
        "Let one hop repeat requests and state `attempts: 0` at the others, or lower `attempts`.",
    ),
    "retries-beyond-timeout": Code(
        "A route's timeout ends the request before all its tries could run into `perTryTimeout`.",
        "Lengthen `timeout`, shorten `perTryTimeout`, or lower `attempts`.",
    ),
    "retries-without-budget": Code(
        "Nothing bounds how many requests are repeated at once: when all fail, load grows by what `attempts` says.",
        "State `retryBudget`, or `connectionPool.http.maxRetries`, in the DestinationRule of the host.",
    ),
    "retries-off-elsewhere": Code(
        "A rule switches retries off, but some callers reach its destination by another route, which repeats requests.",
        "State `attempts: 0` in that route too, or make the rule govern those callers.",
    ),
    "outlier-never-ejects": Code(
        "Outlier detection ejects nothing: `maxEjectionPercent` of the instances is less than one, or no error counts.",
        "Raise `maxEjectionPercent` (10 by default, which needs ten instances), or run more instances.",
    ),
    "outlier-ejects-all": Code(
        "All instances may be ejected at once, and panic is off: every request is answered 503 then.",
        "State a `maxEjectionPercent` below 100, or `minHealthPercent`, below which all get requests again.",
    ),
    "failover-without-ejection": Code(
        "Localities are ordered, but nothing ever leaves one: without outlier detection the setting does nothing.",
        "State `outlierDetection` for the same hosts.",
    ),
}
