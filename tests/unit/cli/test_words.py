"""Kinds, proxies, durations and spans as people write and read them."""

import click
import pytest

from pidalio.cli.durations import Percent, Seconds
from pidalio.cli.naming import kind_named, short_proxy
from pidalio.cli.output import ago, counted
from pidalio.errors import UsageError


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("VirtualService", "VirtualService"),
        ("virtualservices", "VirtualService"),
        ("vs", "VirtualService"),
        ("svc", "Service"),
        ("serviceentries", "ServiceEntry"),
        ("endpoints", "Endpoints"),
        ("Ingresses", "Ingress"),
        ("meshconfig", "MeshConfig"),
    ],
)
def test_kinds(written: str, kind: str) -> None:
    assert kind_named(written) == kind


def test_an_unknown_kind_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean VirtualService"):
        kind_named("VirtualServise")


def test_proxies_are_shown_short() -> None:
    assert short_proxy("sidecar~10.0.0.7~reviews-v1-0.default~default.svc.cluster.local") == "reviews-v1-0.default"
    assert short_proxy("something") == "something"


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("2m", 120), ("500ms", 0.5), ("10", 10), ("1.5", 1.5)])
def test_durations(text: str, seconds: float) -> None:
    assert Seconds().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1x"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Seconds().convert(text, None, None)


@pytest.mark.parametrize("text", ["nan", "-1", "100.5", "inf", "half"])
def test_what_is_no_percentage(text: str) -> None:
    assert Percent().convert("0.0001", None, None) == 0.0001
    with pytest.raises(click.BadParameter):
        Percent().convert(text, None, None)


def test_spans_and_counts() -> None:
    assert [ago(seconds) for seconds in (-1, 59, 60, 7199, 86400 * 3)] == ["0s", "59s", "1m", "1h", "3d"]
    assert (counted(1, "proxy", "proxies"), counted(2, "proxy", "proxies"), counted(0, "report")) == (
        "1 proxy",
        "2 proxies",
        "0 reports",
    )
