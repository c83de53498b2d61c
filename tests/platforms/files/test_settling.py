from pidalio.api.load import Loaded, load
from pidalio.model import Report, Severity
from pidalio.platforms.files.settling import Look, Patience, Seen, Settling

PATIENCE = Patience(quiet=1, doubt=3, hold=20, together=5)


def service(name: str, port: int = 80) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: {port}}}]}}\n"


def seen(text: str) -> Seen:
    return Seen(text, load(text, "x"))


GOOD, OTHER, BROKEN, EMPTY = seen(service("a")), seen(service("b")), seen("a: ["), seen("")
MISSING = Seen("missing", Loaded((), (), (Report(Severity.ERROR, "no-such-file", "gone"),)))


class World:
    """A settling that is told what lies in the folder `r` at a time, and takes what it believes."""

    def __init__(self, **files: Seen) -> None:
        self.settling = Settling(PATIENCE)
        self.at(0, **files)

    def at(self, now: float, *, take: bool = True, **files: Seen) -> dict[str, str | None]:
        look = Look({f"r/{name}": one for name, one in files.items()}, (), frozenset() if files else frozenset({"r"}))
        return self.believe(look, now, take=take)

    def believe(self, look: Look, now: float, *, take: bool = True) -> dict[str, str | None]:
        units = self.settling.looked(look, now)
        if take:
            self.settling.accept(units)
        return {unit: one and (one.parsed[0].ref.name if one.parsed else "") for unit, one in units.items()}


def test_the_first_look_is_believed_at_once_and_as_a_whole():
    settling = Settling(PATIENCE)
    units = settling.looked(Look({"a": GOOD, "b": BROKEN, "c": EMPTY}), 0)
    assert units == {"a": GOOD.loaded, "b": BROKEN.loaded, "c": EMPTY.loaded}
    settling.accept(units)
    assert settling.looked(Look({"a": GOOD, "b": BROKEN, "c": EMPTY}), 0) == {}
    assert settling.next_look() is None


def test_a_change_is_believed_once_it_was_quiet():
    world = World(a=GOOD)
    assert world.at(10, a=OTHER) == {}
    assert world.settling.next_look() == 11
    assert world.at(10.5, a=OTHER) == {}
    assert world.at(11, a=OTHER) == {"r/a": "b"}
    assert world.at(12, a=OTHER) == {}


def test_a_file_that_keeps_changing_is_not_believed_until_it_rests():
    world = World(a=GOOD)
    for now in range(10, 20):
        assert world.at(now, a=seen(service("c", now))) == {}
    assert world.at(20, a=seen(service("c", 19))) == {"r/a": "c"}


def test_the_time_that_a_large_file_took_to_parse_counts_as_quiet():
    world = World(a=GOOD)
    large = Seen(OTHER.digest, OTHER.loaded, age=0.75)
    assert world.at(10, a=large) == {}
    assert world.settling.next_look() == 10.25
    assert world.at(10.25, a=large) == {"r/a": "b"}


def test_a_file_that_took_long_to_parse_is_looked_at_once_more():
    world = World(a=GOOD)
    assert world.at(10, a=Seen(OTHER.digest, OTHER.loaded, age=7)) == {}
    again = world.settling.next_look()
    assert again is not None
    assert again > 10
    assert world.at(again, a=GOOD) == {}


def test_a_change_taken_back_is_no_change():
    world = World(a=GOOD)
    world.at(10, a=OTHER)
    assert world.at(10.5, a=GOOD) == {}
    assert world.settling.next_look() is None


def test_a_broken_read_is_read_again_before_it_is_told():
    world = World(a=GOOD)
    assert world.at(10, a=BROKEN) == {}
    assert world.at(12, a=OTHER) == {}
    assert world.at(13, a=OTHER) == {"r/a": "b"}
    assert world.at(20, a=BROKEN) == {}
    assert world.at(22, a=BROKEN) == {}
    assert world.at(23, a=BROKEN) == {"r/a": ""}


def test_a_file_truncated_to_be_written_anew_is_not_taken_for_empty():
    world = World(a=GOOD)
    assert world.at(10, a=EMPTY) == {}
    assert world.at(12, a=GOOD) == {}
    assert world.at(20, a=EMPTY) == {}
    assert world.at(23, a=EMPTY) == {"r/a": ""}


def test_a_file_that_vanishes_for_a_moment_is_not_removed():
    world = World(a=GOOD, b=GOOD)
    assert world.at(10, b=GOOD) == {}
    assert world.at(12, a=GOOD, b=GOOD) == {}
    assert world.at(20, b=GOOD) == {}
    assert world.at(23, b=GOOD) == {"r/a": None}


def test_a_move_between_files_is_one_step():
    world = World(a=GOOD, z=OTHER)
    assert world.at(10, b=GOOD, z=OTHER) == {}
    assert world.at(11, b=GOOD, z=OTHER) == {}
    assert world.at(13, b=GOOD, z=OTHER) == {"r/a": None, "r/b": "a"}


def test_a_file_that_never_rests_holds_the_others_only_for_a_while():
    world = World(a=GOOD, b=GOOD)
    delivered = {}
    for now in range(10, 20):
        if delivered := world.at(now, a=OTHER, b=seen(service("c", now))):
            break
    assert (now, delivered) == (16, {"r/a": "b"})


def test_an_emptied_folder_is_held_before_it_is_believed():
    world = World(a=GOOD, b=GOOD)
    assert world.at(10) == {}
    assert world.at(29) == {}
    assert world.at(30) == {"r/a": None, "r/b": None}


def test_a_folder_that_is_emptied_and_slowly_filled_again_loses_nothing():
    world = World(a=GOOD, b=GOOD)
    world.at(10)
    world.at(15)
    assert world.at(16, a=GOOD) == {}
    assert world.at(34, a=GOOD) == {}
    assert world.at(34.5, a=GOOD, b=GOOD) == {}
    assert world.settling.next_look() is None


def test_a_folder_filled_again_without_a_file_has_lost_it_in_the_end():
    world = World(a=GOOD, b=GOOD)
    world.at(10)
    assert world.at(15, a=GOOD) == {}
    assert world.at(30, a=GOOD) == {"r/b": None}


def test_files_of_a_missing_folder_stay_for_as_long_as_it_is_missing():
    world = World(a=GOOD)
    gone = Look({"r": MISSING}, ("r",), frozenset({"r"}))
    assert world.believe(gone, 10) == {}
    assert world.believe(gone, 13) == {"r": ""}
    assert world.believe(gone, 1000) == {}
    assert world.at(1001, a=GOOD) == {}
    assert world.at(1100, a=GOOD) == {"r": None}


def test_what_was_not_taken_comes_again():
    world = World(a=GOOD)
    world.at(10, a=OTHER)
    assert world.at(11, take=False, a=OTHER) == {"r/a": "b"}
    assert world.at(12, take=False, a=OTHER) == {"r/a": "b"}
    assert world.at(13, a=OTHER) == {"r/a": "b"}
    assert world.at(14, a=OTHER) == {}
