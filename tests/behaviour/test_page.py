"""docs/behaviour.md says what the rows are and what was kept of their last measurement."""

from tests.behaviour import page
from tests.behaviour.claims import Claim, Plot, even, share, share_below
from tests.behaviour.plots import drawn
from tests.behaviour.rows import ROWS


def test_page_is_what_rows_and_figures_say():
    _, _, rest = page.PAGE.read_text().partition(f"{page.BEGIN}\n")
    assert rest.partition(page.END)[0] == page.rendered(ROWS), "run `make behaviour` for the rows that changed"


def test_every_kept_claim_holds():
    claims = [Claim(**one) for row in ROWS for one in page.kept(row)["claims"]]
    assert [claim for claim in claims if not claim.holds and not claim.timed] == []


def test_nothing_is_kept_of_rows_that_are_gone():
    plots = {f"{name}.svg" for row in ROWS for name in page.kept(row)["plots"]}
    assert {path.name for path in page.FOLDER.iterdir()} == plots | {f"{row.name}.json" for row in ROWS}


def test_plots_are_the_same_each_time():
    for plot in (
        Plot("bars", "Bars", "x", "y", bars={"one": {"a": 1, "b": 2}, "two": {"a": 3}}),
        Plot("lines", "Lines", "x", "y", lines={"one": [(0, 1), (1, 2)]}),
    ):
        assert drawn(plot) == drawn(plot)
        assert "<script" not in drawn(plot)


def test_claims_of_chance_can_fail():
    assert share("", 300, 1000, 0.3).holds
    assert not share("", 500, 1000, 0.3).holds
    assert share_below("", 20, 1000, 0.2).holds
    assert not share_below("", 190, 1000, 0.2).holds
    assert even("", [200, 210, 190, 205, 195]).holds
    assert not even("", [400, 110, 190, 105, 195]).holds


def test_chi_square_tail_is_the_known_one():
    # Four degrees of freedom: 13.277 is exceeded once in a hundred.
    (chance,) = (float(even("", [1000 + each for each in (0, 0, 0, 81, -81)]).measured.rpartition(" ")[2]),)
    assert abs(chance - 0.0105) < 0.001
