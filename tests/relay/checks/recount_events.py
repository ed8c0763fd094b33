"""Counts campaigns from the lines of `postrider export`, by the published definitions alone."""

import datetime
import math
import re

# Best first; an inferred opening is a click by a person whose pixel only machines fetched.
CLASSES = ["human", "proxy", "inferred", "unknown", "prefetch", "scanner"]
CLICKED = [one for one in CLASSES if one != "inferred"]
STATES = ["queued", "deferred", "delivered", "bounced", "expired", "suppressed", "cancelled"]
ENDS = ["cancelled", "suppressed", "expired", "bounced", "delivered"]
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
    if part is None or not whole or part > whole:
        return None
    z, share = 1.959964, part / whole
    middle = share + z * z / (2 * whole)
    spread = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    below = 1 + z * z / whole
    return {"low": max(0.0, (middle - spread) / below), "high": min(1.0, (middle + spread) / below)}


class Person:
    """One mail to one recipient."""

    def __init__(self, ident):
        self.ident, self.events, self.hits = ident, {}, []
        self.tries, self.site, self.refusal, self.deferrals, self.last = 0, "", "", [], None

    def take(self, event, hits):
        kind, at = event["type"], millis(event["at"])
        self.events.setdefault(kind, event)
        self.last = at if self.last is None else max(self.last, at)
        if kind in ("opened", "clicked"):
            hit = {"kind": kind, "at": at, "client": dict(event["client"]), "n": event.get("count", 1), "link": event.get("link")}
            self.hits.append(hit)
            hits[event["id"]] = hit
        if kind == "reclassified" and event["reclassifies"] in hits:
            hits[event["reclassifies"]]["client"]["class"] = event["client"]["class"]
        if "attempt" in event:
            self.tries = max(self.tries, event["attempt"]["n"])
            self.site = event["attempt"].get("site", self.site)
        if kind in ("bounced", "expired"):
            self.refusal = event["bounce"]["class"]
        if kind == "deferred":
            self.deferrals.append(event["bounce"]["class"])

    @property
    def address(self):
        return self.events["accepted"].get("recipient", "")

    @property
    def state(self):
        ended = [end for end in ENDS if end in self.events]
        return ended[-1] if ended else "deferred" if self.tries else "queued"

    def at_site(self):
        return self.site or self.address.rpartition("@")[2]

    def tracked(self, what):
        return "delivered" in self.events and bool(self.events["delivered"]["tracked"][what])

    def best(self, kind):
        """The best class, since when, or None: it counts only where the mail was delivered with what is fetched."""
        if not self.tracked("pixel" if kind == "opened" else "links"):
            return None
        seen = {}
        for hit in self.hits:
            if hit["kind"] == kind:
                seen.setdefault(hit["client"]["class"], []).append(hit["at"])
        if kind == "opened":
            clicks = [hit["at"] for hit in self.hits if hit["kind"] == "clicked" and hit["client"]["class"] == "human"]
            if clicks:
                seen["inferred"] = clicks
        return next(((one, min(seen[one])) for one in CLASSES if one in seen), None)

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

    def fits(self, state=None, did=None, q="", link=None, **more):
        """Whether a list of people with this filter has this one."""
        wanted, opened, clicked = more.get("class"), self.best("opened"), self.best("clicked")
        if state and state != self.state and not (state == "queued" and self.state == "deferred"):
            return False
        seen = {"opened": opened and opened[0], "clicked": clicked and clicked[0]}
        if link:
            found = self.followed().get(int(link))
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
        opened, clicked = self.best("opened"), self.best("clicked")
        refused = self.state in ("bounced", "expired")
        time = lambda kind: self.events[kind]["at"] if kind in self.events else None
        return {
            "email": self.address, "state": self.state, "tries": self.tries, "refusal": self.refusal if refused else "",
            "opened_as": opened[0] if opened else "", "opened_at": minute(opened and opened[1]),
            "opened_total_events": self.events_of("opened"), "clicked_as": clicked[0] if clicked else "",
            "clicked_at": minute(clicked and clicked[1]), "clicked_total_events": self.events_of("clicked"),
            "unsubscribed_at": time("unsubscribed"), "complained_at": time("complained"),
            "late_bounced_at": time("late_bounced"), "accepted_at": time("accepted"), "last_at": rfc3339(self.last),
            "message": self.events["accepted"]["message"]["id"],
        }


