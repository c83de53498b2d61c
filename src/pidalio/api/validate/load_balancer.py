"""LoadBalancerSettings: hashing and warm-up (reference §1.2)."""

import re

from pidalio.api.findings import Findings
from pidalio.api.traffic_policy import ConsistentHashLB, HTTPCookie, LoadBalancerSettings, WarmupConfiguration
from pidalio.api.validate.headers import header_mistake
from pidalio.api.validate.locality import check_locality, check_zone_aware
from pidalio.api.validate.values import check_distinct, check_not_negative, check_positive, check_range

TABLE_MAX = 5_000_011
_ENDS_COOKIE = re.compile(r"[;\x00-\x1f\x7f]")


def check_load_balancer(settings: LoadBalancerSettings, path: str, found: Findings) -> None:
    """Note everything that is wrong with load-balancer settings."""
    if settings.consistent_hash:
        _check_hash(settings.consistent_hash, f"{path}.consistentHash", found)
    if settings.warmup:
        _check_warmup(settings.warmup, f"{path}.warmup", found)
    check_positive(settings.warmup_duration_secs, f"{path}.warmupDurationSecs", found)
    if settings.locality_lb_setting:
        check_locality(settings.locality_lb_setting, f"{path}.localityLbSetting", found)
    if settings.zone_aware_lb_setting:
        check_zone_aware(settings.zone_aware_lb_setting, f"{path}.zoneAwareLbSetting", found)
        if settings.locality_lb_setting:
            message = "localityLbSetting and zoneAwareLbSetting exclude each other: keep one"
            found.error("bad-locality", f"{path}.zoneAwareLbSetting", message)


def _check_hash(consistent: ConsistentHashLB, path: str, found: Findings) -> None:
    cookie = consistent.http_cookie
    keys = (consistent.http_header_name, cookie, consistent.use_source_ip, consistent.http_query_parameter_name)
    if not any(keys):
        message = "name what is hashed: httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName"
        found.error("bad-hash", path, message)
    if mistake := header_mistake((consistent.http_header_name or "a").removeprefix(":")):
        found.error("bad-header", f"{path}.httpHeaderName", mistake)
    if cookie:
        _check_cookie(cookie, f"{path}.httpCookie", found)
    check_not_negative(consistent.minimum_ring_size, f"{path}.minimumRingSize", found)
    if consistent.ring_hash:
        check_not_negative(consistent.ring_hash.minimum_ring_size, f"{path}.ringHash.minimumRingSize", found)
    if consistent.maglev and consistent.maglev.table_size and not _is_table(consistent.maglev.table_size):
        message = f"the size of a Maglev table is a prime below {TABLE_MAX}, such as 65537"
        found.error("bad-hash", f"{path}.maglev.tableSize", message)


def _check_cookie(cookie: HTTPCookie, path: str, found: Findings) -> None:
    """Note what cannot be written into a Set-Cookie header as it stands."""
    if not cookie.name:
        found.error("missing-field", f"{path}.name", "a cookie has a name")
    check_distinct(tuple(attribute.name for attribute in cookie.attributes), f"{path}.attributes", found)
    attributes = [(f"{path}.attributes[{index}]", one) for index, one in enumerate(cookie.attributes)]
    for where, name in ((f"{path}.name", cookie.name or "a"), *((f"{at}.name", one.name) for at, one in attributes)):
        if header_mistake(name):
            found.error("bad-hash", where, f"{name!r} is no name in a cookie: letters, digits, '-' and '_'")
    for where, text in ((f"{path}.path", cookie.path), *((f"{at}.value", one.value) for at, one in attributes)):
        if _ENDS_COOKIE.search(text):
            found.error(
                "bad-hash", where, "a semicolon, or what is not printable, ends a part of a cookie: leave it out"
            )


def _is_table(size: int) -> bool:
    if not 2 <= size < TABLE_MAX:
        return False
    return all(size % divisor for divisor in range(2, int(size**0.5) + 1))


def _check_warmup(warmup: WarmupConfiguration, path: str, found: Findings) -> None:
    if warmup.duration is None:
        found.error("missing-field", f"{path}.duration", "a warm-up has a length, e.g. duration: 60s")
    check_positive(warmup.duration, f"{path}.duration", found)
    if warmup.minimum_percent is not None:
        check_range(warmup.minimum_percent, 0, 100, f"{path}.minimumPercent", found)
    if warmup.aggression is not None and warmup.aggression <= 0:
        found.error("out-of-range", f"{path}.aggression", "the aggression is above 0; 1 grows evenly")
