"""What a change tells: who runs it, who lags, who refused it and why."""

import pytest

from pidalio.cli.changing import dry_lines, live_lines
from pidalio.http.wire import LiveAnswer, LiveView, RejectionView
from pidalio.model import ObjectRef, Place

ID = "sidecar~10.0.0.{0}~web-{0}.default~default.svc.cluster.local"


def lines(*proxies: LiveView) -> list[str]:
    return list(live_lines("revision 3", LiveAnswer(9, settled=True, proxies=proxies), 0.25))


def test_live() -> None:
    found = lines(LiveView(ID.format(1), "live", 9), LiveView(ID.format(2), "live", 9))
    assert found == ["revision 3: live on 2 of 2 proxies concerned, after 0.25 s"]


def test_nobody_concerned_or_left() -> None:
    for proxies in ((), (LiveView(ID.format(1), "gone", -1),)):
        assert lines(*proxies) == ["revision 3: live; it concerns no connected proxy"]


def test_lagging_with_what_it_waits_for() -> None:
    found = lines(LiveView(ID.format(1), "live", 9), LiveView(ID.format(2), "lagging", 8, "the answer to VirtualHost"))
    assert found == [
        "revision 3: not live everywhere: on 1 of 2 proxies concerned, after 0.25 s",
        "  web-2.default lags: the answer to VirtualHost",
    ]


def test_refused_with_the_line_of_the_rule() -> None:
    refused = RejectionView(
        "VirtualHost",
        "http_proxy/x",
        "v",
        "bad regex",
        ObjectRef("VirtualService", "default", "x"),
        "http[0]",
        Place("x.yaml", 7),
    )
    found = lines(LiveView(ID.format(1), "rejected", 9, "", (refused,)))
    assert found[1] == (
        "  x.yaml:7: web-1.default refused VirtualHost http_proxy/x: bad regex (from VirtualService default/x http[0])"
    )


def test_many_are_counted() -> None:
    found = lines(*(LiveView(ID.format(number), "lagging", 8, "x") for number in range(500)))
    assert len(found) == 22
    assert found[-1] == "  and 480 more"


@pytest.mark.parametrize(
    ("concerned", "last"),
    [
        ({}, "dry run: 0 resources of 0 proxies would change; nothing was done"),
        (
            {ID.format(1): {"VirtualHost": ("a", "b")}, ID.format(2): {"VirtualHost": ("a",)}},
            "dry run: 2 resources of 2 proxies would change; nothing was done",
        ),
    ],
)
def test_dry_runs_count_shared_resources_once(concerned: dict, last: str) -> None:
    found = list(dry_lines(concerned))
    assert found[-1] == last
    assert len(found) == len(concerned) + 1
