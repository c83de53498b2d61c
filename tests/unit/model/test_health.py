"""Several sources' words about one instance amount to one health."""

import pytest

from pidalio.model import Health, combined

WELL, ILL, LEAVING, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.DRAINING, Health.UNKNOWN


@pytest.mark.parametrize(
    ("words", "health"),
    [
        ([], UNKNOWN),
        ([UNKNOWN], UNKNOWN),
        ([WELL, UNKNOWN], WELL),
        ([WELL, ILL], ILL),
        ([ILL, UNKNOWN], ILL),
        ([WELL, LEAVING], LEAVING),
        ([ILL, LEAVING], LEAVING),
    ],
)
def test_any_source_takes_an_instance_out_and_silence_is_no_word(words, health):
    assert combined(words) is combined(reversed(words)) is health
