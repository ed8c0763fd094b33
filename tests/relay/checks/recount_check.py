"""Asks a relay for what it shows, and compares it with what it should show."""

import csv
import email.utils
import io
import json
import re
import urllib.parse
import urllib.request

from recount_events import flat
from recount_pages import Page, number, percents


class Check:
    """The relay as it shows itself, beside what it should show."""

    def __init__(self, url, login, cookie):
        self.url, self.cookie = url.rstrip("/"), cookie
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, self.url, *login.split(":", 1), is_authenticated=True)
        self.api = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
        self.compared = self.differences = 0
        # When the last page was made, by the relay's clock.
        self.now = 0

    def differs(self, name, shown, wanted):
        self.differences += 1
        print(f"{name}: shown {shown!r}, counted {wanted!r}")

    def same(self, name, shown, wanted):
        self.compared += 1
        close = isinstance(wanted, float) and isinstance(shown, (int, float)) and abs(shown - wanted) <= 0.000051
        if shown != wanted and not close:
            self.differs(name, shown, wanted)

    def within(self, name, shown, least, most):
        """What depends on the moment in which a page was made."""
        self.compared += 1
        if shown is None or not least <= shown <= most:
            self.differs(name, shown, f"{least} to {most}")

    def percent(self, name, shown, wanted):
        """Rates as a page writes them: rounded to the decimals that it shows; a dash where there is none."""
        shown, wanted = percents(shown), [share for share in wanted if share is not None]
        if len(shown) == 1 and len(wanted) == 2:
            shown *= 2
        self.compared += max(len(wanted), 1)
        fits = len(shown) == len(wanted) and all(low <= 100 * share <= high for (low, high), share in zip(shown, wanted))
        if not fits:
            self.differs(name, shown, [100 * share for share in wanted])

    def quoted(self, name):
        return urllib.parse.quote(name, safe="")

    def json(self, path):
        with self.api.open(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def text(self, path):
        request = urllib.request.Request(self.url + path, headers={"Cookie": self.cookie})
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.now = round(email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp() * 1000)
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

    def said(self, name, words, pattern, wanted):
        """A number within a sentence; each group of the pattern is one."""
        found = re.search(pattern, words)
        shown = tuple(number(group) for group in found.groups()) if found else None
        self.same(name, shown, wanted if isinstance(wanted, tuple) else (wanted,))
