import os

import hypothesis

pytest_plugins = ["tests.platforms.servers.counting"]

# What is found by chance is looked for on people's machines and at full size; a run of CI repeats the one before it.
hypothesis.settings.register_profile("pidalio", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("pidalio")


def pytest_addoption(parser):
    parser.addoption("--golden-update", action="store_true", help="rewrite the files that golden tests compare with")
