"""Scenarios with a person alone, or with nobody: mail programs, image proxies, browsers."""

import agents
import networks
from scene import DAY, HOUR, MINUTE, SECOND, Client

NEWSLETTER = [3, 4, 5, 6, 8, 10, 12, 15, 20]


def sits_down(scene):
    """When a person looks at the mail: half of all within hours, a fifth later than a day, some after a week."""
    hours = scene.around(scene.dial("median_hours", [2.5, 3.5, 4.5, 6.0]), scene.dial("spread", [1.9, 2.1, 2.2, 2.4]))
    return int(min(max(hours * HOUR, 6 * SECOND), 40 * DAY))


def reads_on(scene):
    """From one glance to the next act: most look for ten seconds or so, some for minutes."""
    return int(max(scene.around(scene.dial("reading_s", [8, 10, 12, 15, 20]), scene.dial("reading_spread", [0.9, 1.1, 1.2])) * SECOND, 700))


def clicks_links(scene, at, client, count=None, decidable=True):
    """A person follows one link, sometimes more, and looks at each page before the next."""
    count = count or scene.rng.choices([1, 2, 3, 4], [70, 19, 8, 3])[0]
    for position in scene.some_links(count):
        scene.click(at, client, "human", position, decidable=decidable)
        at += int(max(scene.around(25, 1.0) * SECOND, 2_200))
    return at


def a_reader(scene, at=None, kind="any", share=0.6):
    """A person at home with a program of their own: looks, and perhaps clicks."""
    address = scene.home()
    at = sits_down(scene) if at is None else at
    reader, browser = scene.reader(address), scene.browser(address, kind)
    scene.open(at, reader, "human")
    if scene.chance(share):
        clicks_links(scene, at + reads_on(scene), browser)
    if scene.chance(0.2):
        scene.open(at + scene.around(9, 1.5) * HOUR, reader, "human")


def desktop_reader(scene):
    scene.mail("own", NEWSLETTER)
    a_reader(scene, kind="desktop")


def phone_reader(scene):
    scene.mail("own", NEWSLETTER)
    address, at = scene.home(), sits_down(scene)
    view = scene.browser(address, "view")
    scene.open(at, view, "human")
    if scene.chance(0.7):
        clicks_links(scene, at + reads_on(scene), scene.browser(address, scene.rng.choice(["phone", "view"])))


def proxied(scene, name, names, nets):
    return scene.machine(name, names, scene.within(name, nets))


def gmail_reader(scene):
    scene.mail("google", NEWSLETTER)
    if scene.chance(0.3):
        ahead = proxied(scene, "google_ahead", agents.GOOGLE_AHEAD, networks.GOOGLE_PROXY)
        scene.open(scene.between(SECOND, 12 * SECOND), ahead, "prefetch")
    at = sits_down(scene)
    for _ in range(scene.rng.choices([1, 2, 3], [70, 20, 10])[0]):
        scene.open(at, proxied(scene, "google_proxy", agents.GOOGLE_PROXY, networks.GOOGLE_PROXY), "proxy", decidable=at > MINUTE)
        if scene.chance(0.5):
            clicks_links(scene, at + reads_on(scene), scene.browser(scene.home()))
        at += int(scene.around(8, 1.4) * HOUR)


def gmail_at_once(scene):
    """Google's proxy fetches the pixel seconds after delivery: nothing tells it from a person who sits at the screen."""
    scene.mail("google", NEWSLETTER)
    scene.open(scene.between(SECOND, 15 * SECOND), proxied(scene, "google_proxy", agents.GOOGLE_PROXY, networks.GOOGLE_PROXY), "prefetch", decidable=False)
    if scene.chance(0.5):
        at = sits_down(scene)
        scene.open(at, proxied(scene, "google_proxy", agents.GOOGLE_PROXY, networks.GOOGLE_PROXY), "proxy")
        clicks_links(scene, at + reads_on(scene), scene.browser(scene.home()))


def yahoo_reader(scene):
    scene.mail("yahoo", NEWSLETTER)
    at = sits_down(scene)
    scene.open(at, proxied(scene, "yahoo_proxy", agents.YAHOO_PROXY, networks.YAHOO_PROXY), "proxy")
    if scene.chance(0.6):
        clicks_links(scene, at + reads_on(scene), scene.browser(scene.home()))


