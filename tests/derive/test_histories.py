"""Random programs, random histories: memo == scratch, and `changes.outputs` are exactly the outputs that differ."""

from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.derive import programs
from tests.derive.programs import Boom, World, answer, applied, check_graph, nodes

from pidalio.derive import Database


class History:
    """One program run twice, remembered and from scratch, with what has been reported so far."""

    def __init__(self, program: Any, *, layered: bool) -> None:
        self.world = World(program, layered=layered)
        self.memo = Database()
        self.scratch = Database(memo=False)
        self.reported: dict[Any, Any] = {}

    def expected(self, call: Any) -> Any:
        query, args = call
        return answer(lambda: query(self.scratch, *args))

    def apply(self, edit: Any) -> None:
        edit = {self.world.tables[table]: rows for table, rows in edit.items()}
        for node in nodes(self.memo):
            if node.query.output:
                self.reported.setdefault((node.query, node.args), node.value)
        runs_only_once = not any(isinstance(self.expected(call), type) for call in self.world.calls)
        changes, failed = applied(self.memo, edit)
        assert self.scratch.apply(edit).outputs is None
        runs_only_once &= not any(isinstance(self.expected(call), type) for call in self.world.calls)
        now = {call: self.expected(call) for call in self.reported}
        differ = {
            call: (old, now[call])
            for call, old in self.reported.items()
            if not isinstance(now[call], type) and now[call] != old
        }
        assert changes.outputs == differ
        assert failed == any(isinstance(value, type) for value in now.values())
        self.reported = {call: old for call, old in self.reported.items() if isinstance(now[call], type)}
        if runs_only_once:
            assert len(set(changes.ran)) == len(changes.ran)
        assert changes.generation == self.scratch.generation

    def ask(self, calls: Any) -> None:
        for number in calls:
            query, args = self.world.calls[number % len(self.world.calls)]
            assert answer(lambda query=query, args=args: query(self.memo, *args)) == self.expected((query, args))

    def collect(self, calls: Any) -> None:
        roots = [self.world.calls[number % len(self.world.calls)] for number in calls]
        kept = {call: node for call in roots if (node := self.memo.memos[call[0]].get(call[1])) is not None}
        self.memo.collect(roots)
        self.reported = {call: old for call, old in self.reported.items() if call in roots}
        assert all(self.memo.memos[query][args] is node for (query, args), node in kept.items())
        needed = set(kept.values())
        open_nodes = list(needed)
        while open_nodes:
            for source in open_nodes.pop().sources:
                if source in nodes(self.memo) and source not in needed:
                    needed.add(source)
                    open_nodes.append(source)
        assert set(nodes(self.memo)) == needed

    def check(self) -> None:
        check_graph(self.memo)
        for node in nodes(self.memo):
            assert node.value == self.expected((node.query, node.args))
        interned: dict[Any, Any] = {}
        for node in nodes(self.memo):
            if node.query.intern:
                assert interned.setdefault((node.query, node.value), node.value) is node.value


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs.programs(), st.booleans(), st.lists(programs.steps(), min_size=2, max_size=12))
def test_remembered_equals_scratch_after_every_step(program: Any, layered: bool, history: Any) -> None:
    run = History(program, layered=layered)
    run.ask(range(len(run.world.calls)))
    for step, what in history:
        note(f"{step} {what}")
        getattr(run, step)(what)
        run.check()
    run.ask(range(len(run.world.calls)))
    run.check()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs.programs(), st.booleans(), st.lists(programs.steps(), min_size=2, max_size=12), st.data())
def test_an_interruption_anywhere_leaves_answers_right(program: Any, layered: bool, history: Any, data: Any) -> None:
    run = History(program, layered=layered)
    run.ask(range(len(run.world.calls)))

    class Interrupted(BaseException):
        pass

    def interrupt(_query: Any, _args: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Interrupted

    for step, what in history:
        left = data.draw(st.integers(0, 6))
        run.memo.trace = interrupt
        try:
            if step == "apply":
                edit = {run.world.tables[table]: rows for table, rows in what.items()}
                run.scratch.apply(edit)
                applied(run.memo, edit)
            elif step == "ask":
                run.ask(what)
            else:
                run.memo.collect([run.world.calls[number % len(run.world.calls)] for number in what])
        except Interrupted:
            note(f"interrupted {step} {what}")
        run.memo.trace = None
        run.ask(data.draw(st.lists(st.integers(0, 8 * programs.ARGS - 1), max_size=3)))
    applied(run.memo, {run.world.tables[0]: {0: None}, run.world.tables[1]: {0: 1}})
    run.scratch.apply({run.world.tables[0]: {0: None}, run.world.tables[1]: {0: 1}})
    run.ask(range(len(run.world.calls)))
    run.check()


def test_the_programs_raise_and_catch_what_they_should() -> None:
    world = World([(("try", ("call", 1, 0), 7), False, False), (("raise", ("row", 0, 0)), False, False)])
    memo = Database()
    memo.apply({world.tables[0]: {0: 1}})
    assert world.queries[0](memo, 0) == 7
    assert answer(lambda: world.queries[1](memo, 0)) is Boom
