"""What an agent asks for before it starts its Envoy."""

import pytest
from click.testing import CliRunner

from pidalio.api.local_workload import WorkloadPort
from pidalio.cli import main
from pidalio.errors import NotFound, ServerUnreachable
from pidalio.ir import ProcessPlan
from pidalio.model import Proxy
from pidalio.up.joining import AgentOptions, JoinedAgent, ServerPlace, _instance

PROXY = Proxy.from_id("sidecar~10.0.0.1~reviews-0.shop~shop.svc.cluster.local")


class Api:
    def __init__(self, answer) -> None:
        self.answer, self.asked = answer, []

    async def process(self, namespace, labels, group=""):
        self.asked.append((namespace, labels, group))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def joined(tmp_path):
    told = []
    agent = JoinedAgent(AgentOptions(ServerPlace("127.0.0.1:1"), tmp_path), told.append)
    agent.told = told
    return agent


async def test_settings_are_asked_for_by_namespace_and_labels(joined):
    api = Api(ProcessPlan(concurrency=3))
    assert await joined._settings(api, PROXY) == ProcessPlan(concurrency=3)
    assert api.asked == [("shop", (), "")]
    assert joined.told == []


@pytest.mark.parametrize("error", [ServerUnreachable("no answer"), NotFound("an older control plane")])
async def test_an_api_that_does_not_answer_keeps_no_proxy_from_starting(joined, error):
    assert await joined._settings(Api(error), PROXY) == ProcessPlan()
    (line,) = joined.told
    assert line.startswith("settings-unknown: ")
    assert str(error) in line


GROUP = {"spec": {"template": {"labels": {"app": "reviews"}, "ports": {"http": 9080, "admin": 9090}}}}


class Groups:
    """An API that knows one group."""

    async def group(self, namespace, name):
        if name != "reviews":
            raise NotFound(f"no WorkloadGroup {name} in namespace {namespace}")
        return GROUP


def described(tmp_path, **options) -> JoinedAgent:
    place = ServerPlace("127.0.0.1:1", "127.0.0.1:2")
    return JoinedAgent(AgentOptions(place, tmp_path, **({"group": "reviews"} | options)), lambda _: None)


async def test_the_group_describes_the_instance(tmp_path):
    agent = described(tmp_path)
    instance = await agent._described(Groups(), _instance(agent.options, "192.0.2.7"))
    assert (instance.name, instance.labels) == ("reviews-192-0-2-7", (("app", "reviews"),))
    assert [port.name for port in instance.ports] == ["admin", "http"]
    where, real = agent._place(instance, "192.0.2.7")
    assert (where.address, where.ports) == ("192.0.2.7", ((9090, 9090), (9080, 9080)))
    assert real == {9080: 9080, 9090: 9090}  # the program runs already


async def test_a_program_that_is_started_gets_ports_that_are_free_unless_they_are_said(tmp_path):
    own = ((WorkloadPort(name="http", port=9080), 8000),)
    agent = described(tmp_path, command=("x",), name="mine-3", ports=own)
    instance = await agent._described(Groups(), _instance(agent.options, "192.0.2.7"))
    _, real = agent._place(instance, "192.0.2.7")
    assert (instance.name, real[9080]) == ("mine-3", 8000)
    assert real[9090] not in (0, 9090)


async def test_where_connections_are_redirected_the_program_has_its_own_ports(tmp_path):
    agent = described(tmp_path, command=("x",), transparent=True)
    where, real = agent._place(await agent._described(Groups(), _instance(agent.options, "192.0.2.7")), "192.0.2.7")
    assert (where.redirected_to, real) == (15006, {9080: 9080, 9090: 9090})


async def test_a_group_that_is_not_there_keeps_the_agent_from_starting(tmp_path):
    agent = described(tmp_path, group="nope")
    with pytest.raises(NotFound, match="no WorkloadGroup nope in namespace default"):
        await agent._described(Groups(), _instance(agent.options, "192.0.2.7"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--group", "a", "--gateway", "x=y"], "say either --workload NAME (or --group NAME) or --gateway LABELS"),
        ([], "say either --workload NAME (or --group NAME) or --gateway LABELS"),
        (["--group", "one/a", "--workload", "two/b-0"], "a workload is in the namespace of its group"),
    ],
)
def test_what_contradicts_itself_is_wrong_usage(words, said):
    done = CliRunner().invoke(main, ["agent", *words])
    assert (done.exit_code, said in done.stderr) == (2, True)
