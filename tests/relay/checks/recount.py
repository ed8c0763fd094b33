"""Counts every number of every campaign again from what `postrider export` prints, and compares it with JSON, CSV and pages.

Arguments: the exported lines (a file, or - for standard input), the web listener's URL, a credential as `name:password`, a
session's cookie as the browser sends it (`postrider=…`, with TLS `__Host-postrider=…`). Needs no more than Python 3.9.

Shares nothing with the relay: the rules are those of the published definitions (/how on every relay). Prints each difference
by its name and how many numbers were compared; ends with 1 when anything differs. The pages are read with the times and names
that they show. What changes between the export and the last page differs, so it is for a relay that nothing happens on.

Not counted, because no definition of them is published or the export does not have them: findings, receipts, settings that
changed, what is held after the first of a campaign, how sites are approached, and the relay's own notices.
"""

import json
import sys

from recount_campaign import of_campaign
from recount_check import Check
from recount_events import Campaign, Ledger
from recount_mails import of_list, of_mails, of_map, of_unmailed
from recount_overview import of_lists
from recount_queue import of_queue


def shown_together(check, mode, campaigns, listed):
    """Each campaign that is listed, with those that its page shows as part of it; and the page. A name that was changed is
    that of the export."""
    shown, pages, merged = {}, {}, {}
    for name, row in listed.items():
        pages[name] = page = check.page(f"/campaigns/{row['id']}")
        parts = [cells[0] for cells in page.headed("Shown as part of this").rows]
        merged.update(dict.fromkeys(parts, name))
        people = [person for part in [name, *parts] if part in campaigns for person in campaigns[part].counted]
        shown[name] = Campaign(name, mode, people)
    check.same(f"campaigns ({mode})", sorted([*listed, *merged]), sorted(campaigns))
    return {name: campaign for name, campaign in shown.items() if campaign.counted}, pages, merged


def all_listed(check, mode):
    """Every stretch of the list of campaigns."""
    page, found = 1, {}
    while rows := check.json(f"/api/v1/campaigns?mode={mode}&page={page}")["campaigns"]:
        found.update({row["campaign"]: row for row in rows if row["mode"] == mode})
        page += 1
    return found


def of_mode(check, mode, ledger, known):
    """All campaigns of live mail or of the sandbox."""
    listed = all_listed(check, mode)
    shown, pages, merged = shown_together(check, mode, ledger.campaigns.get(mode, {}), listed)
    rows = [row for row in check.csv(f"/campaigns.csv?mode={mode}") if row["mode"] == mode]
    key = lambda row: row["campaign"].removeprefix("'")
    check.rows(f"campaigns CSV ({mode})", rows, {name: campaign.numbers() for name, campaign in shown.items()}, key)
    for name, campaign in shown.items():
        by_link = of_campaign(check, campaign, listed[name], pages[name], list(shown.values()))
        of_map(check, campaign, listed[name]["id"], by_link)
        of_list(check, campaign, listed[name]["id"])
        of_mails(check, campaign, ledger, known)
    for part, name in merged.items():
        found = check.json(f"/api/v1/campaigns/{check.quoted(part)}?mode={mode}")
        check.same(f"{part} ({mode}) is shown as part of", found["campaign"], name)
    if shown:
        of_lists(check, mode, shown)


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    lines, url, login, cookie = sys.argv[1:]
    check = Check(url, login, cookie)
    with open(0 if lines == "-" else lines, encoding="utf-8") as exported:
        ledger = Ledger(map(json.loads, exported))
    known = set()
    for mode in ("live", "sandbox"):
        of_mode(check, mode, ledger, known)
    of_queue(check, ledger)
    of_unmailed(check, ledger)
    print(f"{check.compared} numbers compared, {check.differences} differences")
    sys.exit(check.differences > 0)


if __name__ == "__main__":
    main()
