"""How often a failed request is repeated: the route's policy, the mesh's, the built-in one (reference §2.6)."""

import pytest
from tests.unit.rules.world import action, entry, mesh, mesh_config, rule

DEFAULT = ("connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes")


def policy(stated: str = "", config: str = ""):
    rest = f", retries: {stated}" if stated else ""
    documents = [entry("r", "r.com"), rule("r", "r.com", f"[{{route: [{{destination: {{host: r.com}}}}]{rest}}}]")]
    if config:
        documents.append(mesh_config(f"{{defaultHttpRetryPolicy: {config}}}"))
    return action(mesh(*documents), "r.com:80").retry


def test_the_built_in_policy():
    found = policy()
    assert (found.attempts, found.retry_on, found.status_codes, found.origin) == (2, DEFAULT, (), None)
    assert (found.per_try_timeout, found.backoff, found.host_selection_attempts) == (None, None, 5)
    assert (found.avoid_previous_hosts, found.remote_localities) == (True, False)


@pytest.mark.parametrize(
    ("stated", "conditions", "codes"),
    [
        ("{attempts: 3}", DEFAULT, ()),
        ("{attempts: 3, retryOn: 5xx}", ("5xx",), ()),
        ("{attempts: 3, retryOn: '5xx, reset'}", ("5xx", "reset"), ()),
        ("{attempts: 3, retryOn: '503'}", ("retriable-status-codes",), (503,)),
        ("{attempts: 3, retryOn: '5xx,503,504'}", ("5xx", "retriable-status-codes"), (503, 504)),
        ("{attempts: 3, retryOn: 'retriable-status-codes,503'}", ("retriable-status-codes",), (503,)),
    ],
)
def test_conditions_and_codes(stated, conditions, codes):
    found = policy(stated)
    assert (found.attempts, found.retry_on, found.status_codes) == (3, conditions, codes)
    assert found.origin.path == "http[0].retries"


def test_the_other_fields():
    found = policy(
        "{attempts: 1, perTryTimeout: 200ms, backoff: 10ms, retryRemoteLocalities: true, retryIgnorePreviousHosts: false}"
    )
    assert (found.per_try_timeout, found.backoff) == (200, 10)
    assert (found.remote_localities, found.avoid_previous_hosts) == (True, False)


def test_no_attempts_no_policy():
    assert policy("{attempts: 0}") is None


def test_the_mesh_stands_in_for_the_built_in_policy_as_a_whole():
    found = policy(config="{attempts: 5, retryOn: reset}")
    assert (found.attempts, found.retry_on, found.origin.path) == (5, ("reset",), "defaultHttpRetryPolicy")
    assert policy("{attempts: 1}", config="{attempts: 5, retryOn: reset}").retry_on == DEFAULT
    assert policy(config="{attempts: 0}") is None


def test_services_without_rules_follow_the_mesh_too():
    found = mesh(entry("r", "r.com"), mesh_config("{defaultHttpRetryPolicy: {attempts: 5}}"))
    assert action(found, "r.com:80").retry.attempts == 5
