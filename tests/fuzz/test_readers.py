"""No text, however broken, ends the readers and validators, keeps them for ever, or takes their memory.

`PIDALIO_FUZZ` multiplies the budget; seeds are fixed, so that a failure repeats.
"""

import os
import subprocess
import sys

import pytest
from tests.fuzz.corpus import ROOT, mutated, texts
from tests.fuzz.reading import check

FACTOR = int(os.environ.get("PIDALIO_FUZZ", "1"))
PATIENCE_SECONDS = 600 * FACTOR


@pytest.mark.parametrize("seed", [1, 2])
def test_broken_texts_are_reports(seed):
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.reading", str(seed), str(600 * FACTOR)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, f"this text, in base64, breaks a promise: {done.stdout}\n{done.stderr[-3000:]}"
    assert done.stdout == f"{600 * FACTOR} texts\n"


def test_a_broken_promise_is_told_with_its_text():
    script = (
        "import tests.fuzz.reading as reading\n"
        "def fails(text): raise RecursionError\n"
        "reading.check = lambda text: None if text == b'a: 1' else fails(text)\n"
        "reading.main(1, 1)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "RecursionError" in done.stderr
    assert len(done.stdout.strip()) > 20


def test_memory_is_really_bounded():
    script = (
        "import tests.fuzz.reading as reading\n"
        "reading.check = lambda text: None if text == b'a: 1' else bytearray(2 << 30)\n"
        "reading.main(1, 1)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr


def test_mutations_reach_the_validators_and_not_only_the_reader():
    from pidalio.api import load

    codes = set()
    for text in mutated(3, 600):
        for parsed in load(text, "f").parsed:
            codes |= {report.code for report in parsed.reports}
    assert len(codes) > 15
    assert len(texts()) > 30


@pytest.mark.parametrize("text", texts(), ids=lambda text: str(len(text)))
def test_the_unbroken_texts_keep_the_promises(text):
    check(text)