def outlook_com_reader(scene):
    """Outlook on the web has pictures fetched by Microsoft, under the reader's browser's name or none."""
    scene.mail("outlook", NEWSLETTER)
    at, browser = sits_down(scene), scene.browser(scene.home(), "desktop")
    proxy = Client(scene.within("microsoft_mail", networks.MICROSOFT_MAIL), browser.agent, {"accept": "image/*"})
    scene.open(at, proxy, "proxy", decidable=at > 10 * MINUTE)
    if scene.chance(0.6):
        clicks_links(scene, at + reads_on(scene), browser)


def fastmail_reader(scene):
    scene.mail("fastmail", NEWSLETTER)
    at, browser = sits_down(scene), scene.browser(scene.home())
    scene.open(at, Client(scene.within("fastmail", networks.FASTMAIL), browser.agent, {"accept": "image/*"}), "proxy", decidable=False)
    if scene.chance(0.6):
        clicks_links(scene, at + reads_on(scene), browser)


def apple_fetch(scene, at, truth, decidable=True):
    scene.open(at, proxied(scene, "apple_proxy", agents.APPLE_PROXY, networks.APPLE_PROXY), truth, decidable=decidable)


def apple_fetches_ahead(scene):
    """When Mail next runs with power and Wi-Fi: minutes to hours after delivery."""
    return int(scene.around(scene.dial("ahead_minutes", [8, 20, 60, 150]), scene.dial("ahead_spread", [1.2, 1.6, 1.9])) * MINUTE)


def mpp_unread(scene):
    scene.mail("apple", NEWSLETTER)
    apple_fetch(scene, apple_fetches_ahead(scene), "prefetch")


def mpp_reader(scene):
    """Fetched ahead and then read from the device's store: the person shows by a click alone."""
    scene.mail("apple", NEWSLETTER)
    ahead = apple_fetches_ahead(scene)
    apple_fetch(scene, ahead, "prefetch")
    clicks_links(scene, max(sits_down(scene), ahead + MINUTE), scene.browser(scene.home(), "phone"))


def mpp_real_reading(scene):
    """Not fetched ahead (no Wi-Fi, little power): Apple's proxy fetches when the person looks, and looks the same."""
    scene.mail("apple", NEWSLETTER)
    at = sits_down(scene)
    apple_fetch(scene, at, "proxy", decidable=False)
    clicks_links(scene, at + reads_on(scene), scene.browser(scene.home(), "phone"))


def relay_reader(scene):
    """A click through iCloud Private Relay: Apple's network, a whole Safari."""
    scene.mail("apple", NEWSLETTER)
    if scene.chance(0.7):
        apple_fetch(scene, apple_fetches_ahead(scene), "prefetch")
    safaris = [agent for agent in agents.PHONE + agents.DESKTOP if "Version/" in agent and "Mac OS X" in agent and "Edg" not in agent and "Opera" not in agent]
    browser = scene.machine("safari", safaris, scene.within("apple_proxy", networks.APPLE_PROXY), full=True)
    clicks_links(scene, sits_down(scene), browser)


def images_blocked(scene):
    scene.mail("own", NEWSLETTER)
    clicks_links(scene, sits_down(scene), scene.browser(scene.home()))


def three_tabs(scene):
    """Three links into tabs of their own within four seconds or so, by hand."""
    scene.mail("own", [5, 6, 8, 10, 12, 15])
    address, at = scene.home(), sits_down(scene)
    reader, browser = scene.reader(address), scene.browser(address, "desktop")
    if scene.chance(0.7):
        scene.open(at, reader, "human")
    at += reads_on(scene)
    gap = scene.dial("gap_ms", [700, 1_000, 1_300, 1_700, 2_000])
    for position in sorted(scene.some_links(3)):
        # In the first minutes, and faster than a second, machines do the same.
        scene.click(at, browser, "human", position, decidable=at > 30 * MINUTE and gap >= 1_000)
        at += int(gap * scene.rng.uniform(0.8, 1.25))


