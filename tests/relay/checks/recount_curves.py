"""A campaign over time: its curves, how long its mail took, and what is usual for its sender."""

import html
import math
import re
import statistics

from recount_events import HOUR, LOW, QUARTER, share
from recount_pages import number, span

# How many earlier campaigns are compared, among how many, and below how many there is no usual.
COMPARED, AMONG, FEWEST = 10, 500, 3
GROWN_UP = 400 * HOUR


def of_curves(check, campaign, name, page, per_hour, earlier):
    """Every row of the curve's table, however many hours apart they are."""
    table = page.in_section("curves")
    check.same(f"{name} is shown", bool(table), campaign.first_delivery is not None)
    if not table:
        return
    n, rows = campaign.counts, table[0].rows
    has_usual = any("Usual" in head for head in table[0].head)
    hours = [int(row[0]) for row in rows]
    check.same(f"{name} hours", hours, sorted(set(hours)))
    # A young campaign's curve ends at its age, a day's at the last hour in which anything happened.
    age = (check.now - campaign.start) // HOUR + 1
    last = max(len(campaign.hours()), min(age, 24))
    check.within(f"{name} last hour", hours[-1], min(last, 400), min(last, 400))
    usual = UsualCurve(comparable(campaign, earlier), campaign, check.now)
    check.same(f"{name} has a usual line", has_usual, usual.exists)
    if usual.exists:
        check.said(f"{name} usual of", page.words, r"usual is the middle of ([\d,]+) earlier campaigns", len(usual.tracked))
    words = re.search(r"By now opened is (\S+) low and (\S+) high, clicked (\S+)\.", page.text)
    for shown, rate in zip(words.groups() if words else [""] * 3, ("open_low", "open_high", "click")):
        check.percent(f"{name} in words {rate}", html.unescape(shown), [campaign.rates[rate]])
    for row, hour in zip(rows, hours):
        till = campaign.start + hour * HOUR
        reached, before = campaign.reached(till), campaign.reached(till - HOUR)
        added = {key: reached[key] - (before[key] if per_hour and hour > 1 else 0) for key in reached}
        check.same(f"{name} {hour} delivered", number(row[1]), reached["delivered"])
        check.percent(f"{name} {hour} low", row[2], [share(added["low"], n["with_pixel"])])
        check.percent(f"{name} {hour} high", row[3], [share(added["high"], n["with_pixel"])])
        check.percent(f"{name} {hour} clicked", row[-1], [share(added["clicked"], n["with_links"])])
        if has_usual and usual.exists:
            check.percent(f"{name} {hour} usual", row[4], [usual.at(hour, per_hour)])


def of_spans(check, name, cell, group):
    """How long half of the mail took until its 250, and 95 in a hundred. The relay keeps spans in eight steps to a
    doubling, which are at most 5 % off; a page writes whole seconds, minutes, hours or days. All other sites together
    have none."""
    if group is None or not group.counts["delivered"]:
        check.same(f"{name} time to 250", cell, "–")
        return
    took = sorted(person.events["delivered"] - person.events["accepted"] for person in group.counted if person.state == "delivered")
    shown = [" ".join(words) for words in zip(cell.split()[::2], cell.split()[1::2])]
    check.same(f"{name} time to 250", len(shown), 2)
    for words, part in zip(shown, (0.5, 0.95)):
        wanted, ends = took[max(math.ceil(part * len(took)), 1) - 1], span(words)
        check.compared += 1
        if not ends or ends[1] < wanted * 0.95 - 2 or ends[0] > max(wanted, 1) * 1.05 + 2:
            check.differs(f"{name} time to 250 of {part:.0%}", words, f"{wanted} ms")


def comparable(campaign, earlier):
    """The last ten that began before, of a tenth to ten times the size, among the last 500; mail of no campaign is none."""
    if campaign.name == "(none)" or campaign.first_delivery is None:
        return []
    size, last = len(campaign.counted), sorted((one for one in earlier if one.began < campaign.began), key=lambda one: -one.began)
    fits = [
        one for one in last[:AMONG]
        if one.name != "(none)" and size <= 10 * len(one.counted) <= 100 * size
        and one.first_delivery is not None and one.first_delivery <= campaign.first_delivery
    ]
    return fits[:COMPARED]


class AtAge:
    """How a campaign stood when it was so old; its age counts from the first delivery, in quarters of an hour."""

    def __init__(self, campaign, age):
        self.campaign, self.till = campaign, campaign.start + age + QUARTER if age < GROWN_UP else math.inf

    def count(self, *kinds):
        return self.campaign.count(self.till, *kinds)

    def rates(self):
        to_deliver = self.count("recipients") - self.count("suppressed", "cancelled")
        delivered = self.count("delivered")
        return {
            "Delivered": share(delivered, to_deliver), "Bounced or expired": share(self.count("bounced", "expired"), to_deliver),
            "Opened, low–high": share(self.opened, self.pixels),
            "Clicked": share(self.count(("clicked", "human")), self.count("with_links")),
            "Left": share(self.count("unsubscribed", "complained"), delivered),
        }

    @property
    def pixels(self):
        return self.count("with_pixel")

    @property
    def opened(self):
        return self.count(*LOW)


def of_usual(check, campaign, name, page, earlier):
    """From where to where the comparable ones lay at this one's age, and their middle."""
    others = comparable(campaign, earlier)
    found = [AtAge(one, age_of(campaign, check.now)).rates() for one in others]
    rates = {tile: sorted(one[tile] for one in found if one[tile] is not None) for tile in (found[0] if found else [])}
    for tile in ("Delivered", "Opened, low–high", "Clicked", "Bounced or expired", "Left"):
        words = page.tiles.get(tile, ("missing", ""))[1].partition("usual")[2]
        wanted = rates.get(tile, [])
        if len(others) < FEWEST or len(wanted) < FEWEST:
            check.same(f"{name} tile {tile} usual", words, "")
            continue
        check.percent(f"{name} tile {tile} usual", words, [wanted[0], wanted[-1], statistics.median(wanted)])


class UsualCurve:
    """The middle of the low opens by each hour, as of all that carried a pixel at this one's age."""

    def __init__(self, others, campaign, now):
        stood = [(one, AtAge(one, age_of(campaign, now))) for one in others]
        self.tracked = [(one, then) for one, then in stood if share(then.opened, then.pixels) is not None]
        self.exists = len(self.tracked) >= FEWEST

    def at(self, hour, per_hour):
        found = []
        for one, then in self.tracked:
            low = lambda hours: one.count(min(one.start + hours * HOUR, then.till), *LOW)
            found.append((low(hour) - (low(hour - 1) if per_hour and hour > 1 else 0)) / then.pixels)
        return statistics.median(found)


def age_of(campaign, now):
    return now - now % QUARTER - campaign.start
