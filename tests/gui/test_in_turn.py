"""What is put off is done once, one piece a turn, or at once for who asks for it."""

from __future__ import annotations

from qtpy.QtCore import QObject

from napari_metime.gui.running.in_turn import InTurn


def test_pieces_are_done_one_a_turn_and_in_their_order(qtbot):
    owner, done = QObject(), []
    in_turn = InTurn(owner)
    for name in "abc":
        in_turn.put(name, lambda name=name: done.append(name))
    assert done == []
    with qtbot.waitSignal(in_turn.timeout):
        pass
    assert done == ["a"]
    qtbot.waitUntil(lambda: not in_turn.isActive())
    assert done == ["a", "b", "c"]


def test_nothing_is_done_once_what_it_is_for_has_gone(qtbot):
    owner, done, there = QObject(), [], [object(), None]
    in_turn = InTurn(owner, lambda: there.pop(0))
    for name in "ab":
        in_turn.put(name, lambda name=name: done.append(name))
    qtbot.waitUntil(lambda: not in_turn.isActive())
    assert done == ["a"]
    assert "b" not in in_turn


def test_a_piece_is_done_once_as_it_was_put_off_last_or_at_once_where_asked_for(qtbot):
    owner, done = QObject(), []
    in_turn = InTurn(owner)
    in_turn.put("a", lambda: done.append("former"))
    in_turn.put("b", lambda: done.append("b"))
    in_turn.put("a", lambda: done.append("a"))
    in_turn.now("b")
    assert done == ["b"]
    assert "a" in in_turn
    assert "b" not in in_turn
    in_turn.now("b")
    qtbot.waitUntil(lambda: not in_turn.isActive())
    assert done == ["b", "a"]