def reads_everything(scene):
    """Every link of the mail, one after the other, over minutes."""
    scene.mail("own", [4, 5, 6, 8, 10])
    address, at = scene.home(), sits_down(scene)
    scene.open(at, scene.reader(address), "human")
    browser, pause = scene.browser(address), scene.dial("pause_s", [6, 12, 20, 40])
    at += reads_on(scene)
    for position in range(1, scene.links + 1):
        scene.click(at, browser, "human", position)
        at += int(max(scene.around(pause, 0.7) * SECOND, 2_500))


def waits_for_the_mail(scene):
    """A code or a confirmation that a person asked for: looked at within seconds, its link followed at once."""
    scene.mail("own", [1, 2, 3])
    address = scene.home()
    at = scene.between(4 * SECOND, scene.dial("until_s", [40, 60, 90, 150]) * SECOND)
    if scene.chance(0.6):
        scene.open(at, scene.reader(address), "human", decidable=False)
    scene.click(at + scene.around(5, 0.7) * SECOND, scene.browser(address), "human", 1, decidable=False)


def clicked_twice(scene):
    """A double click, or a program that opens a link twice."""
    scene.mail("own", NEWSLETTER)
    address, at = scene.home(), sits_down(scene)
    scene.open(at, scene.reader(address), "human")
    at, browser, position = at + reads_on(scene), scene.browser(address), scene.rng.randint(1, scene.links)
    gap = scene.dial("gap_ms", [40, 120, 250, 400, 900])
    for turn in range(scene.rng.choice([2, 2, 3])):
        scene.click(at + turn * gap, browser, "human", position)


def passed_on(scene):
    """Forwarded: others read the same copy elsewhere, for days."""
    scene.mail("own", NEWSLETTER)
    first = sits_down(scene)
    a_reader(scene, at=first)
    for _ in range(scene.rng.randint(1, 4)):
        a_reader(scene, at=first + int(scene.around(6, 1.5) * HOUR), share=0.8)


def opens_again(scene):
    """Looked at again and again over weeks, from the desk and from the phone."""
    scene.mail("own", NEWSLETTER)
    at, desk, phone = sits_down(scene), scene.home(), scene.home()
    clients = [(scene.reader(desk), scene.browser(desk, "desktop")), (scene.browser(phone, "view"), scene.browser(phone, "phone"))]
    for _ in range(scene.rng.randint(3, 8)):
        reader, browser = scene.rng.choice(clients)
        scene.open(at, reader, "human")
        if scene.chance(0.25):
            clicks_links(scene, at + reads_on(scene), browser, count=1)
        at += int(scene.around(14, 1.3) * HOUR)


def neighbour(scene, address):
    """Another address of the same network."""
    if "." in address:
        return f"{address.rpartition('.')[0]}.{scene.rng.randrange(1, 255)}"
    return f"{address.rpartition(':')[0]}:{scene.rng.randrange(1, 65_535):x}"


def carrier_proxy(scene):
    """A phone behind its carrier's gateways: each request may come from another address."""
    scene.mail("own", NEWSLETTER)
    at, phone = sits_down(scene), scene.browser("", scene.rng.choice(["phone", "view"]))
    headers = {"via": scene.dial("via", ["1.1 gateway.example (squid)", "1.0 wap.example.net", "1.1 cache7.example.org", "1.1 proxy.example.com:8080"])}

    pool = [scene.home(), scene.home()]

    def moved():
        gateway = scene.rng.choices(pool, [4, 1])[0]
        return Client(neighbour(scene, gateway), phone.agent, phone.headers)

    scene.open(at, moved(), "human", headers=headers)
    at += reads_on(scene)
    for position in scene.some_links(scene.rng.choice([1, 1, 2])):
        scene.click(at, moved(), "human", position, headers=headers)
        at += int(scene.around(20, 0.8) * SECOND)


def thin_browser(scene):
    """Browsers that have pages drawn by their maker's servers: a person's click from a data centre."""
    scene.mail("own", NEWSLETTER)
    at = sits_down(scene)
    client = scene.machine("thin", agents.THIN_PROXY_BROWSERS, scene.within("thin", networks.THIN_PROXIES), full=True)
    headers = {"x-forwarded-for": "203.0.113.77", "x-operamini-features": "advanced, folding, routing"}
    clicks_links(scene, at, client, count=1)
    for hit in scene.hits:
        hit["headers"] = hit["headers"] | headers