class Campaign:
    """Some mails that are counted together."""

    def __init__(self, name, mode, counted):
        self.name, self.mode, self.counted = name, mode, counted

    def counts(self):
        out = {state: sum(person.state == state for person in self.counted) for state in STATES}
        out["queued"] += out["deferred"]
        out["recipients"] = len(self.counted)
        for kind in ("late_bounced", "complained", "unsubscribed"):
            out[kind] = sum(kind in person.events for person in self.counted)
        for name, what in (("with_pixel", "pixel"), ("with_links", "links")):
            out[name] = sum(person.tracked(what) for person in self.counted)
        for kind, classes in (("opened", CLASSES), ("clicked", CLICKED)):
            best = [found[0] for person in self.counted if (found := person.best(kind))]
            out[kind] = {one: best.count(one) for one in classes}
            out[kind]["total_events"] = sum(person.events_of(kind) for person in self.counted)
        return out

    def to_deliver(self):
        n = self.counts()
        return n["recipients"] - n["suppressed"] - n["cancelled"]

    def opens(self):
        """The low number and the high one."""
        opened = self.counts()["opened"]
        low = opened["human"] + opened["proxy"] + opened["inferred"]
        return low, low + opened["prefetch"] + opened["unknown"]

    def parts(self):
        n, (low, high) = self.counts(), self.opens()
        return {
            "delivery": (n["delivered"], self.to_deliver()), "bounce": (n["bounced"] + n["expired"], self.to_deliver()),
            "open_low": (low, n["with_pixel"]), "open_high": (high, n["with_pixel"]),
            "click": (n["clicked"]["human"], n["with_links"]),
        }

    def rates(self):
        return {name: part / whole if whole else None for name, (part, whole) in self.parts().items()}

    def intervals(self):
        return {name: wilson(*parts) for name, parts in self.parts().items()}

    def shares(self):
        out = {f"rates_{name}": rate for name, rate in self.rates().items()}
        for name, span in self.intervals().items():
            if span:
                out.update({f"intervals_{name}_{end}": value for end, value in span.items()})
        return out

    def numbers(self):
        """What JSON and CSV say of the whole."""
        accepted = [person.events["accepted"] for person in self.counted]
        return flat(self.counts()) | self.shares() | {
            "messages": len({event["message"]["id"] for event in accepted}),
            "first_at": min(event["at"] for event in accepted), "campaign": self.name, "mode": self.mode,
        }

    def links(self, rows):
        """By position and pattern; how the rows are called is taken from the relay, who followed them is counted."""
        keys = [(row["position"], row["url"]) for row in rows]
        followed = {key: {} for key in keys}
        hits = dict.fromkeys(keys, 0)
        for person in self.counted:
            for hit in person.hits:
                if hit["kind"] == "clicked":
                    key = row_of(keys, hit["link"])
                    followed.setdefault(key, {}), hits.setdefault(key, 0)
                    hits[key] += hit["n"]
                    if person.tracked("links"):
                        one, at = hit["client"]["class"], followed[key]
                        at[person.ident] = min(at.get(person.ident, one), one, key=CLASSES.index)
        out, whole = {}, self.counts()["with_links"]
        for key, people in followed.items():
            out[key] = {one: list(people.values()).count(one) for one in CLICKED} | {"total_events": hits[key]}
            span = wilson(out[key]["human"], whole) or {"low": None, "high": None}
            out[key] |= {"rates_click": out[key]["human"] / whole if whole else None}
            out[key] |= {f"intervals_click_{end}": value for end, value in span.items()}
        return out

    def grouped(self, named):
        """By receiving site; under the empty name all that are not named."""
        groups = {name: Campaign(name, self.mode, []) for name in [*named, ""] if not re.search(r" other sites?$", name)}
        for person in self.counted:
            groups.get(person.at_site(), groups[""]).counted.append(person)
        return groups

    def sites(self, named):
        groups = self.grouped(named)
        return {
            name: flat(group.counts()) | group.shares() | {"sites": len({person.at_site() for person in group.counted})}
            for name, group in groups.items() if group.counted or name
        }

    def hours(self):
        """What was reached by the end of each hour since the quarter of an hour of the first delivery."""
        times = {"delivered": [], "bounced": [], "low": [], "high": [], "clicked": []}
        for person in self.counted:
            opened, clicked = person.best("opened"), person.best("clicked")
            if person.state in ("delivered", "bounced", "expired"):
                kind = "delivered" if person.state == "delivered" else "bounced"
                times[kind].append(millis(person.events[person.state]["at"]))
            if opened and opened[0] in CLASSES[:3]:
                times["low"].append(opened[1])
            if opened and opened[0] != "scanner":
                times["high"].append(opened[1])
            if clicked and clicked[0] == "human":
                times["clicked"].append(clicked[1])
        if not times["delivered"]:
            return {}
        first = min(times["delivered"])
        first -= first % QUARTER
        last = max(max(kind, default=first) for kind in times.values())
        out = {}
        for hour in range((last - first) // HOUR + 1):
            till = first + (hour + 1) * HOUR
            n = {name: sum(at < till for at in all_times) for name, all_times in times.items()}
            out[hour] = {"from": rfc3339(till - HOUR), "opened_low": n.pop("low"), "opened_high": n.pop("high")} | n
        return out

    def refusals(self):
        out = {}
        for person in self.counted:
            row = lambda one: out.setdefault(one, {"bounced": 0, "deferrals": 0})
            for one in person.deferrals:
                row(one)["deferrals"] += 1
            if person.state in ("bounced", "expired"):
                row(person.events[person.state]["bounce"]["class"])["bounced"] += 1
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


def row_of(keys, link):
    """The row of a link: the address itself without what stands behind `?` or `#`, else the pattern that fits."""
    bare = lambda url: re.split(r"[?#]", url, maxsplit=1)[0]
    at, url = link["position"], link["url"]
    fits = [key for key in keys if key[0] == at and bare(key[1]) == bare(url)]
    if not fits:
        pattern = lambda key: "[^/]*".join(map(re.escape, bare(key[1]).split("*")))
        fits = [key for key in keys if key[0] == at and re.fullmatch(pattern(key), bare(url))]
    return fits[0] if fits else (at, url)


def read(events):
    """All campaigns of an export."""
    people, hits = {}, {}
    for event in events:
        if "delivery" in event and not event["type"].startswith("suppression_"):
            people.setdefault(event["delivery"], Person(event["delivery"])).take(event, hits)
    campaigns = {}
    for person in people.values():
        if accepted := person.events.get("accepted"):
            key = (accepted["campaign"], accepted["mode"])
            campaigns.setdefault(key, Campaign(*key, [])).counted.append(person)
    return list(campaigns.values())
