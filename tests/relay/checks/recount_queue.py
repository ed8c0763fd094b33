"""The queue's page: what waits, where, and what became of the rest lately."""

import collections
import re

from recount_events import HOUR, QUARTER
from recount_pages import number, span

DAY = 24 * HOUR
# What passes between the time of a page and its answer.
MOMENT = 2_000


def of_queue(check, ledger):
    """Live mail and that of the sandbox together."""
    page = check.page("/queue")
    people = [person for of_mode in ledger.campaigns.values() for campaign in of_mode.values() for person in campaign.counted]
    waiting = [person for person in people if person.state in ("queued", "deferred")]
    tried = sum(person.state == "deferred" for person in waiting)
    value, words = page.tiles["Waiting"]
    check.same("queue waiting", number(value), len(waiting))
    check.said("queue tried", words, r"([\d,]+) not tried yet ([\d,]+) deferred", (len(waiting) - tried, tried))
    of_lately(check, page, people)
    if waiting:
        oldest = check.now - min(person.events["accepted"] for person in waiting)
        shown = span(page.tiles["Oldest"][0]) or (-1, -1)
        check.within("queue oldest", oldest, shown[0] - MOMENT, shown[1] + MOMENT)
    sites = of_domains(check, page, waiting)
    of_paused(check, page, waiting, sites)


def of_lately(check, page, people):
    """The last hour with the quarter that it began in, and seven days, whose first quarter may be left out."""
    since = lambda kind, at: sum(person.state == kind and person.events[kind] >= at for person in people)
    quarter = lambda at: at - at % QUARTER
    hour = check.now - HOUR
    delivered = sorted(since("delivered", quarter(at)) for at in (hour - MOMENT, hour))
    check.within("queue delivered in the last hour", number(page.tiles["Delivered"][0]), *delivered)
    week = check.now - 7 * DAY
    expired = (since("expired", week + QUARTER), since("expired", week - QUARTER))
    check.within("queue expired in 7 days", number(page.tiles["Expired"][0]), *expired)


def of_domains(check, page, waiting):
    """What waits for each domain, and at each site; where a domain's mail goes is taken from the relay."""
    table, sites = page.headed("Domain", "Tried"), {}
    by_domain = collections.defaultdict(list)
    for person in waiting:
        by_domain[person.domain].append(person)
    for row in table.rows:
        domain, _, site = row[0].partition(" at ")
        of_one = by_domain.get(domain, [])
        sites[domain] = site or domain
        check.same(f"queue {domain} waiting", number(row[1]), len(of_one))
        check.same(f"queue {domain} tried", number(row[2]), sum(person.state == "deferred" for person in of_one))
        shown = span(re.sub(r"(\d (?:min|s|h|d)) .*", r"\1", row[3])) or (-1, -1)
        oldest = check.now - min((person.events["accepted"] for person in of_one), default=check.now)
        # Of two units the smaller one is left away here.
        check.within(f"queue {domain} oldest", oldest, shown[0] - MOMENT, shown[1] + MOMENT)
    check.same("queue domains", len(table.rows), min(len(by_domain), 100))
    if table.rows:
        check.said("queue domains in all", page.words, r"of ([\d,]+) domains, most first", len(by_domain))
    if len(table.rows) == len(by_domain):
        at_site = collections.Counter()
        for domain, of_one in by_domain.items():
            at_site[sites.get(domain, domain)] += len(of_one)
        for row in page.headed("Site", "Under way").rows:
            shown = number(row[2].split()[0]) if row[2] != "–" else 0
            check.same(f"queue site {row[0]} waiting", shown, at_site[row[0]])
    return sites


def of_paused(check, page, waiting, sites):
    """What waits within each pause."""
    for row in page.headed("What", "Waiting").rows:
        kind, _, what = row[0].partition(" ")
        wanted = {
            "Campaign": lambda person: person.campaign == what, "Mail": lambda person: person.domain == what.removeprefix("to "),
            "Everything": lambda person: True, "Site": lambda person: sites.get(person.domain) == what,
        }[kind]
        check.same(f"queue paused {row[0]}", number(row[1]), sum(map(wanted, waiting)))