def cloud_desktop(scene):
    """A person at a desktop in a data centre, or behind a company's cloud gateway."""
    scene.mail("own", NEWSLETTER)
    address, at = scene.within("clouds", networks.CLOUDS), sits_down(scene)
    if scene.chance(0.6):
        scene.open(at, scene.reader(address), "human", decidable=False)
    clicks_links(scene, at + reads_on(scene), scene.browser(address, "desktop"), decidable=False)


def careful_person(scene):
    """Follows the link with curl or a text browser, to see where it leads."""
    scene.mail("own", NEWSLETTER)
    names = agents.CURL if scene.chance(0.7) else agents.TEXT_BROWSERS
    client = scene.machine("curl" if names is agents.CURL else "text_browser", names, scene.home())
    at, position = sits_down(scene), scene.rng.randint(1, scene.links)
    if scene.chance(0.4):
        scene.click(at - 20 * SECOND, client, "human", position, method="HEAD")
    scene.click(at, client, "human", position, decidable=False)


def hidden_agent(scene):
    """A person whose browser or company removes the program's name."""
    scene.mail("own", NEWSLETTER)
    address, at = scene.home(), sits_down(scene)
    client = Client(address, "", scene.dial("headers", ["accept-language: en", "accept-language: de", "dnt: 1", "accept: */*"]))
    client.headers = dict([client.headers.split(": ")])
    if scene.chance(0.5):
        scene.open(at, client, "human", decidable=False)
    clicks_links(scene, at + reads_on(scene), client, count=1, decidable=False)


def bare_mail_program(scene):
    """Mail programs that fetch pictures under a library's name; the click is a browser's."""
    scene.mail("own", NEWSLETTER)
    address, at = scene.home(), sits_down(scene)
    program = scene.machine("bare_mail", agents.BARE_MAIL_PROGRAMS, address)
    scene.open(at, program, "human", decidable=False)
    if scene.chance(0.6):
        clicks_links(scene, at + reads_on(scene), scene.browser(address, "phone"))


def prefetching_browser(scene):
    """The browser fetches a link ahead and says so; then the person goes there."""
    scene.mail("own", NEWSLETTER)
    address, at = scene.home(), sits_down(scene)
    chromes = [agent for agent in agents.DESKTOP + agents.PHONE if "Chrome/1" in agent]
    foxes = [agent for agent in agents.DESKTOP if "Firefox/" in agent]
    fox = scene.chance(0.3)
    browser = scene.machine("ahead_fox" if fox else "ahead_chrome", foxes if fox else chromes, address, full=True)
    spoken = [("x-moz", "prefetch"), ("sec-purpose", "prefetch")] if fox else [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("sec-purpose", "prefetch;anonymous-client-ip")]
    name, value = scene.dial("header.fox" if fox else "header", spoken)
    first, *others = scene.some_links(3)
    for position in [first] + others[:scene.rng.randint(0, 1)]:
        scene.click(at - scene.between(300, 4 * SECOND), browser, "prefetch", position, headers={name: value})
    if scene.chance(0.7):
        scene.click(at, browser, "human", first)


def pressed_preview(scene):
    """Apple's programs show a page while the finger is down: the same browser, before the click or without one."""
    scene.mail("apple", NEWSLETTER)
    at, browser = sits_down(scene), scene.browser(scene.home(), "phone")
    browser.agent = scene.pick("agent.safari_phone", [agent for agent in agents.PHONE if "iPhone" in agent and "Version/" in agent])
    position = scene.rng.randint(1, scene.links)
    said = scene.chance(0.3)
    scene.click(at, browser, "prefetch", position, headers={"x-purpose": "preview"} if said else {}, decidable=said)
    if scene.chance(0.5):
        scene.click(at + scene.between(2 * SECOND, 15 * SECOND), browser, "human", position, decidable=False)


def feed_reader(scene):
    """A newsletter read as a feed: the service fetches pictures ahead, the person clicks in a browser."""
    scene.mail("own", NEWSLETTER)
    service = scene.machine("feeds", agents.FEEDS, scene.within("clouds", networks.CLOUDS))
    scene.open(scene.between(20 * SECOND, 40 * MINUTE), service, "prefetch")
    if scene.chance(0.6):
        clicks_links(scene, sits_down(scene), scene.browser(scene.home()))
