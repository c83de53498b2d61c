"""A settings file: what it may say, what counts when flags say it too, and one line with file:line for each mistake."""

from pathlib import Path
from textwrap import dedent

import pytest

from pidalio.errors import UsageError
from pidalio.server.settings_file import SettingsFile, read_settings

WHOLE = """\
    files: [rules]
    namespace: shop
    xdsAddress: 127.0.0.1:15010
    apiAddress: 127.0.0.1:15014
    tls: {cert: server.crt, key: server.key, ca: ca.crt}
    minimumHealthy: 30
    startTimeout: 5
    platforms:
    - kind: eureka
      address: http://eureka:8761/eureka
    - kind: nomad
      name: berlin
      address: http://nomad:4646
      namespace: shop
    """


@pytest.fixture
def written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> SettingsFile:
        Path("pidalio.yaml").write_text(dedent(text))
        return read_settings(Path("pidalio.yaml"))

    return write


def test_it_says_all_that_flags_can(written, tmp_path):
    found = written(WHOLE)
    settings = found.settings(tmp_path, {})
    assert settings.files == ("rules",)
    assert (settings.namespace, settings.minimum_healthy, settings.start_timeout) == ("shop", 30, 5.0)
    assert (settings.xds_address, settings.api_address) == ("127.0.0.1:15010", "127.0.0.1:15014")
    assert settings.tls is not None
    assert settings.tls.ca == Path("ca.crt")
    assert [(one.name, one.kind.name) for one in found.platforms] == [("eureka", "eureka"), ("berlin", "nomad")]


def test_flags_count_instead(written, tmp_path):
    settings = written(WHOLE).settings(tmp_path, {"namespace": "other", "files": ("mesh",)})
    assert (settings.namespace, settings.files, settings.minimum_healthy) == ("other", ("mesh",), 30)


def test_an_empty_file_says_nothing(written, tmp_path):
    assert written("").settings(tmp_path, {}) == SettingsFile().settings(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- files", "pidalio.yaml:1: settings are a map: write `platforms:` and the like"),
        ("a: [", "pidalio.yaml:2: "),
        ("namespace: a\nnamespace: b", "pidalio.yaml:2: "),
        ("files: [a]\nplatform: []", "pidalio.yaml:2: no setting 'platform'; did you mean 'platforms'?"),
        ("files: [a]\n---\nfiles: [b]", "pidalio.yaml:3: one document is enough for settings"),
        ("files: mesh", "pidalio.yaml:1: files: Expected `array`, got `str`"),
        ("namespace: Shop", "pidalio.yaml:1: 'Shop' is no namespace"),
        ("tls:\n  cert: a\n  key: b", "pidalio.yaml:1: tls: Object missing required field `ca`"),
        ("\nminimumHealthy: 101", "pidalio.yaml:2: --minimum-healthy is a percentage: 0 to 100"),
        (
            "apiAddress: 0.0.0.0:80",
            "pidalio.yaml:1: --api-address 0.0.0.0:80 is reachable from outside: say --tls-cert",
        ),
        ("platforms:\n- name: a", "pidalio.yaml:2: kind is missing: one of "),
        ("platforms:\n- name: a\n  kind: konsul", "pidalio.yaml:3: no kind of platform 'konsul': there are "),
        (
            "platforms:\n- kind: eureka\n  address: http://a\n  adress: b",
            "pidalio.yaml:4: eureka: no field 'adress'; did you mean 'address'?",
        ),
        (
            "platforms:\n- kind: eureka\n  address: http://a\n  port: many",
            "pidalio.yaml:4: eureka: port: Expected `int`, got `str`",
        ),
        (
            "platforms:\n- kind: eureka\n  name: e\n  address: there",
            "pidalio.yaml:4: eureka: address: 'there' is not a URL",
        ),
        (
            "platforms:\n- {kind: eureka, address: http://a}\n- {kind: eureka, address: http://b}",
            "pidalio.yaml:3: two platforms are called 'eureka'",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(written, tmp_path, text, line):
    with pytest.raises(UsageError) as error:
        written(text).settings(tmp_path, {})
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(UsageError, match="it cannot be read: No such file or directory"):
        read_settings(tmp_path / "missing.yaml")


def test_what_has_no_meaning_for_a_command_is_refused(written):
    found = written("files: [a]\nxdsAddress: 127.0.0.1:1")
    with pytest.raises(UsageError, match=r"^pidalio\.yaml:2: xdsAddress has no meaning for `pidalio up`$"):
        found.require_only(("files",), "`pidalio up`")
