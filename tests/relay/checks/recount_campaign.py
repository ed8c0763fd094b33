"""One campaign: JSON, CSV, its people, and the tiles and tables of its page."""

import re
import urllib.parse

from recount_curves import of_curves, of_spans, of_usual
from recount_events import CLASSES, STATES, flat, share, wilson
from recount_pages import number

DEEDS = ["opened", "clicked", "unsubscribed", "complained", "nothing"]
# Lists with more people than this are counted on the page, but not fetched once more for every filter.
LISTED_MAX = 20_000


def of_campaign(check, campaign, listed, page, earlier):
    """All that is shown of one: `page` is its page, `earlier` all of its mode."""
    name = f"{campaign.name} ({campaign.mode})"
    ident, mode = listed["id"], f"mode={campaign.mode}"
    place, path = f"/api/v1/campaigns/{check.quoted(campaign.name)}", f"/campaigns/{ident}"
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
        check.rows(f"{name} {table} CSV", check.csv(f"{path}/{table}.csv"), wanted, key)
    check.rows(f"{name} links in JSON", whole["links"], by_link, link_key)
    of_people(check, campaign, name, place, path)
    of_tiles(check, campaign, name, page)
    of_funnel(check, campaign, name, page)
    of_tables(check, campaign, name, page, by_link, by_site)
    # As old as it is when the page is made.
    page = check.page(path)
    of_usual(check, campaign, name, page, earlier)
    for shape in ("", "?curve=hour"):
        of_curves(check, campaign, f"{name} curve{shape}", check.page(path + shape), bool(shape), earlier)
    return by_link


def of_people(check, campaign, name, place, page):
    """Who is listed, for every filter, and what is said of each."""
    mode = f"mode={campaign.mode}"
    everyone = {person.ident: person.fields() for person in campaign.counted}
    entries = list(all_people(check, f"{place}/people?{mode}"))
    check.rows(f"{name} people JSON", entries, everyone, lambda row: row["id"])
    check.rows(f"{name} people CSV", check.csv(f"{page}/people.csv"), everyone, lambda row: row["id"])
    positions = sorted({position for person in campaign.counted for position in person.followed})[:3]
    filters = [{"state": state} for state in STATES] + [{"class": one} for one in CLASSES]
    filters += [{"did": did, "class": one} for did in DEEDS[:2] for one in ["", *CLASSES]]
    filters += [{"did": did} for did in DEEDS[2:]] + [{"did": "nothing", "state": "delivered"}, {"q": "a@"}]
    filters += [{"link": str(at), "class": one} for at in positions for one in ["", *CLASSES]]
    for wished in filters:
        asked = {key: value for key, value in wished.items() if value}
        query = urllib.parse.urlencode(asked)
        wanted = sorted(person.ident for person in campaign.counted if person.fits(**asked))
        if len(wanted) <= LISTED_MAX:
            entries = list(all_people(check, f"{place}/people?{mode}&{query}"))
            check.same(f"{name} people {query} JSON", sorted(entry["id"] for entry in entries), wanted)
        shown = check.page(f"{page}/people?{query}")
        # Of a long list a page looks through a bounded number of rows, and offers to search on.
        if len(campaign.counted) <= LISTED_MAX:
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
    n, rates, spans = campaign.counts, dict(campaign.rates), dict(campaign.intervals)
    rates["left"], spans["left"] = share(*campaign.left), wilson(*campaign.left)
    low, high = campaign.opens
    late = [n["late_bounced"]] if n["late_bounced"] else []
    for tile, shares, counts in [
        ("Delivered", ["delivery"], [n["delivered"], campaign.to_deliver]),
        ("Opened, low–high", ["open_low", "open_high"], [low, n["with_pixel"], high - low]),
        ("Clicked", ["click"], [n["clicked"]["human"], n["with_links"]]),
        ("Bounced or expired", ["bounce"], [n["bounced"], campaign.to_deliver, n["expired"], *late]),
        ("Left", ["left"], [n["unsubscribed"], n["delivered"], n["complained"]]),
    ]:
        value, words = page.tiles.get(tile, ("missing", ""))
        check.percent(f"{name} tile {tile}", value, [rates[share] for share in shares])
        own = [number(found) for found in re.findall(r"(?<![\d.])\d[\d,\u202f]*(?![\d.%–])", re.split(r"interval|usual", words)[0])]
        check.same(f"{name} tile {tile} counts", own, counts)
        if rates[shares[0]] is None:
            continue
        ends = [end for span in shares for end in (spans[span]["low"], spans[span]["high"])]
        said = re.findall(r"interval (?:of \w+ )?([\d.]+–[\d.]+%)", words)
        check.percent(f"{name} tile {tile} interval", " ".join(said), ends)


