"""Each state of each place is told once over each channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from changedet.errors import ServiceError
from changedet.watch.alerts import Alert, alerts_of, begin, deliver
from changedet.watch.journal import silent
from tests.watch.builders import look, sighting, summary


@dataclass
class Told:
    """A channel that remembers, and fails when told to."""

    name: str = "told"
    keys: list[str] = field(default_factory=list)
    down: bool = False

    def send(self, alert: Alert) -> None:
        if self.down:
            raise ServiceError("down")
        self.keys.append(alert.key)


def alerts() -> list[Alert]:
    return alerts_of([summary(look(1, sighting(scenes=("s1",))), look(2, sighting(scenes=("s2",)), sighting(x=9)))])


def go_on() -> bool:
    return False


def test_the_order_is_that_of_time_and_keys_do_not_repeat() -> None:
    found = alerts()
    assert found[0].state == "provisional"
    assert sorted(alert.state for alert in found) == ["confirmed", "provisional", "provisional"]
    assert len({alert.key for alert in found}) == 3


def test_nothing_is_told_twice(tmp_path: Path) -> None:
    told = Told()
    begin(tmp_path, [], [told])
    assert deliver(tmp_path, alerts(), [told], silent, go_on).sent == 3
    assert deliver(tmp_path, alerts(), [told], silent, go_on).sent == 0
    assert told.keys == [alert.key for alert in alerts()]


def test_what_could_not_be_told_is_told_later_in_order(tmp_path: Path) -> None:
    told = Told(down=True)
    begin(tmp_path, [], [told])
    down = deliver(tmp_path, alerts(), [told], silent, go_on)
    assert (down.sent, down.pending) == (0, 3)
    assert down.problem is not None
    told.down = False
    up = deliver(tmp_path, alerts(), [told], silent, go_on)
    assert (up.sent, up.pending, up.problem) == (3, 0, None)
    assert told.keys == [alert.key for alert in alerts()]


def test_one_channel_down_does_not_hold_up_the_other(tmp_path: Path) -> None:
    down, up = Told("down", down=True), Told("up")
    begin(tmp_path, [], [down, up])
    deliver(tmp_path, alerts(), [down, up], silent, go_on)
    assert len(up.keys) == 3


def test_a_new_channel_is_not_told_the_history_of_an_archive(tmp_path: Path) -> None:
    old, new = alerts()[:1], alerts()
    told = Told()
    begin(tmp_path, old, [told])
    begin(tmp_path, new, [told])
    deliver(tmp_path, new, [told], silent, go_on)
    assert told.keys == [alert.key for alert in new[1:]]


def test_a_stop_between_two_alerts_loses_none(tmp_path: Path) -> None:
    told = Told()
    begin(tmp_path, [], [told])
    deliver(tmp_path, alerts(), [told], silent, lambda: len(told.keys) == 1)
    assert len(told.keys) == 1
    deliver(tmp_path, alerts(), [told], silent, go_on)
    assert told.keys == [alert.key for alert in alerts()]
