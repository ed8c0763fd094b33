"""The overview over every range of time, and the lists of campaigns."""

import datetime
import re

from recount_campaign import of_site
from recount_events import HOUR, Campaign
from recount_pages import number
from recount_times import Clock, Series

# Days that are looked at one by one.
DAYS = 40


def of_lists(check, mode, campaigns):
    """The overview, and the list of campaigns; each name with the campaign that is shown under it."""
    whole = Campaign("all", mode, [person for campaign in campaigns.values() for person in campaign.counted])
    page = check.page(f"/?range=all&mode={mode}")
    for words, rows in [
        ("overview", page.rows_of("campaigns")),
        ("campaigns", [row for table in check.page(f"/campaigns?mode={mode}").tables for row in table.rows]),
    ]:
        for row in rows:
            of_listed(check, f"{words} ({mode})", mode, campaigns, row)
    groups = whole.grouped([row[0] for row in page.rows_of("sites")])
    for row in page.rows_of("sites"):
        of_site(check, f"overview ({mode}) site {row[0]}", row, groups[row[0] if row[0] in groups else ""], row[4:6])
    of_ranges(check, mode, whole)


def of_listed(check, words, mode, campaigns, row):
    """A row of a list of campaigns."""
    name, _, _ = row[0].partition(" sandbox ") if mode == "sandbox" else (row[0], 0, 0)
    fits = [value for key, value in campaigns.items() if name == key or name.startswith(key + " ")]
    if not fits:
        check.differs(f"{words} {row[0]}", "listed", "no such campaign")
        return
    one = max(fits, key=lambda campaign: len(campaign.name))
    rates, span, at = one.rates, one.intervals["click"] or {"low": None, "high": None}, f"{words} {one.name}"
    check.same(f"{at} recipients", number(row[2]), one.counts["recipients"])
    waiting = re.search(r"([\d,]+) waiting", row[3])
    check.same(f"{at} waiting", number(waiting[1]) if waiting else 0, one.counts["queued"])
    check.percent(f"{at} delivered", row[3].split()[0], [rates["delivery"]])
    check.percent(f"{at} opened", row[4], [rates["open_low"], rates["open_high"]])
    check.percent(f"{at} clicked", row[5], [rates["click"], span["low"], span["high"]])
    check.percent(f"{at} bounced", row[6], [rates["bounce"]])


def of_ranges(check, mode, whole):
    """Each range that is offered, each day on which something happened, all these days, and a day before."""
    series = Series(whole.counted)
    check.text("/")
    clock = Clock(check.page("/how").zone, check.now)
    begins = {
        "24h": lambda clock: clock.hour_of(clock.now - 23 * HOUR), "all": lambda clock: series.first,
        **{f"{days}d": lambda clock, days=days: days_ago(clock, days - 1) for days in (7, 30, 90)},
    }
    for key, begin in begins.items():
        of_range(check, f"range={key}", mode, (whole, series), clock, lambda clock: (begin(clock), clock.now))
    days = sorted({clock.local(at).date() for at in series.quarters})
    day = datetime.timedelta(days=1)
    spans = [(one, one) for one in days[-DAYS:]] + [(days[0], days[-1]), (days[0] - day, days[0] - day)]
    for first, last in dict.fromkeys(spans):
        dates = lambda clock: (clock.midnight(first), clock.midnight(last + day) - 1)
        of_range(check, f"from={first}&to={last}", mode, (whole, series), clock, dates)


def days_ago(clock, days):
    return clock.midnight(clock.today - datetime.timedelta(days=days))


def of_range(check, query, mode, numbers, clock, ends):
    """Tiles, and every row of the two charts."""
    (whole, series), name = numbers, f"overview ({mode}) {query}"
    page = check.page(f"/?{query}&mode={mode}")
    clock = Clock(page.zone, check.now)
    begin, end = ends(clock)
    counted = series.between(begin, end)
    of_tiles(check, name, page, counted)
    check.said(f"{name} recipients", page.words, r"(-?[\d,]+) recipients", counted.counts["recipients"])
    check.same(f"{name} tile Waiting now", number(page.tiles.get("Waiting now", ("missing", ""))[0]), whole.counts["queued"])
    check.said(f"{name} tile Waiting now", page.tiles.get("Waiting now", ("", ""))[1], r"([\d,]+) tried before", whole.counts["deferred"])
    tables = page.in_section("charts")
    check.same(f"{name} shows charts", len(tables), 0 if series.is_quiet(begin, end) else 2)
    each = re.search(r"Sent by (hour|day|month)", page.words)
    if not tables or not each:
        return
    # Months of nothing before the first mail tell nothing.
    begin = max(begin, series.first) if each[1] == "month" else begin
    points = series.points(clock, begin, end, each[1])
    of_words(check, name, page, [point for _, point in points])
    columns = [
        lambda n: (n.counts["recipients"], n.counts["delivered"], n.failed),
        lambda n: (*n.opens, n.counts["clicked"]["human"]),
    ]
    for table, column in zip(tables, columns):
        check.same(f"{name} chart {table.head[1:]} rows", [row[0] for row in table.rows], [called for called, _ in points])
        for row, (called, point) in zip(table.rows, points):
            check.same(f"{name} chart {table.head[1:]} {called}", tuple(map(number, row[1:4])), column(point))
        shown = tuple(sum(number(row[at]) for row in table.rows) for at in (1, 2, 3))
        check.same(f"{name} chart {table.head[1:]} sums", shown, column(counted))


def of_words(check, name, page, points):
    """What the charts say for those who do not see them."""
    count, last, some = (lambda n: n.counts), points[0], r"([\d,]+)"
    wanted = (max(count(n)["recipients"] for n in points), count(last)["recipients"], count(last)["delivered"], last.failed)
    words = rf"Most accepted: {some} \([^)]*\)\. Last: {some} accepted, {some} delivered, {some} bounced or expired"
    check.said(f"{name} chart sent in words", page.text, words, wanted)
    wanted = (max(n.opens[1] for n in points), *last.opens, count(last)["clicked"]["human"])
    words = rf"Most opened, at most: {some} \([^)]*\)\. Last: opened by {some} to {some}, clicked by {some}"
    check.said(f"{name} chart read in words", page.text, words, wanted)


def of_tiles(check, name, page, counted):
    """Rates, counts, and intervals. Where a range has more of something than it is divided by there is no rate."""
    n, (low, high) = counted.counts, counted.opens
    for tile, shares, counts in [
        ("Delivered", ["delivery"], f"{n['delivered']} of {counted.to_deliver}"),
        ("Opened, low–high", ["open_low", "open_high"], f"{low}–{high} of {n['with_pixel']}"),
        ("Clicked", ["click"], f"{n['clicked']['human']} of {n['with_links']}"),
        ("Bounced or expired", ["bounce"], f"{counted.failed} of {counted.to_deliver}"),
    ]:
        value, words = page.tiles.get(tile, ("missing", ""))
        check.percent(f"{name} tile {tile}", value, [counted.rates[share] for share in shares])
        check.same(f"{name} tile {tile} counts", words.split(" interval")[0].replace(",", "").strip(), counts)
        span = counted.intervals[shares[0]] or {"low": None, "high": None}
        check.percent(f"{name} tile {tile} interval", words.partition("interval")[2], [span["low"], span["high"]])
