"""What a search looks at anew because it changed meanwhile."""

from dataclasses import replace

import numpy as np

from benchmarks.galleries import Draw, draw_reference
from matcher.cascade import make_plan
from matcher.findings import Findings
from matcher.lineup import line_up
from matcher.planes import Shortlist
from matcher.vocabulary import Reference


def shortlist(*scores: float, first: int = 0) -> Shortlist:
    return Shortlist(first + np.arange(len(scores)), np.array(scores, np.float32))


def test_whoever_came_meanwhile_enters_a_full_list_only_above_its_last() -> None:
    plan = make_plan(line_up(draw_reference(1, Draw(minutiae=12, vectors=True))), None)
    came = [np.array([9.0, 5.0, 4.9, -np.inf], np.float32)]
    length = plan.readings[0].length
    whole = Findings(plan, [[shortlist(*np.linspace(8.0, 5.0, length))]], [length])
    assert whole.enters(0, came).tolist() == [True, True, False, False]
    # A list with room takes everybody who has a score.
    roomy = Findings(plan, [[shortlist(8.0, 5.0)]], [length])
    assert roomy.enters(0, came).tolist() == [True, True, True, False]
    # The head of a list has no room, however short it is.
    headed = Findings(plan, [[shortlist(8.0, 5.0)]], [2])
    assert headed.enters(0, came).tolist() == [True, True, False, False]


def test_queries_of_one_list_share_its_last_score() -> None:
    whole = draw_reference(1, Draw(minutiae=12, vectors=True))
    finger = replace(whole.fingers[0], other_poses=whole.fingers[1].vector[None])
    plan = make_plan(line_up(Reference((finger,))), None)
    assert len(plan.readings[0].queries) == 2
    came = [np.array([1.0, 6.0, -np.inf], np.float32), np.array([4.9, 1.0, 5.0], np.float32)]
    shared = [shortlist(9.0, 7.0), shortlist(8.0, 5.0, first=2)]
    assert Findings(plan, [shared], [4]).enters(0, came).tolist() == [False, True, True]
    assert Findings(plan, [shared], [5]).enters(0, came).tolist() == [True, True, True]
    # Whoever stands on both lists takes one place.
    twice = [shortlist(9.0, 7.0), shortlist(8.0, 6.5)]
    assert Findings(plan, [twice], [3]).enters(0, came).tolist() == [True, True, True]
    assert Findings(plan, [twice], [2]).enters(0, came).tolist() == [False, False, False]
    # One of the queries may have nobody on the list.
    alone = [shortlist(9.0, 8.0, 7.0, 6.0), shortlist()]
    assert Findings(plan, [alone], [4]).enters(0, came).tolist() == [False, True, False]
