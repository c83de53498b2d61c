from pidalio.ir import HeaderEdits
from pidalio.simulate.edits import edited, ordered


def test_removals_come_first_then_set_then_add():
    edits = HeaderEdits(set=(("x", "set"),), add=(("x", "added"),), remove=("x", "y"))
    assert edited((("X", "client"), ("y", "1"), ("z", "1")), (edits,)) == (("z", "1"), ("x", "set"), ("x", "added"))


def test_empty_values_change_nothing():
    assert edited((("x", "1"),), (HeaderEdits(set=(("x", ""),), add=(("y", ""),)),)) == (("x", "1"),)


def test_of_several_destinations_the_route_has_the_last_word():
    route, destination = HeaderEdits(set=(("x", "route"),)), HeaderEdits(set=(("x", "destination"),))
    assert edited((), ordered(route, destination, single=False)) == (("x", "route"),)
    assert edited((), ordered(route, destination, single=True)) == (("x", "destination"),)


def test_no_edits_leave_no_trace():
    assert ordered(HeaderEdits(), HeaderEdits(), single=True) == ()
    assert ordered(HeaderEdits(), HeaderEdits(), single=False) == ()
