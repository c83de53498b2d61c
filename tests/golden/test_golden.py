"""Every case compiles to the files beside it, its calls go where they should, and Envoy takes it."""

import subprocess

import pytest
from tests.golden.case import ROOT, GoldenCase, cases, differences, observed, update

from pidalio.envoy.executable import find_envoy

_CASES = [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in cases()]


@pytest.mark.parametrize("folder", _CASES)
def test_the_input_compiles_to_what_is_kept(folder, request):
    case = GoldenCase(folder)
    assert case.intent, "input.yaml opens with one sentence of intent, as a comment that ends with a full stop"
    if request.config.getoption("--golden-update"):
        update(case)
    found = differences(case)
    name = folder.relative_to(ROOT).as_posix()
    assert not found, (
        f"{case.intent}\n" + "\n".join(found) + "\nto accept what is compiled now: "
        f"python -m pytest tests/golden -k '{name.replace('/', ' and ')}' --golden-update"
    )


@pytest.mark.parametrize("folder", _CASES)
def test_calls_go_where_they_should(folder):
    case = GoldenCase(folder)
    broken, count = [], 0
    for name, proxy in case.proxies():
        for call in case.calls_of(name):
            count += 1
            got = observed(case, proxy, call)
            broken += [
                f"{name}: {call.text} {call.headers or ''}: {key} is {got.get(key)!r}, expected {value!r}"
                for key, value in call.expected.items()
                if got.get(key) != value
            ]
    assert count, "calls.yaml lists at least one call"
    assert not broken, f"{case.intent}\n" + "\n".join(broken)


@pytest.mark.envoy
@pytest.mark.parametrize("folder", _CASES)
def test_envoy_takes_it(folder, tmp_path):
    case = GoldenCase(folder)
    for name, proxy in case.proxies():
        file = tmp_path / f"{name}.yaml"
        file.write_text(case.static_file(proxy), encoding="utf-8")
        command = [find_envoy(), "--mode", "validate", "-c", file, "--disable-hot-restart", "-l", "error"]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{name}: {answer.stderr}"


def test_there_are_cases_and_nothing_beside_them():
    assert len(_CASES) >= 20
    areas = {path for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    stray = [path for area in areas for path in area.iterdir() if not (path / "input.yaml").is_file()]
    assert not stray, f"no case: {[str(path.relative_to(ROOT)) for path in stray]}; delete them, or give each an input"


def test_updating_writes_what_is_compiled_and_deletes_what_belongs_to_nothing(tmp_path):
    folder = tmp_path / "area" / "case"
    (folder / "envoy").mkdir(parents=True)
    (folder / "input.yaml").write_text("# One service.\n---\n" + _ENTRY)
    (folder / "calls.yaml").write_text(_CALLS)
    (folder / "envoy" / "gone.yaml").write_text("x: y\n")
    case = GoldenCase(folder)
    assert cases(tmp_path) == [folder]
    assert len(differences(case)) == 3
    update(case)
    assert differences(case) == []
    assert not (folder / "envoy" / "gone.yaml").exists()
    (folder / "input.yaml").write_text("# One service.\n---\n" + _ENTRY.replace("10.0.0.1", "10.0.0.2"))
    (found,) = differences(GoldenCase(folder))
    assert "10.0.0.2" in found


_ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a, namespace: default}
spec:
  hosts: [a.com]
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints: [{address: 10.0.0.1}]
"""
_CALLS = """\
client:
  id: sidecar~10.9.9.9~client.default~default.svc.cluster.local
  calls: [{call: GET http://a.com/, to: outbound|80||a.com}]
"""
