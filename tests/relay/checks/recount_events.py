"""Counts campaigns from the lines of `postrider export`, by the published definitions alone."""

import bisect
import collections
import datetime
import functools
import math
import re
import sys

# Best first; an inferred opening is a click by a person whose pixel only machines fetched.
CLASSES = ["human", "proxy", "inferred", "unknown", "prefetch", "scanner"]
CLICKED = [one for one in CLASSES if one != "inferred"]
STATES = ["queued", "deferred", "delivered", "bounced", "expired", "suppressed", "cancelled"]
ENDS = ["cancelled", "suppressed", "expired", "bounced", "delivered"]
LATER = ["late_bounced", "complained", "unsubscribed"]
LOW = [("opened", one) for one in ("human", "proxy", "inferred")]
CURVES = {
    "delivered": ["delivered"], "bounced": ["bounced", "expired"], "clicked": [("clicked", "human")],
    "low": LOW, "high": LOW + [("opened", "prefetch"), ("opened", "unknown")],
}
MINUTE, QUARTER, HOUR = 60_000, 900_000, 3_600_000


def millis(text):
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def rfc3339(at):
    time = datetime.datetime.fromtimestamp(at // 1000, datetime.timezone.utc)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{at % 1000:03}Z"


def minute(at):
    """Hits are counted by the minute."""
    return None if at is None else rfc3339(at - at % MINUTE)


def flat(value, name=""):
    """A JSON object as a CSV has it: `_` between the names of one within another."""
    out = {}
    for key, inner in value.items():
        whole = f"{name}_{key}" if name else key
        if isinstance(inner, dict):
            out.update(flat(inner, whole))
        else:
            out[whole] = inner
    return out


def wilson(part, whole):
    """The 95 % score interval."""
    if part is None or not whole or whole < 0 or part > whole:
        return None
    z, share = 1.959964, part / whole
    middle = share + z * z / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    below = 1 + z * z / whole
    return {"low": max(0.0, (middle - spread) / below), "high": min(1.0, (middle + spread) / below)}


class Person:
    """One mail to one recipient."""

    def __init__(self, ident):
        self.ident, self.events, self.hits, self.kinds = ident, {}, [], collections.Counter()
        self.address, self.message, self.campaign, self.mode = "", "", None, None
        self.tries, self.site, self.refusal, self.deferrals, self.last = 0, "", "", [], None
        self.tracks, self.codes = {"pixel": False, "links": 0}, []

    def take(self, event, hits):
        kind, at = event["type"], millis(event["at"])
        self.kinds[kind] += 1
        self.events.setdefault(kind, at)
        self.last = at if self.last is None else max(self.last, at)
        if kind == "accepted":
            self.address, self.message = event.get("recipient", ""), event["message"]["id"]
            self.campaign, self.mode = sys.intern(event["campaign"]), sys.intern(event["mode"])
        if kind == "delivered":
            self.tracks = event["tracked"]
        if kind in ("opened", "clicked"):
            hit = {"kind": kind, "at": at, "client": dict(event["client"]), "n": event.get("count", 1), "link": event.get("link")}
            self.hits.append(hit)
            hits[event["id"]] = hit
        if kind == "reclassified" and event["reclassifies"] in hits:
            hits[event["reclassifies"]]["client"]["class"] = event["client"]["class"]
        if "attempt" in event:
            self.tries = max(self.tries, event["attempt"]["n"])
            self.site = sys.intern(event["attempt"].get("site", self.site))
            self.codes.append(event["attempt"]["code"])
        if kind in ("bounced", "expired"):
            self.refusal = sys.intern(event["bounce"]["class"])
        if kind == "deferred":
            self.deferrals.append(sys.intern(event["bounce"]["class"]))

    @functools.cached_property
    def state(self):
        ended = [end for end in ENDS if end in self.events]
        return ended[-1] if ended else "deferred" if self.tries else "queued"

    @property
    def domain(self):
        return self.address.rpartition("@")[2]

    def at_site(self):
        return self.site or self.domain

    def tracked(self, what):
        return "delivered" in self.events and bool(self.tracks[what])

    @functools.cached_property
    def opened(self):
        return self.best("opened")

    @functools.cached_property
    def clicked(self):
        return self.best("clicked")

    def best(self, kind):
        """The best class, since when, or None: it counts only where the mail was delivered with what is fetched."""
        if not self.hits or not self.tracked("pixel" if kind == "opened" else "links"):
            return None
        seen = {}
        for hit in self.hits:
            if hit["kind"] == kind:
                seen.setdefault(hit["client"]["class"], []).append(hit["at"])
        if kind == "opened":
            clicks = [hit["at"] for hit in self.hits if hit["kind"] == "clicked" and hit["client"]["class"] == "human"]
            if clicks and self.tracked("links"):
                seen["inferred"] = clicks
        return next(((one, min(seen[one])) for one in CLASSES if one in seen), None)

    @functools.cached_property
    def followed(self):
        """The best class at each link."""
        best = {}
        for hit in self.hits if self.tracked("links") else []:
            if hit["kind"] == "clicked":
                at, one = hit["link"]["position"], hit["client"]["class"]
                best[at] = min(best.get(at, one), one, key=CLASSES.index)
        return best

    def events_of(self, kind):
        return sum(hit["n"] for hit in self.hits if hit["kind"] == kind)

    @functools.cached_property
    def stamps(self):
        """What it counts as, each with its time; what waits has none."""
        out = [("recipients", self.events["accepted"]), (self.state, self.events.get(self.state))]
        if self.state == "deferred":
            out[1] = ("deferred", None)
        for name, what in (("with_pixel", "pixel"), ("with_links", "links")):
            if self.tracked(what):
                out.append((name, self.events["delivered"]))
        for kind, found in (("opened", self.opened), ("clicked", self.clicked)):
            if found:
                out.append(((kind, found[0]), found[1]))
        return out + [(kind, self.events[kind]) for kind in LATER if kind in self.events]

    def fits(self, state=None, did=None, q="", link=None, **more):
        """Whether a list of people with this filter has this one."""
        wanted, opened, clicked = more.get("class"), self.opened, self.clicked
        if state and state != self.state and not (state == "queued" and self.state == "deferred"):
            return False
        seen = {"opened": opened and opened[0], "clicked": clicked and clicked[0]}
        if link:
            found = self.followed.get(int(link))
            return q in self.address and (found == wanted if wanted else found is not None)
        if did in ("opened", "clicked"):
            fits = seen[did] == wanted if wanted else seen[did] is not None
        elif did == "nothing":
            fits = not (opened or clicked or "unsubscribed" in self.events or "complained" in self.events)
        else:
            fits = (not did or did in self.events) and (not wanted or wanted in seen.values())
        return fits and q in self.address

    def fields(self):
        """What a list says of this one."""
        opened, clicked = self.opened, self.clicked
        refused = self.state in ("bounced", "expired")
        time = lambda kind: rfc3339(self.events[kind]) if kind in self.events else None
        return {
            "email": self.address, "state": self.state, "tries": self.tries, "refusal": self.refusal if refused else "",
            "opened_as": opened[0] if opened else "", "opened_at": minute(opened and opened[1]),
            "opened_total_events": self.events_of("opened"), "clicked_as": clicked[0] if clicked else "",
            "clicked_at": minute(clicked and clicked[1]), "clicked_total_events": self.events_of("clicked"),
            "unsubscribed_at": time("unsubscribed"), "complained_at": time("complained"),
            "late_bounced_at": time("late_bounced"), "accepted_at": time("accepted"), "last_at": rfc3339(self.last),
            "message": self.message,
        }


def tally(found):
    """The counts of a number of stamps."""
    out = {one: found[one] for one in [*STATES, "recipients", *LATER, "with_pixel", "with_links"]}
    out["queued"] += out["deferred"]
    for kind, classes in (("opened", CLASSES), ("clicked", CLICKED)):
        out[kind] = {one: found[kind, one] for one in classes}
    return out


class Numbers:
    """Counts, and what follows from them."""

    def __init__(self, counts):
        self.counts = counts

    @property
    def to_deliver(self):
        return self.counts["recipients"] - self.counts["suppressed"] - self.counts["cancelled"]

    @functools.cached_property
    def opens(self):
        """The low number and the high one."""
        opened = self.counts["opened"]
        low = opened["human"] + opened["proxy"] + opened["inferred"]
        return low, low + opened["prefetch"] + opened["unknown"]

    @property
    def failed(self):
        return self.counts["bounced"] + self.counts["expired"]

    @functools.cached_property
    def parts(self):
        n, (low, high) = self.counts, self.opens
        return {
            "delivery": (n["delivered"], self.to_deliver), "bounce": (self.failed, self.to_deliver),
            "open_low": (low, n["with_pixel"]), "open_high": (high, n["with_pixel"]),
            "click": (n["clicked"]["human"], n["with_links"]),
        }

    @property
    def left(self):
        """Who did both is counted twice."""
        return self.counts["unsubscribed"] + self.counts["complained"], self.counts["delivered"]

    @functools.cached_property
    def rates(self):
        """In a range of time there may be more of something than of what it is divided by: then there is no rate."""
        return {name: share(*parts) for name, parts in self.parts.items()}

    @functools.cached_property
    def intervals(self):
        return {name: wilson(*parts) for name, parts in self.parts.items()}

    def shares(self):
        out = {f"rates_{name}": rate for name, rate in self.rates.items()}
        for name, span in self.intervals.items():
            if span:
                out.update({f"intervals_{name}_{end}": value for end, value in span.items()})
        return out


def share(part, whole):
    return part / whole if whole > 0 and part <= whole else None


class Campaign(Numbers):
    """Some mails that are counted together."""

    def __init__(self, name, mode, counted):
        self.name, self.mode, self.counted, self.rows = name, mode, counted, {}

    @functools.cached_property
    def counts(self):
        out = tally(collections.Counter(what for person in self.counted for what, _ in person.stamps))
        for kind in ("opened", "clicked"):
            out[kind]["total_events"] = sum(person.events_of(kind) for person in self.counted)
        return out

    def numbers(self):
        """What JSON and CSV say of the whole."""
        return flat(self.counts) | self.shares() | {
            "messages": len({person.message for person in self.counted}),
            "first_at": rfc3339(self.began), "campaign": self.name, "mode": self.mode,
        }

    @functools.cached_property
    def began(self):
        return min(person.events["accepted"] for person in self.counted)

    def links(self, rows):
        """By position and pattern; how the rows are called is taken from the relay, who followed them is counted."""
        keys = [(row["position"], row["url"]) for row in rows]
        followed = {key: {} for key in keys}
        hits, known = dict.fromkeys(keys, 0), {}
        for person in self.counted:
            for hit in person.hits:
                if hit["kind"] == "clicked":
                    place = hit["link"]["position"], hit["link"]["url"]
                    if place not in known:
                        known[place] = row_of(keys, *place)
                    key = known[place]
                    followed.setdefault(key, {}), hits.setdefault(key, 0)
                    hits[key] += hit["n"]
                    if person.tracked("links"):
                        one, at = hit["client"]["class"], followed[key]
                        at[person.ident] = min(at.get(person.ident, one), one, key=CLASSES.index)
        out, whole = {}, self.counts["with_links"]
        for key, people in followed.items():
            best = collections.Counter(people.values())
            out[key] = {one: best[one] for one in CLICKED} | {"total_events": hits[key]}
            span = wilson(out[key]["human"], whole) or {"low": None, "high": None}
            out[key] |= {"rates_click": share(out[key]["human"], whole)}
            out[key] |= {f"intervals_click_{end}": value for end, value in span.items()}
        return out

    def grouped(self, named):
        """By receiving site; under the empty name all that are not named."""
        groups = {name: [] for name in [*named, ""] if not re.search(r" other sites?$", name)}
        for person in self.counted:
            groups.get(person.at_site(), groups[""]).append(person)
        return {name: Campaign(name, self.mode, people) for name, people in groups.items()}

    def sites(self, named):
        return {
            name: flat(group.counts) | group.shares() | {"sites": len({person.at_site() for person in group.counted})}
            for name, group in self.grouped(named).items() if group.counted or name
        }

    @functools.cached_property
    def moments(self):
        """When each of what is counted happened, in order."""
        found = collections.defaultdict(list)
        for person in self.counted:
            for what, at in person.stamps:
                if at is not None:
                    found[what].append(at)
        return {what: sorted(times) for what, times in found.items()}

    def count(self, till, *kinds):
        """How many of some kinds happened before a time."""
        return sum(bisect.bisect_left(self.moments.get(kind, []), till) for kind in kinds)

    def reached(self, till):
        """What the curves show at a time."""
        return {name: self.count(till, *kinds) for name, kinds in CURVES.items()}

    @property
    def first_delivery(self):
        return next(iter(self.moments.get("delivered", [])), None)

    @property
    def start(self):
        """The quarter of an hour of the first delivery, from which hours and ages are counted."""
        return self.first_delivery - self.first_delivery % QUARTER

    def hours(self):
        """What was reached by the end of each hour since the quarter of an hour of the first delivery."""
        if self.first_delivery is None:
            return {}
        hits = [hit["at"] for person in self.counted for hit in person.hits]
        last = max([times[-1] for times in self.moments.values()] + hits)
        out = {}
        for hour in range(min((last - self.start) // HOUR + 1, 400)):
            till = self.start + (hour + 1) * HOUR
            n = self.reached(till)
            out[hour] = {"from": rfc3339(till - HOUR), "opened_low": n.pop("low"), "opened_high": n.pop("high")} | n
        return out

    def refusals(self):
        out = {}
        for person in self.counted:
            row = lambda one: out.setdefault(one, {"bounced": 0, "deferrals": 0})
            for one in person.deferrals:
                row(one)["deferrals"] += 1
            if person.state in ("bounced", "expired"):
                row(person.refusal)["bounced"] += 1
        return out

    def programs(self, field):
        """How many used each program by hand: opened, and clicked."""
        out = {}
        for at, (kind, what) in enumerate((("opened", "pixel"), ("clicked", "links"))):
            for person in self.counted:
                used = {
                    hit["client"].get(field, "").lower() for hit in person.hits
                    if hit["kind"] == kind and hit["client"]["class"] == "human" and person.tracked(what)
                }
                for program in used:
                    out.setdefault(program, [0, 0])[at] += 1
        return {program: tuple(people) for program, people in out.items()}


def row_of(keys, at, url):
    """The row of a link: the address itself without what stands behind `?` or `#`, else the pattern that fits."""
    bare = lambda url: re.split(r"[?#]", url, maxsplit=1)[0]
    fits = [key for key in keys if key[0] == at and bare(key[1]) == bare(url)]
    if not fits:
        pattern = lambda key: "[^/]*".join(map(re.escape, bare(key[1]).split("*")))
        fits = [key for key in keys if key[0] == at and re.fullmatch(pattern(key), bare(url))]
    return fits[0] if fits else (at, url)


class Ledger:
    """All of an export: campaigns by mode and name, people by address, and who is not mailed."""

    def __init__(self, events):
        self.campaigns, self.people, self.unmailed = {}, {}, {}
        mails, hits = {}, {}
        for event in events:
            if event["type"].startswith("suppression_"):
                held = self.unmailed.setdefault((event["recipient"] or "").lower(), {})
                held[event["suppression"].get("scope", "")] = event["type"] == "suppression_added"
            elif "delivery" in event:
                mails.setdefault(event["delivery"], Person(event["delivery"])).take(event, hits)
        for person in mails.values():
            if "accepted" in person.events:
                of_mode = self.campaigns.setdefault(person.mode, {})
                of_mode.setdefault(person.campaign, Campaign(person.campaign, person.mode, [])).counted.append(person)
                self.people.setdefault(person.address.lower(), []).append(person)
