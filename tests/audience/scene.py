"""One delivery and what is fetched for it. Scenarios write on it; all chance comes from its own generator."""

import ipaddress
import math

import agents
import networks
from halves import part

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Client:
    """A program at an address."""

    def __init__(self, address, agent, headers):
        self.address, self.agent, self.headers = address, agent, headers


class Scene:
    def __init__(self, scenario, number, rng, half):
        self.scenario, self.rng, self.half = scenario, rng, half
        self.name = f"{scenario}-{number}"
        self.mx, self.links, self.hits = "mx.example.org", 1, []
        self.homes = rng.sample(networks.HOMES, len(networks.HOMES))

    # What chance decides.
    def pick(self, name, items):
        """One of a list, of this half."""
        return self.rng.choice(part(self.half, name, items))

    def dial(self, name, values):
        """One setting of a scenario, of this half."""
        return self.pick(f"{self.scenario}.{name}", values)

    def chance(self, share):
        return self.rng.random() < share

    def between(self, low, high):
        """Evenly between two moments, in milliseconds."""
        return int(self.rng.uniform(low, high))

    def around(self, median, sigma):
        """Log-normal, in the unit of its median."""
        return self.rng.lognormvariate(math.log(median), sigma)

    # Where and with what.
    def mail(self, exchanger, links):
        """The mail: who takes it and how many links are in it."""
        self.mx = self.pick(f"mx.{exchanger}", networks.MX[exchanger])
        self.links = self.rng.choice(links)
        return self.links

    def within(self, name, nets):
        """An address within one of a provider's networks."""
        net = ipaddress.ip_network(self.pick(f"net.{name}", nets))
        return str(net[self.rng.randrange(1, net.num_addresses - 1)])

    def home(self):
        """An address of a network that no one else of this delivery has."""
        if self.homes and self.chance(0.7):
            return str(ipaddress.ip_network(self.homes.pop())[self.rng.randrange(1, 255)])
        return str(ipaddress.ip_address("2001:db8::") + (self.rng.getrandbits(20) << 72) + self.rng.getrandbits(64))

    def browser(self, address, kind="any"):
        """A person's browser. `kind`: desktop, phone, view (within a mail program) or any."""
        if kind == "any":
            kind = self.rng.choices(["desktop", "phone", "view"], [5, 4, 1])[0]
        lists = {"desktop": agents.DESKTOP, "phone": agents.PHONE, "view": agents.VIEW}
        agent = self.pick(f"agent.{kind}", lists[kind])
        return Client(address, agent, self.navigation(agent))

    def navigation(self, agent):
        """What a browser sends beside its name when it goes to a page."""
        language = self.rng.choice(["en-US,en;q=0.9", "en-GB,en;q=0.8", "de-DE,de;q=0.9,en;q=0.7", "fr-FR,fr;q=0.9", "es-ES,es;q=0.9,en;q=0.8", "pt-BR,pt;q=0.9"])
        headers = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "accept-language": language, "accept-encoding": "gzip, deflate, br"}
        if "Trident" not in agent and "Presto" not in agent and "MSIE" not in agent:
            headers |= {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": self.rng.choice(["cross-site", "none"]), "sec-fetch-user": "?1", "upgrade-insecure-requests": "1"}
        return headers

    def reader(self, address):
        """A person's own mail program, which fetches pictures."""
        return Client(address, self.pick("agent.mail", agents.MAIL), {"accept": "image/avif,image/webp,image/png,image/*;q=0.8,*/*;q=0.5", "accept-encoding": "gzip, deflate"})

    def machine(self, name, names, address, full=False):
        """A program that no person looks at; `full` when it is a whole browser."""
        agent = self.pick(f"agent.{name}", names)
        return Client(address, agent, self.navigation(agent) if full else {"accept": "*/*", "accept-encoding": "gzip, deflate"})

    # What happens.
    def hit(self, at_ms, kind, client, truth, position=None, method="GET", decidable=True, headers=None):
        hit = {"at_ms": max(1, int(at_ms)), "kind": kind, "method": method}
        if kind == "click":
            hit["position"] = position
        hit |= {"address": client.address, "agent": client.agent, "headers": client.headers | (headers or {}), "truth": truth, "decidable": decidable}
        self.hits.append(hit)

    def open(self, at_ms, client, truth, **more):
        self.hit(at_ms, "open", client, truth, **more)

    def click(self, at_ms, client, truth, position, **more):
        self.hit(at_ms, "click", client, truth, position=position, **more)

    def some_links(self, count):
        """Different links, in no order."""
        return self.rng.sample(range(1, self.links + 1), min(count, self.links))

    def line(self):
        """The delivery as it is written."""
        self.hits.sort(key=lambda hit: hit["at_ms"])
        return {"scenario": self.scenario, "delivery": self.name, "mx": self.mx, "delivered_ms": 0, "links": self.links, "hits": self.hits}
