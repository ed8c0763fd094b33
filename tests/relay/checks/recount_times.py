"""What happened when, on the clocks of a reader's zone: hours, days and months as the overview shows them."""

import collections
import datetime
import zoneinfo

from recount_events import HOUR, QUARTER, Numbers, tally


def quarter(at):
    return at - at % QUARTER


class Clock:
    """A zone's clocks."""

    def __init__(self, zone, now):
        self.zone = datetime.timezone.utc if zone == "UTC" else zoneinfo.ZoneInfo(zone)
        self.now = now
        self.today = self.local(now).date()

    def local(self, at):
        return datetime.datetime.fromtimestamp(at / 1000, self.zone)

    def midnight(self, date):
        """The first quarter of an hour of a date; where clocks skip midnight, the one they skip to."""
        at = datetime.datetime.combine(date, datetime.time(), datetime.timezone.utc) - datetime.timedelta(hours=16)
        at = round(at.timestamp() * 1000)
        while self.local(at).date() < date:
            at += QUARTER
        return at

    def step(self, at, each):
        """The hour, day or month that a moment is in. An hour that clocks show twice is two."""
        local = self.local(at)
        if each == "hour":
            return local.date(), local.hour, local.utcoffset()
        return local.date() if each == "day" else (local.year, local.month)

    def hour_of(self, at):
        """Where the hour begins that a moment is in."""
        at = quarter(at)
        while self.step(at - QUARTER, "hour") == self.step(at, "hour"):
            at -= QUARTER
        return at

    def called(self, at, each):
        """As a table names the step that a moment is in: with the year when it is not this one."""
        local = self.local(self.hour_of(at))
        year = "" if local.year == self.today.year else f" {local.year}"
        if each == "month":
            return f"{local:%b}{year}"
        return f"{local.day} {local:%b}{year}" + (f" {local:%H:%M}" if each == "hour" else "")

    def offset(self, at):
        minutes = self.local(at).utcoffset() // datetime.timedelta(minutes=1)
        hours, minutes, sign = abs(minutes) // 60, abs(minutes) % 60, "-" if minutes < 0 else "+"
        return "UTC" + (f"{sign}{hours}" if hours or minutes else "") + (f":{minutes:02}" if minutes else "")


class Series:
    """All that happened, by quarters of an hour: every zone's hours are made of these."""

    def __init__(self, people):
        self.quarters, self.hits = collections.defaultdict(collections.Counter), set()
        for person in people:
            for what, at in person.stamps:
                if at is not None:
                    self.quarters[quarter(at)][what] += 1
            self.hits.update(quarter(hit["at"]) for hit in person.hits)

    @property
    def first(self):
        return min(self.quarters)

    def between(self, begin, end):
        """What happened from one moment to another, the last quarter with all that is in it."""
        found = collections.Counter()
        for at, happened in self.quarters.items():
            if begin <= at <= end:
                found.update(happened)
        return Numbers(tally(found))

    def is_quiet(self, begin, end):
        return not any(begin <= at <= end for at in [*self.quarters, *self.hits])

    def points(self, clock, begin, end, each):
        """Every step from one moment to another, what it is called and what happened, the latest first."""
        begins = {}
        for at in range(quarter(begin), end + 1, QUARTER):
            begins.setdefault(clock.step(at, each), at)
        found = {step: collections.Counter() for step in begins}
        for at, happened in self.quarters.items():
            if begin <= at <= end:
                found[clock.step(at, each)].update(happened)
        names = []
        for at in begins.values():
            name = clock.called(at, each)
            names.append(f"{name} {clock.offset(at)}" if names and names[-1] == name else name)
        return [(name, Numbers(tally(found[step]))) for name, step in zip(names, begins)][::-1]
