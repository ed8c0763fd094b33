"""Counts every number of every campaign again from what `postrider export` prints, and compares it with JSON, CSV and pages.

Arguments: the exported lines (a file), the web listener's URL, a credential as `name:password`, a session's cookie.
Shares nothing with the relay: the rules are those of the published definitions. Prints each difference by its name and how
many numbers were compared; ends with 1 when anything differs. The pages are read with the times and names that they show.
"""

import csv
import io
import itertools
import json
import re
import sys
import urllib.parse
import urllib.request

from recount_events import CLASSES, STATES, Campaign, flat, read
from recount_pages import Page, number, percents

DEEDS = ["opened", "clicked", "unsubscribed", "complained", "nothing"]


class Check:
    """The relay as it shows itself, beside what it should show."""

    def __init__(self, url, login, cookie):
        self.url, self.cookie = url, cookie
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, url, *login.split(":", 1), is_authenticated=True)
        self.api = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        self.compared = self.differences = 0

    def differs(self, name, shown, wanted):
        self.differences += 1
        print(f"{name}: shown {shown!r}, counted {wanted!r}")

    def same(self, name, shown, wanted):
        self.compared += 1
        close = isinstance(wanted, float) and isinstance(shown, (int, float)) and abs(shown - wanted) <= 0.000051
        if shown != wanted and not close:
            self.differs(name, shown, wanted)

    def percent(self, name, shown, wanted):
        """Rates as a page writes them: rounded to the decimals that it shows; a dash where there is none."""
        shown, wanted = percents(shown), [share for share in wanted if share is not None]
        if len(shown) == 1 and len(wanted) == 2:
            shown *= 2
        self.compared += max(len(wanted), 1)
        fits = len(shown) == len(wanted) and all(
            abs(value - 100 * share) <= max(0.5 * 10**-decimals if decimals else 0.0501, 0.00501)
            for (value, decimals), share in zip(shown, wanted)
        )
        if not fits:
            self.differs(name, shown, [100 * share for share in wanted])

    def json(self, path):
        with self.api.open(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def text(self, path):
        request = urllib.request.Request(self.url + path, headers={"Cookie": self.cookie})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def csv(self, path):
        return list(csv.DictReader(io.StringIO(self.text(path))))

    def page(self, path):
        return Page.of(self.text(path))

    def fields(self, name, shown, wanted):
        """Each field that was counted; `shown` is flat, of JSON or of CSV."""
        for key, value in wanted.items():
            found = shown.get(key, "missing")
            if isinstance(found, str) and isinstance(value, (int, float)) and found not in ("", "missing"):
                found = float(found)
            if value is None and found == "":
                found = None
            # An apostrophe stands before what a spreadsheet would take for a formula.
            if isinstance(found, str) and isinstance(value, str) and found == "'" + value:
                found = value
            self.same(f"{name} {key}", found, value)

    def rows(self, name, shown, wanted, key):
        """A table: the same rows, by their key, with the same fields."""
        shown = {key(row): row for row in map(flat, shown)}
        self.same(f"{name} rows", sorted(map(str, shown)), sorted(map(str, wanted)))
        for at, fields in wanted.items():
            if at in shown:
                self.fields(f"{name} {at}", shown[at], fields)


def of_campaign(check, campaign, listed):
    """JSON, CSV and the page of one campaign."""
    name = f"{campaign.name} ({campaign.mode})"
    ident, mode = listed["id"], f"mode={campaign.mode}"
    place, page = f"/api/v1/campaigns/{urllib.parse.quote(campaign.name, safe='')}", f"/campaigns/{ident}"
    whole = check.json(f"{place}?{mode}")
    numbers = campaign.numbers()
    check.fields(f"{name} JSON", flat(whole), numbers)
    check.fields(f"{name} list's JSON", flat(listed), numbers)
    links = check.json(f"{place}/links?{mode}")["links"]
    by_link = campaign.links(links)
    link_key = lambda row: (int(row["position"]), row["url"].removeprefix("'"))
    sites = check.json(f"{place}/sites?{mode}")["sites"]
    by_site = campaign.sites([row["site"] for row in sites if row["site"]])
    site_key = lambda row: row["site"]
    refusal_key, hour_key = (lambda row: row["class"]), (lambda row: int(row["hour"]))
    for table, wanted, key in [
        ("links", by_link, link_key),
        ("sites", by_site, site_key),
        ("hours", campaign.hours(), hour_key),
        ("refusals", campaign.refusals(), refusal_key),
    ]:
        check.rows(f"{name} {table} JSON", check.json(f"{place}/{table}?{mode}")[table], wanted, key)
        check.rows(f"{name} {table} CSV", check.csv(f"{page}/{table}.csv"), wanted, key)
    check.rows(f"{name} links in JSON", whole["links"], by_link, link_key)
    of_people(check, campaign, name, place, page)
    shown = check.page(page)
    of_tiles(check, campaign, name, shown)
    of_funnel(check, campaign, name, shown)
    of_tables(check, campaign, name, shown, by_link, by_site)


def of_people(check, campaign, name, place, page):
    """Who is listed, for every filter, and what is said of each."""
    mode = f"mode={campaign.mode}"
    everyone = {person.ident: person.fields() for person in campaign.counted}
    entries = list(all_people(check, f"{place}/people?{mode}"))
    check.rows(f"{name} people JSON", entries, everyone, lambda row: row["id"])
    check.rows(f"{name} people CSV", check.csv(f"{page}/people.csv"), everyone, lambda row: row["id"])
    positions = sorted({position for person in campaign.counted for position in person.followed()})[:3]
    filters = [{"state": state} for state in STATES] + [{"class": one} for one in CLASSES]
    filters += [{"did": did, "class": one} for did in DEEDS[:2] for one in ["", *CLASSES]]
    filters += [{"did": did} for did in DEEDS[2:]] + [{"did": "nothing", "state": "delivered"}, {"q": "a@"}]
    filters += [{"link": str(at), "class": one} for at in positions for one in ["", *CLASSES]]
    for wished in filters:
        query = urllib.parse.urlencode({key: value for key, value in wished.items() if value})
        wanted = sorted(person.ident for person in campaign.counted if person.fits(**{k: v for k, v in wished.items() if v}))
        entries = list(all_people(check, f"{place}/people?{mode}&{query}"))
        check.same(f"{name} people {query} JSON", sorted(entry["id"] for entry in entries), wanted)
        shown = check.page(f"{page}/people?{query}")
        rows = sum(len(table.rows) for table in shown.tables)
        check.same(f"{name} people {query} on the page", rows, min(50, len(wanted)))
        if fit := re.search(r"([\d,.\u202f\u00a0]+) (that fit|in all)", shown.words):
            check.same(f"{name} people {query} said to fit", number(fit[1]), len(wanted))
        if len(wanted) <= 1000:
            listed = check.csv(f"{page}/people.csv?{query}")
            check.same(f"{name} people {query} CSV", sorted(row["id"] for row in listed), wanted)


def all_people(check, path):
    """Every stretch of a list of people."""
    after = ""
    while True:
        answer = check.json(f"{path}&limit=1000{after}")
        yield from answer["people"]
        if answer["next"] is None:
            return
        after = f"&after={answer['next']}"


def of_tiles(check, campaign, name, page):
    """The first numbers of a page: rates, and what they are of."""
    n, rates, spans = campaign.counts(), campaign.rates(), campaign.intervals()
    low, high = campaign.opens()
    for tile, shares, interval, counts in [
        ("Delivered", ["delivery"], ["delivery"], [n["delivered"], campaign.to_deliver()]),
        ("Opened, low–high", ["open_low", "open_high"], ["open_low", "open_high"], [low, n["with_pixel"]]),
        ("Clicked", ["click"], ["click"], [n["clicked"]["human"], n["with_links"]]),
        ("Bounced or expired", ["bounce"], ["bounce"], [n["bounced"], n["expired"]]),
    ]:
        value, words = page.tiles.get(tile, ("missing", ""))
        check.percent(f"{name} tile {tile}", value, [rates[share] for share in shares])
        if rates[shares[0]] is None:
            continue
        ends = [end for span in interval for end in (spans[span]["low"], spans[span]["high"])]
        said = re.findall(r"interval (?:of \w+ )?([\d.]+–[\d.]+%)", words)
        check.percent(f"{name} tile {tile} interval", " ".join(said), ends)
        own = [number(found) for found in re.findall(r"(?<![\d.])\d[\d,\u202f]*(?![\d.%–])", words.split("interval")[0])]
        wanted = [high - low] if tile.startswith("Opened") else []
        check.same(f"{name} tile {tile} counts", [one for one in own if one in counts + wanted] != [], True)
        for count in counts + [more for more in wanted if more]:
            check.same(f"{name} tile {tile} says {count}", count in own, True)


def of_funnel(check, campaign, name, page):
    """What became of all, and the table of classes."""
    n, rates = campaign.counts(), campaign.rates()
    low, high = campaign.opens()
    rows = {}
    for table in page.in_section("funnel"):
        rows.update({row[0]: row for row in table.rows})
    failed = n["bounced"] + n["expired"]
    for step, count in [
        ("Recipients", n["recipients"]), ("suppressed before sending", n["suppressed"]), ("cancelled", n["cancelled"]),
        ("bounced or expired", failed), ("still waiting", n["queued"]),
        ("without a pixel", n["delivered"] - n["with_pixel"]), ("without a tracked link", n["delivered"] - n["with_links"]),
    ]:
        shown = rows.get(step, ["", "missing"])[-1]
        check.same(f"{name} funnel {step}", number(shown.split("·")[0]), count)
    for step, shares, count in [
        ("Delivered", ["delivery"], str(n["delivered"])), ("Clicked", ["click"], str(n["clicked"]["human"])),
        ("Opened", ["open_low", "open_high"], f"{low}–{high}" if high != low else str(low)),
        ("Unsubscribed", [], str(n["unsubscribed"])), ("Complained", [], str(n["complained"])),
    ]:
        rate, _, people = rows.get(step, ["", "missing"])[-1].rpartition(" ")
        check.same(f"{name} funnel {step}", people.replace(",", "").replace("\u202f", ""), count)
        if shares:
            check.percent(f"{name} funnel rate {step}", rate, [rates[share] for share in shares])
    for one in CLASSES:
        row = rows.get(one, [one, "missing", "missing"])
        check.same(f"{name} classes opened {one}", number(row[1]), n["opened"][one])
        check.same(f"{name} classes clicked {one}", number(row[2]), n["clicked"].get(one, 0))
    for words, key in [("All pixel fetches", "opened"), ("All link hits", "clicked")]:
        said = re.search(rf"{words}: ([\d,\u202f]+)", page.words)
        check.same(f"{name} {words}", number(said[1]) if said else None, n[key]["total_events"])


def of_tables(check, campaign, name, page, by_link, by_site):
    """Links, sites, refusals, programs and the curve's numbers."""
    for row in itertools.chain(*(table.rows for table in page.in_section("links"))):
        position = int(row[0].split()[0])
        fits = [fields for (at, url), fields in by_link.items() if at == position and row[0].split(" personal ")[0].endswith(url)]
        if not fits:
            check.differs(f"{name} link {row[0]}", "on the page", "nowhere")
            continue
        link, words = fits[0], f"{name} page's link {position}"
        check.same(f"{words} people", number(row[1]), link["human"])
        check.percent(words, row[2], [link["rates_click"], link["intervals_click_low"], link["intervals_click_high"]])
        check.same(f"{words} hits", number(row[-1]), link["total_events"])
        if len(row) > 4:
            check.same(f"{words} unknown", number(row[3]), link["unknown"])
            check.same(f"{words} scanners", number(row[4]), link["scanner"])
    named = [row[0] for table in page.in_section("sites") for row in table.rows if row[0] in by_site]
    groups = campaign.grouped(named)
    for row in itertools.chain(*(table.rows for table in page.in_section("sites"))):
        of_site(check, f"{name} page's site {row[0]}", row, groups[row[0] if row[0] in groups else ""], row[5:7])
    refusals = campaign.refusals()
    for row in itertools.chain(*(table.rows for table in page.in_section("bounces"))):
        refusal = next((value for key, value in refusals.items() if f" {key} " in f"{row[0]} "), None)
        wanted = (refusal["bounced"], refusal["deferrals"]) if refusal else None
        check.same(f"{name} page's refusal {row[0][:40]}", (number(row[1].split()[0]), number(row[2])), wanted)
    for table in page.in_section("devices"):
        programs = campaign.programs("family" if table.head[0] == "Client" else "device")
        for row in table.rows:
            wanted = programs.get(row[0].lower(), programs.get("") if "not" in row[0].lower() else None)
            check.same(f"{name} program {row[0]}", (number(row[1]), number(row[3])), wanted)
    hours = campaign.hours()
    for row in itertools.chain(*(table.rows for table in page.in_section("curves"))):
        hour, n = hours[int(row[0]) - 1], campaign.counts()
        check.same(f"{name} curve {row[0]} delivered", number(row[1]), hour["delivered"])
        pixel, linked = n["with_pixel"], n["with_links"]
        check.percent(f"{name} curve {row[0]} low", row[2], [hour["opened_low"] / pixel if pixel else None])
        check.percent(f"{name} curve {row[0]} high", row[3], [hour["opened_high"] / pixel if pixel else None])
        check.percent(f"{name} curve {row[0]} clicked", row[-1], [hour["clicked"] / linked if linked else None])


def of_site(check, name, row, group, reads):
    """A row of a table of receiving sites."""
    n, rates = group.counts(), group.rates()
    check.same(f"{name} to deliver", number(row[1]), group.to_deliver())
    check.percent(f"{name} delivered", row[2], [rates["delivery"]])
    check.same(f"{name} waiting", number(row[3].split()[0]), n["queued"])
    check.percent(f"{name} opened", reads[0], [rates["open_low"], rates["open_high"]])
    span = group.intervals()["click"] or {"low": None, "high": None}
    check.percent(f"{name} clicked", reads[1], [rates["click"], span["low"], span["high"]])


def of_lists(check, mode, campaigns):
    """The overview, and the list of campaigns."""
    whole = Campaign("all", mode, [person for campaign in campaigns for person in campaign.counted])
    page = check.page(f"/?range=all&mode={mode}")
    of_overview_tiles(check, f"overview ({mode})", page, whole)
    named = {campaign.name: campaign for campaign in campaigns}
    for words, rows in [
        ("overview", itertools.chain(*(table.rows for table in page.in_section("campaigns")))),
        ("campaigns", itertools.chain(*(table.rows for table in check.page(f"/campaigns?mode={mode}").tables))),
    ]:
        for row in rows:
            name, _, _ = row[0].partition(" sandbox ") if mode == "sandbox" else (row[0], 0, 0)
            fits = [value for key, value in named.items() if name == key or name.startswith(key + " ")]
            if not fits:
                check.differs(f"{words} ({mode}) {row[0]}", "listed", "no such campaign")
                continue
            one = max(fits, key=lambda campaign: len(campaign.name))
            rates, span, at = one.rates(), one.intervals()["click"] or {"low": None, "high": None}, f"{words} ({mode}) {one.name}"
            check.same(f"{at} recipients", number(row[2]), one.counts()["recipients"])
            waiting = re.search(r"([\d,]+) waiting", row[3])
            check.same(f"{at} waiting", number(waiting[1]) if waiting else 0, one.counts()["queued"])
            check.percent(f"{at} delivered", row[3].split()[0], [rates["delivery"]])
            check.percent(f"{at} opened", row[4], [rates["open_low"], rates["open_high"]])
            check.percent(f"{at} clicked", row[5], [rates["click"], span["low"], span["high"]])
            check.percent(f"{at} bounced", row[6], [rates["bounce"]])
    groups = whole.grouped([row[0] for table in page.in_section("sites") for row in table.rows])
    for row in itertools.chain(*(table.rows for table in page.in_section("sites"))):
        of_site(check, f"overview ({mode}) site {row[0]}", row, groups[row[0] if row[0] in groups else ""], row[4:6])


def of_overview_tiles(check, name, page, whole):
    """Rates, counts, intervals, and the sums of what the charts show."""
    n, rates, spans, (low, high) = whole.counts(), whole.rates(), whole.intervals(), whole.opens()
    for tile, shares, counts in [
        ("Delivered", ["delivery"], f"{n['delivered']} of {whole.to_deliver()}"),
        ("Opened, low–high", ["open_low", "open_high"], f"{low}–{high} of {n['with_pixel']}"),
        ("Clicked", ["click"], f"{n['clicked']['human']} of {n['with_links']}"),
        ("Bounced or expired", ["bounce"], f"{n['bounced'] + n['expired']} of {whole.to_deliver()}"),
    ]:
        value, words = page.tiles.get(tile, ("missing", ""))
        check.percent(f"{name} tile {tile}", value, [rates[share] for share in shares])
        if rates[shares[0]] is None:
            continue
        check.same(f"{name} tile {tile} counts", words.split(" interval")[0].replace(",", "").strip(), counts)
        span = spans[shares[0]]
        check.percent(f"{name} tile {tile} interval", words.partition("interval")[2], [span["low"], span["high"]])
    check.same(f"{name} tile Waiting now", number(page.tiles.get("Waiting now", ("missing", ""))[0]), n["queued"])
    points = [table for table in page.in_section("charts")]
    wanted = [(n["recipients"], n["delivered"], n["bounced"] + n["expired"]), (low, high, n["clicked"]["human"])]
    for table, sums in zip(points, wanted):
        shown = tuple(sum(number(row[at]) for row in table.rows) for at in (1, 2, 3))
        check.same(f"{name} chart {table.head[1:]}", shown, sums)


def main():
    lines, url, login, cookie = sys.argv[1:]
    check = Check(url, login, cookie)
    with open(lines, encoding="utf-8") as exported:
        campaigns = read(map(json.loads, exported))
    for mode in ("live", "sandbox"):
        of_mode = [campaign for campaign in campaigns if campaign.mode == mode]
        listed = {row["campaign"]: row for row in check.json(f"/api/v1/campaigns?mode={mode}")["campaigns"] if row["mode"] == mode}
        check.same(f"campaigns ({mode})", sorted(listed), sorted(campaign.name for campaign in of_mode))
        rows = [row for row in check.csv(f"/campaigns.csv?mode={mode}") if row["mode"] == mode]
        key = lambda row: row["campaign"].removeprefix("'")
        check.rows(f"campaigns CSV ({mode})", rows, {campaign.name: campaign.numbers() for campaign in of_mode}, key)
        for campaign in of_mode:
            if campaign.name in listed:
                of_campaign(check, campaign, listed[campaign.name])
        if of_mode:
            of_lists(check, mode, of_mode)
    print(f"{check.compared} numbers compared, {check.differences} differences")
    sys.exit(check.differences > 0)


if __name__ == "__main__":
    main()