def of_funnel(check, campaign, name, page):
    """What became of all, and the table of classes."""
    n, rates = campaign.counts, campaign.rates
    low, high = campaign.opens
    rows = {row[0]: row for row in page.rows_of("funnel")}
    for step, count in [
        ("Recipients", n["recipients"]), ("suppressed before sending", n["suppressed"]), ("cancelled", n["cancelled"]),
        ("bounced or expired", campaign.failed), ("still waiting", n["queued"]),
        ("without a pixel", n["delivered"] - n["with_pixel"]), ("without a tracked link", n["delivered"] - n["with_links"]),
    ]:
        people, _, rate = rows.get(step, ["", "missing"])[-1].partition("·")
        check.same(f"{name} funnel {step}", number(people), count)
        check.percent(f"{name} funnel {step} of all", rate, [count / n["recipients"]] if count and step != "Recipients" else [])
    for step, shares, count in [
        ("Delivered", [rates["delivery"]], str(n["delivered"])), ("Clicked", [rates["click"]], str(n["clicked"]["human"])),
        ("Opened", [rates["open_low"], rates["open_high"]], f"{low}–{high}" if high != low else str(low)),
        ("Unsubscribed", [share(n["unsubscribed"], n["delivered"])], str(n["unsubscribed"])),
        ("Complained", [share(n["complained"], n["delivered"])], str(n["complained"])),
    ]:
        rate, _, people = rows.get(step, ["", "missing"])[-1].rpartition(" ")
        check.same(f"{name} funnel {step}", people.replace(",", "").replace("\u202f", ""), count)
        check.percent(f"{name} funnel rate {step}", rate, shares)
    for one in CLASSES:
        row = rows.get(one, [one, "missing", "missing"])
        check.same(f"{name} classes opened {one}", number(row[1]), n["opened"][one])
        check.same(f"{name} classes clicked {one}", number(row[2]), n["clicked"].get(one, 0))
    for words, key in [("All pixel fetches", "opened"), ("All link hits", "clicked")]:
        check.said(f"{name} {words}", page.words, rf"{words}: ([\d,\u202f]+)", n[key]["total_events"])


def of_tables(check, campaign, name, page, by_link, by_site):
    """Links, sites, refusals and programs."""
    n = campaign.counts
    for row in page.rows_of("links"):
        of_link(check, name, row, by_link)
    if page.rows_of("links"):
        check.said(f"{name} clicked at least one", page.words, r"([\d,]+) people clicked at least one link", n["clicked"]["human"])
        check.said(f"{name} followed by scanners alone", page.words, r"of ([\d,]+) more deliver", n["clicked"]["scanner"])
    named = [row[0] for row in page.rows_of("sites") if row[0] in by_site]
    groups = campaign.grouped(named)
    for row in page.rows_of("sites"):
        group = groups[row[0] if row[0] in groups else ""]
        of_site(check, f"{name} page's site {row[0]}", row, group, row[5:7])
        of_spans(check, f"{name} page's site {row[0]}", row[4], group if row[0] in groups else None)
    check.said(f"{name} refused", page.words, r"Refusals ([\d,]+) bounced or expired", campaign.failed)
    refusals = campaign.refusals()
    for row in page.rows_of("bounces"):
        refusal = next((value for key, value in refusals.items() if f" {key} " in f"{row[0]} "), None)
        wanted = (refusal["bounced"], refusal["deferrals"]) if refusal else None
        people, _, of_failed = row[1].partition(" ")
        check.same(f"{name} page's refusal {row[0][:40]}", (number(people), number(row[2])), wanted)
        check.percent(f"{name} page's refusal {row[0][:40]}", of_failed, [wanted[0] / campaign.failed] if wanted and wanted[0] else [])
    for table in page.in_section("devices"):
        programs = campaign.programs("family" if table.head[0] == "Client" else "device")
        key = lambda row: "" if row[0].startswith("not told") else row[0].lower()
        others = [people for program, people in programs.items() if program not in set(map(key, table.rows))]
        for row in table.rows:
            is_rest = re.fullmatch(r"[\d,]+ others", row[0])
            wanted = tuple(map(sum, zip(*others))) if is_rest else programs.get(key(row))
            check.same(f"{name} program {row[0]}", (number(row[1]), number(row[3])), wanted)
    if page.in_section("devices"):
        check.said(f"{name} opened by hand", page.words, r"opened by hand: ([\d,]+) people", n["opened"]["human"])
        check.said(f"{name} behind a proxy", page.words, r"they used; ([\d,]+) more are hidden", n["opened"]["proxy"])


def of_link(check, name, row, by_link):
    """A row of the table of links; the folded ones have fewer columns."""
    position = int(row[0].split()[0])
    fits = [fields for (at, url), fields in by_link.items() if at == position and row[0].split(" personal ")[0].endswith(url)]
    if not fits:
        check.differs(f"{name} link {row[0]}", "on the page", "nowhere")
        return
    link, words = fits[0], f"{name} page's link {position}"
    check.same(f"{words} people", number(row[1]), link["human"])
    check.percent(words, row[2], [link["rates_click"], link["intervals_click_low"], link["intervals_click_high"]])
    check.same(f"{words} hits", number(row[-1]), link["total_events"])
    if len(row) > 4:
        check.same(f"{words} unknown", number(row[3]), link["unknown"])
        check.same(f"{words} scanners", number(row[4]), link["scanner"])


def of_site(check, name, row, group, reads):
    """A row of a table of receiving sites."""
    n, rates = group.counts, group.rates
    check.same(f"{name} to deliver", number(row[1]), group.to_deliver)
    check.percent(f"{name} delivered", row[2], [rates["delivery"]])
    waiting = next(cell for cell in row[3:] if "%" not in cell)
    check.same(f"{name} waiting", number(waiting.split()[0]), n["queued"])
    if "tried before" in waiting:
        check.said(f"{name} tried before", waiting, r"([\d,]+) tried before", n["deferred"])
    check.percent(f"{name} opened", reads[0], [rates["open_low"], rates["open_high"]])
    span = group.intervals["click"] or {"low": None, "high": None}
    check.percent(f"{name} clicked", reads[1], [rates["click"], span["low"], span["high"]])
