from pidalio.agent.backoff import Backoff


def test_delays_double_to_a_limit():
    backoff = Backoff(first_seconds=1, most_seconds=5, jitter=lambda: 1.0)
    assert [backoff.after(0) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_jitter_halves_at_most():
    assert Backoff(first_seconds=1, jitter=lambda: 0.0).after(0) == 0.5


def test_what_ran_long_starts_from_the_beginning():
    backoff = Backoff(first_seconds=1, lasting_seconds=60, jitter=lambda: 1.0)
    assert [backoff.after(0), backoff.after(59), backoff.after(60)] == [1, 2, 1]
