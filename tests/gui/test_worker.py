from __future__ import annotations

import gc
import threading

import pytest
from qtpy.QtCore import QObject, Signal

from napari_metime.errors import Cancelled, ImzMLError
from napari_metime.gui.running.worker import UNFORESEEN, Latest, Outcome
from napari_metime.gui.widgets.collecting import Collecting
from napari_metime.gui.widgets.docked import DockedWidget


@pytest.fixture
def latest(qtbot):
    made = Latest("napari-metime test")
    yield made
    made.close()


def test_only_the_newest_of_many_requests_is_answered_and_those_between_are_never_started(latest, qtbot):
    started, answers, running = [], [], threading.Event()

    def work(number):
        def run(on_progress):
            started.append(number)
            running.set()
            while number == 0:
                on_progress(0.0, "")
            return number

        return run

    latest.ask(work(0), answers.append)
    assert running.wait(5)
    for number in range(1, 6):
        latest.ask(work(number), answers.append)
    qtbot.waitUntil(lambda: not latest.is_working)
    assert started == [0, 5]
    assert [answer.value for answer in answers] == [5]


def test_never_more_than_one_thread_works(latest, qtbot):
    at_work, most = [], []

    def work(on_progress):
        at_work.append(1)
        most.append(len(at_work))
        try:
            for _ in range(200):
                on_progress(0.5, "")
        finally:
            at_work.pop()

    for _ in range(30):
        latest.ask(work, lambda _: None)
        qtbot.wait(1)
    qtbot.waitUntil(lambda: not latest.is_working)
    assert max(most) == 1


def test_an_answer_to_what_was_cancelled_is_dropped(latest, qtbot):
    release, answers = threading.Event(), []
    latest.ask(lambda _: release.wait(5), answers.append)
    latest.cancel()
    release.set()
    qtbot.waitUntil(lambda: not latest.is_working)
    assert answers == []


def test_a_quick_answer_is_there_without_a_turn_of_the_event_loop(qtbot):
    latest, answers = Latest("napari-metime test", waits=True), []
    latest.ask(lambda _: 1, answers.append)
    qtbot.waitUntil(lambda: not latest.is_working)
    latest.ask(lambda _: 2, answers.append)
    assert [answer.value for answer in answers] == [1, 2]
    qtbot.wait(20)
    assert len(answers) == 2


def test_a_slow_answer_does_not_stop_the_window(qtbot):
    latest, answers, release = Latest("napari-metime test", waits=True), [], threading.Event()
    latest.ask(lambda _: 1, answers.append)
    qtbot.waitUntil(lambda: not latest.is_working)
    latest.ask(lambda _: release.wait(10), answers.append)
    assert len(answers) == 1
    release.set()
    qtbot.waitUntil(lambda: len(answers) == 2)
    latest.close()


def test_closing_leaves_no_thread(qtbot):
    latest = Latest("napari-metime closing")
    started = threading.Event()

    def work(on_progress):
        while True:
            started.set()
            on_progress(0.0, "")

    latest.ask(work, pytest.fail)
    assert started.wait(5)
    latest.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "napari-metime closing"]


@pytest.mark.parametrize(
    ("error", "problem"), [(ImzMLError("in words"), "in words"), (ZeroDivisionError(), UNFORESEEN), (Cancelled(), "")]
)
def test_a_problem_is_told_in_words(latest, qtbot, monkeypatch, error, problem):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    outcomes: list[Outcome] = []

    def work(_):
        raise error

    latest.ask(work, outcomes.append)
    qtbot.waitUntil(lambda: bool(outcomes))
    assert outcomes[0].problem == problem


def test_what_only_the_collector_frees_is_freed_in_the_thread_of_the_window(latest, qtbot):
    """Qt's timers, widgets and textures crash the program where another thread frees them."""
    freed_in, answers = [], []

    class Ring:
        def __init__(self):
            self.itself = self

        def __del__(self):
            freed_in.append(threading.current_thread().name)

    def work(_):
        rings = [[i] for i in range(20_000)]  # by itself the collector would start here, many times
        release.wait(5)
        return len(rings)

    release = threading.Event()
    Ring()
    latest.ask(work, answers.append)
    qtbot.waitUntil(lambda: bool(freed_in))
    release.set()
    qtbot.waitUntil(lambda: bool(answers) and gc.isenabled())
    assert set(freed_in) == {threading.main_thread().name}


def test_as_long_as_a_dock_is_open_the_collector_starts_between_events_alone(qtbot):
    """Inside a call of Qt it may free what waits for a lock that the call holds: the window would hang for ever."""
    dock, freed = DockedWidget(), []

    class Ring:
        def __init__(self):
            self.itself = self

        def __del__(self):
            freed.append(True)

    qtbot.addWidget(dock)
    Ring()
    rings = [[i] for i in range(20_000)]  # by itself the collector would start here, many times
    assert not freed
    qtbot.waitUntil(lambda: bool(freed))
    assert len(rings) == 20_000
    assert not gc.isenabled()
    dock.destroyed.emit()
    qtbot.waitUntil(gc.isenabled)


def test_without_an_application_the_collector_is_left_alone():
    Collecting(None).while_alive(threading.Thread())
    assert gc.isenabled()


def test_the_collector_is_on_again_when_the_application_quits(qtbot):
    class Application(QObject):
        aboutToQuit = Signal()

    application = Application()
    Collecting(application).while_alive(threading.Thread())
    assert not gc.isenabled()
    application.aboutToQuit.emit()
    assert gc.isenabled()
