"""The click map, single mails, and the pages of people."""

import collections
import html
import re
import urllib.parse

from recount_events import CLASSES, CLICKED, ENDS, share
from recount_pages import number

# Mails and people of a campaign that are looked at.
SAMPLE = 20


def of_map(check, campaign, ident, by_link):
    """The table of links, then the numbers within the mail."""
    name, reached = f"{campaign.name} ({campaign.mode}) map", campaign.counts["with_links"]
    page = check.page(f"/campaigns/{ident}/map")
    rows = page.rows_of("links")
    more = re.search(r"([\d,]+) more links? not listed", page.words)
    check.same(f"{name} links", len(rows) + (number(more[1]) if more else 0), len(by_link))
    for row in rows:
        at = int(row[0].split()[0]) if row[0][:1].isdigit() else 0
        fits = [fields for (position, url), fields in by_link.items() if position == at and row[0].split(" personal ")[0].endswith(url)]
        if not fits:
            check.differs(f"{name} link {row[0]}", "on the page", "nowhere")
            continue
        link = fits[0]
        check.same(f"{name} link {at} people", number(row[1]), link["human"])
        check.percent(f"{name} link {at} share", row[2], [link["rates_click"]])
        check.same(f"{name} link {at} unknown", number(row[3]), link["unknown"])
        check.same(f"{name} link {at} machines", number(row[4]), link["prefetch"] + link["scanner"])
    drawn = check.text(f"/campaigns/{ident}/map/mail")
    badges = re.findall(r'<postrider-badge data-link="(\d+)" title="([^"]*)"[^>]*>([^<]*)<', drawn)
    if rows and "<iframe" in page.text:
        check.said(f"{name} reached", page.words, r"share of the ([\d,]+) deliveries", reached)
        placed = {int(row[0].split()[0]) for row in rows if row[-1] == "yes"}
        check.same(f"{name} places", sorted({int(at) for at, _, _ in badges} & placed), sorted(placed))
    for at, detail, text in badges:
        of_badge(check, f"{name} place {at}", (html.unescape(detail), html.unescape(text)), by_place(by_link, int(at)), reached)


def by_place(by_link, at):
    """The numbers of all addresses at a place, by their host: two hosts are two links of different mails."""
    hosts = collections.defaultdict(collections.Counter)
    for (position, url), fields in by_link.items():
        if position == at:
            host = urllib.parse.urlsplit(url).netloc.lower()
            hosts["" if "*" in host else host].update({one: fields[one] for one in CLICKED})
    shared = hosts.pop("", collections.Counter())
    return [numbers + shared for numbers in hosts.values()] or [shared]


def of_badge(check, name, badge, hosts, reached):
    """The number behind a link: that of its own host, which the mail does not say again."""
    detail, text = badge
    found = lambda words: number(shown[1]) if (shown := re.search(rf"([\d,]+){words}", detail)) else 0
    people = number(text.split("·")[0])
    check.same(f"{name} in words", (found(r" deliver(?:y|ies) of"), found(r"\.(?: |$)")), (people, reached))
    machines = lambda numbers: numbers["prefetch"] + numbers["scanner"]
    wanted = [(numbers["human"], numbers["unknown"], machines(numbers), numbers["proxy"]) for numbers in hosts]
    shown = (people, found(" by programs"), found(" by scanners"), found(" through proxies"))
    check.same(f"{name} numbers", shown, shown if shown in wanted else wanted[0])
    check.same(f"{name} of other mails", found(" clicked another link"), sum(numbers[0] for numbers in wanted) - people)
    check.percent(f"{name} share", text, [share(people, reached)] if people else [])


def sample(campaign):
    """Some mails of each kind in turn."""
    kinds = collections.defaultdict(list)
    for person in campaign.counted:
        classes = [found and found[0] for found in (person.opened, person.clicked)]
        kinds[person.state, person.tries > 1, *map(str, classes)].append(person)
    chosen, lists = [], [kinds[kind] for kind in sorted(kinds)]
    for turn in range(SAMPLE):
        chosen += [people[turn] for people in lists if turn < len(people)]
    return chosen[:SAMPLE]


def of_mails(check, campaign, ledger, known):
    """Some mails of a campaign, and the people that they went to, unless these are known already."""
    for person in sample(campaign):
        of_mail(check, campaign, person)
        if person.address and person.address.lower() not in known:
            known.add(person.address.lower())
            of_person(check, person.address, ledger)


