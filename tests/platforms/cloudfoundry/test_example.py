"""The files of `examples/cloudfoundry`: the settings are read, and the rules pick the instances of what is pushed."""

import json
from pathlib import Path

import yaml
from tests.platforms.cloudfoundry.cells import message

from pidalio.api.load import load
from pidalio.history import SqliteHistory
from pidalio.platforms.cloudfoundry.directory import Directory
from pidalio.platforms.cloudfoundry.known import AppInfo, Known
from pidalio.platforms.cloudfoundry.messages import read
from pidalio.platforms.cloudfoundry.settings import CloudFoundrySettings
from pidalio.platforms.offers import offered
from pidalio.rules.clusters import ClusterKey, endpoints_of
from pidalio.rules.destination_rules import subsets
from pidalio.rules.visibility import ANYBODY
from pidalio.server.control_plane import ControlPlane
from pidalio.server.settings_file import read_settings

FOLDER = Path(__file__).parents[3] / "examples" / "cloudfoundry"
HOST = "shop.apps.example.com"


def test_the_settings_are_settings():
    (one,) = read_settings(FOLDER / "settings.yaml").platforms
    assert isinstance(one.settings, CloudFoundrySettings)
    assert one.settings.servers == ("nats://10.0.16.5:4222", "nats://10.0.16.6:4222")
    assert one.settings.client == "pidalio"


async def test_the_rules_pick_the_instances_of_what_is_pushed(tmp_path):
    """What the manifest pushes is registered as a platform does it."""
    directory = Directory(CloudFoundrySettings(nats="h"))
    apps, number = {}, 0
    for app in yaml.safe_load((FOLDER / "manifest.yml").read_text())["applications"]:
        apps[app["name"]] = AppInfo(app["name"], labels=tuple(app["metadata"]["labels"].items()))
        for _ in range(app["instances"]):
            number += 1
            body = message("", f"10.0.0.{number}", 61000, guid=str(number), app=app["name"])
            uris = [route["route"] for route in app["routes"]]
            directory.registry.register(read(json.dumps(body | {"uris": uris}).encode()), 0)
    directory.learn(Known(apps))
    directory.remap(directory.all_hosts())
    history = await SqliteHistory.open(tmp_path / "history.db")
    control = ControlPlane(history)
    control.feed("cf", offered("cf", directory.offers()))
    loaded = load((FOLDER / "rules" / "shop.yaml").read_text(), "shop.yaml")
    applied = await control.apply(loaded.parsed, author="test")
    assert not applied.is_refused, applied
    named = [one.name for one in subsets(control.world, ANYBODY, (HOST, "default"))]
    keys = [ClusterKey(HOST, "default", 80, one) for one in named]
    plans = [endpoints_of(control.world, key).localities for key in keys]
    assert {name: [len(each.endpoints) for each in plan] for name, plan in zip(named, plans, strict=True)} == {
        "v1": [3],
        "v2": [1],
    }
    await history.close()