def of_list(check, campaign, ident):
    """The first rows of the list of a campaign's mails, in every state. An address may have had several of them."""
    for state in ["", "queued", *ENDS]:
        name = f"{campaign.name} ({campaign.mode}) mails {state or 'in all'}"
        fits = [person for person in campaign.counted if not state or state_shown(person) == state]
        rows = check.page(f"/messages?campaign={ident}&state={state}").headed("Recipient", "State").rows
        check.same(name, len(rows), min(50, len(fits)))
        known = collections.defaultdict(list)
        for person in fits:
            classes = [best[0] if best else "" for best in (person.opened, person.clicked)]
            known[person.address or "erased"].append((state_shown(person), max(person.tries, 1), *classes))
        for row in rows:
            tries = re.search(r"(\d+) tries", row[1])
            shown = (row[1].split()[0], int(tries[1]) if tries else 1, *row[2:4])
            wanted = known[row[0].split()[0]]
            check.same(f"{name} {row[0].split()[0]}", shown, shown if shown in wanted else wanted)


def of_unmailed(check, ledger):
    """Everybody on the list of those who are not mailed, each with the stream."""
    shown = sorted((row["email"].removeprefix("'"), row["scope"].removeprefix("'")) for row in check.csv("/suppressions/export.csv"))
    wanted = sorted((address, scope) for address, scopes in ledger.unmailed.items() for scope, held in scopes.items() if held)
    check.same("suppressions CSV", shown, wanted)


def state_shown(person):
    """A mail's own page does not tell those that were tried apart."""
    return "queued" if person.state == "deferred" else person.state


def of_mail(check, campaign, person):
    """State, classes, tries, and each thing that happened."""
    name = f"{campaign.name} ({campaign.mode}) mail {person.ident}"
    page = check.page(f"/messages/{person.ident}")
    marks = page.marks
    check.same(f"{name} state", marks[0] if marks else None, ((state_shown(person),), state_shown(person)))
    for deed, best in (("opened", person.opened), ("clicked", person.clicked)):
        shown = [classes[0] for classes, words in marks if words == deed and classes[0] in CLASSES]
        check.same(f"{name} {deed}", shown, [best[0]] if best else [])
    # After the state and the classes each thing that happened has a mark of its own, up to a thousand.
    happened = collections.Counter(words for classes, words in marks[1:] if classes == (words,) and words != "repeated")
    if sum(person.kinds.values()) < 1_000:
        check.same(f"{name} events", {kind: happened[kind] for kind in person.kinds}, dict(person.kinds))
    tries = [int(n) for n in re.findall(r"(?<!next )\btry (\d+)\b", page.words)]
    check.same(f"{name} tries", max(tries, default=0), person.tries)
    if "delivered" in person.events:
        pixel = "with a pixel" if person.tracks["pixel"] else "without a pixel"
        check.said(f"{name} tracked, {pixel}", page.words, rf"{pixel}, (\d+) tracked links", person.tracks["links"])
    found = check.json(f"/api/v1/messages/{person.ident}")
    check.same(f"{name} JSON state", found["state"], state_shown(person))
    check.same(f"{name} JSON codes", [attempt["code"] for attempt in found["attempts"]], person.codes)
    check.same(f"{name} JSON tries", max([attempt["n"] for attempt in found["attempts"]], default=0), person.tries)


def of_person(check, address, ledger):
    """All mail to an address, and what holds it back."""
    name, before, shown = f"person {address}", "", []
    path = f"/people/{check.quoted(address)}"
    while before is not None:
        page = check.page(path + before)
        for row in page.headed("Mail", "Opened as").rows:
            tries = re.search(r"(\d+) tries", row[1])
            classes = [cell.replace("–", "") for cell in row[2:4]]
            shown.append((row[1].split()[0], int(tries[1]) if tries else 1, *classes, row[4]))
        found = re.search(r"\?before=\w+", page.text)
        before = found[0] if found else None
    wanted = [
        (state_shown(mail), max(mail.tries, 1), *(best[0] if best else "" for best in (mail.opened, mail.clicked)), mail.campaign)
        for mail in ledger.people[address.lower()]
    ]
    check.same(f"{name} mails", sorted(shown), sorted(wanted))
    held = sum(ledger.unmailed.get(address.lower(), {}).values())
    check.same(f"{name} suppressions", len(page.headed("Holds back").rows), held)
