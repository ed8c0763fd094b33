"""Scenarios with scanners and robots, and with people among them."""

import agents
import networks
from people import NEWSLETTER, a_reader, clicks_links, reads_on, sits_down
from scene import DAY, HOUR, MINUTE, SECOND, Client

BORROWED = ("borrowed", agents.BORROWED)


def when_scanners_come(scene):
    """When 836 measured bursts began: most within a minute, hardly any at once."""
    low, high = scene.rng.choices([(1, 10), (10, 20), (20, 60), (60, 300), (300, 1_800), (1_800, 86_400)], [0.5, 2.2, 66.4, 28.3, 1.9, 0.7])[0]
    seconds = scene.rng.uniform(low, high)
    return int(seconds * SECOND)


def all_links(scene, at, client_of, span_ms, decidable=True, order=None, head_first=False):
    """Every link within a span. `client_of` gives the client of each request."""
    positions = order or list(range(1, scene.links + 1))
    for turn, position in enumerate(positions):
        moment = at + span_ms * turn / max(len(positions), 1) + scene.rng.uniform(0, span_ms / (2 * len(positions)))
        client = client_of()
        if head_first:
            scene.click(moment - scene.between(5, 150), client, "scanner", position, method="HEAD")
        scene.click(moment, client, "scanner", position, decidable=decidable)
    return int(at + span_ms)


def perhaps_a_reader(scene, share=0.5):
    """Later the person reads, at home, with a program of their own."""
    if scene.chance(share):
        a_reader(scene)


def gateway_burst(scene):
    """The measured gateway: the pixel after nine seconds, then all links in under a second, as an ordinary browser."""
    scene.mail("own", NEWSLETTER)
    address = scene.within("aws", networks.AWS)
    client = scene.machine(*BORROWED, address, full=scene.chance(0.5))
    start = when_scanners_come(scene)
    scene.open(min(scene.around(7.6, 0.98) * SECOND, start - 200), client, "scanner")
    all_links(scene, start, lambda: client, scene.dial("span_ms", [90, 250, 500, 800, 950]))
    perhaps_a_reader(scene)


def fleet_burst(scene):
    """A fleet: each link from another machine of a cloud, under another name."""
    scene.mail("own", NEWSLETTER)
    full = scene.chance(0.5)
    all_links(scene, when_scanners_come(scene), lambda: scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS), full=full), scene.dial("span_ms", [200, 700, 1_800, 4_000]))
    perhaps_a_reader(scene)


def one_by_one(scene):
    """A gateway that needs a second or so for each link, in the mail's order."""
    scene.mail("own", [5, 6, 7, 8, 10, 12])
    client = scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS), full=True)
    pace = scene.dial("pace_ms", [600, 1_000, 1_500, 2_500])
    all_links(scene, when_scanners_come(scene), lambda: client, pace * scene.links)
    perhaps_a_reader(scene)


def appliance(scene):
    """A box in the company's own network, at once, under an old browser's name; people read from elsewhere."""
    scene.mail("own", NEWSLETTER)
    client = scene.machine(*BORROWED, scene.home())
    start = scene.between(SECOND, 4 * SECOND)
    if scene.chance(0.4):
        scene.open(start - 300, client, "scanner")
    all_links(scene, start, lambda: client, scene.dial("span_ms", [150, 400, 1_000, 2_000]))
    perhaps_a_reader(scene)


def safe_links_delivery(scene):
    """Microsoft looks at the links on delivery, from its own networks, some of them twice."""
    scene.mail("microsoft", NEWSLETTER)
    nets = networks.MICROSOFT_MAIL + networks.AZURE
    agent = scene.pick("agent.borrowed", agents.BORROWED) if scene.chance(0.7) else ""

    def client():
        return Client(scene.within("microsoft_scan", nets), agent, {"accept": "*/*"} if not agent else scene.navigation(agent))

    start = when_scanners_come(scene)
    if scene.chance(0.6):
        scene.open(start - scene.between(0, 900), client(), "scanner")
    end = all_links(scene, start, client, scene.dial("span_ms", [400, 1_500, 5_000, 10_000]))
    if scene.chance(0.3):
        all_links(scene, end + scene.between(SECOND, 40 * SECOND), client, 2_000, order=scene.some_links(2))
    perhaps_a_reader(scene)


def safe_links_click(scene):
    """Microsoft looks at a link as it is clicked; then the person's own browser comes from the person's own network."""
    scene.mail("microsoft", NEWSLETTER)
    at, address = sits_down(scene), scene.home()
    reader, browser = scene.reader(address), scene.browser(address)
    scene.open(at, reader, "human")
    at += reads_on(scene)
    for position in scene.some_links(scene.rng.choice([1, 1, 2])):
        check = scene.machine("click_time", agents.CLICK_TIME, scene.within("microsoft_scan", networks.MICROSOFT_MAIL + networks.AZURE))
        scene.click(at, check, "scanner", position)
        scene.click(at + scene.dial("redirect_ms", [80, 300, 900, 2_000]) + scene.between(0, 200), browser, "human", position)
        at += int(max(scene.around(25, 0.9) * SECOND, 4_000))


def vendor_networks(scene):
    """Barracuda, Proofpoint, Mimecast, Cisco, Trend Micro and Symantec from networks of their own, as browsers."""
    vendor = scene.dial("vendor", ["barracuda", "proofpoint", "mimecast", "cisco", "trend", "symantec"])
    scene.mail(vendor, NEWSLETTER)
    nets = getattr(networks, vendor.upper())
    full = scene.chance(0.6)
    client = scene.machine(*BORROWED, scene.within(vendor, nets), full=full)
    start = when_scanners_come(scene)
    if scene.chance(0.5):
        scene.open(max(start - scene.between(200, 20 * SECOND), 500), client, "scanner")
    all_links(scene, start, lambda: client, scene.dial("span_ms", [300, 900, 2_500, 6_000]), head_first=scene.chance(0.3))
    perhaps_a_reader(scene)


def named_scanner(scene):
    """Scanners that say who they are; a link or two is enough to know them."""
    scene.mail("own", [1, 2] + NEWSLETTER)
    client = scene.machine("named", agents.NAMED_SCANNERS, scene.within("clouds", networks.CLOUDS))
    start = when_scanners_come(scene)
    if scene.chance(0.5):
        scene.open(start - 150, client, "scanner")
    all_links(scene, start, lambda: client, 1_500, order=scene.some_links(scene.rng.choice([1, 2, 30])))
    perhaps_a_reader(scene)


def library_scanner(scene):
    """Scanners under the name of the library that they are written with, or of a browser without a screen."""
    scene.mail("own", [1, 2] + NEWSLETTER)
    client = scene.machine("libraries", agents.LIBRARIES, scene.within("clouds", networks.CLOUDS))
    start = when_scanners_come(scene)
    if scene.chance(0.5):
        scene.open(start - 150, client, "scanner")
    all_links(scene, start, lambda: client, scene.dial("span_ms", [300, 2_000, 20_000, 120_000]), order=scene.some_links(scene.rng.choice([1, 2, 30])))
    perhaps_a_reader(scene)


def nameless_scanner(scene):
    """Scanners without a name, some with HEAD first."""
    scene.mail("own", NEWSLETTER)
    client = Client(scene.within("microsoft_scan", networks.MICROSOFT_MAIL + networks.AZURE), "", {"accept": "*/*"})
    all_links(scene, when_scanners_come(scene), lambda: client, scene.dial("span_ms", [300, 1_000, 4_000]), head_first=scene.chance(0.5))
    perhaps_a_reader(scene)


def heads_only(scene):
    """A check by HEAD of all links, minutes after delivery; then a person."""
    scene.mail("apple", NEWSLETTER)
    client = scene.machine(*BORROWED, scene.home())
    at = scene.between(20 * SECOND, 20 * MINUTE)
    for position in range(1, scene.links + 1):
        scene.click(at + position * 60, client, "scanner", position, method="HEAD")
    a_reader(scene, share=1.0)


def person_right_after(scene):
    """A person at the screen clicks within seconds of the scanner, from another network."""
    scene.mail("own", NEWSLETTER)
    client = scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS), full=True)
    end = all_links(scene, when_scanners_come(scene), lambda: client, scene.dial("span_ms", [150, 500, 900]))
    address = scene.home()
    reader, browser = scene.reader(address), scene.browser(address)
    at = end + scene.between(2 * SECOND, scene.dial("until_s", [8, 15, 25]) * SECOND)
    scene.open(at, reader, "human")
    clicks_links(scene, at + scene.around(4, 0.6) * SECOND, browser)


def person_amid_the_burst(scene):
    """The person's one click falls between the scanner's, from another network: nobody can tell it from a fleet's."""
    scene.mail("own", [6, 8, 10, 12])
    client = scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS), full=True)
    start = when_scanners_come(scene)
    end = all_links(scene, start, lambda: client, scene.dial("span_ms", [900, 3_000, 8_000]))
    scene.click(scene.between(start, end), scene.browser(scene.home()), "human", scene.rng.randint(1, scene.links), decidable=False)


def office_behind_one_address(scene):
    """Scanner and people leave the company by one address."""
    scene.mail("own", NEWSLETTER)
    address = scene.home()
    client = scene.machine(*BORROWED, address, full=True)
    all_links(scene, when_scanners_come(scene), lambda: client, scene.dial("span_ms", [200, 600, 950]))
    at = sits_down(scene)
    if scene.chance(0.6):
        scene.open(at, scene.reader(address), "human", decidable=False)
    clicks_links(scene, at + reads_on(scene), scene.browser(address, "desktop"), decidable=False)


def one_link_later(scene):
    """A scanner as a whole browser follows one link some four minutes after delivery."""
    scene.mail("own", NEWSLETTER)
    address = scene.within("clouds", networks.CLOUDS) if scene.chance(0.5) else scene.home()
    client = scene.browser(address, "desktop")
    at = scene.between(200 * SECOND, 280 * SECOND)
    if scene.chance(0.5):
        scene.open(at - scene.between(SECOND, 20 * SECOND), client, "scanner", decidable=False)
    scene.click(at, client, "scanner", scene.rng.randint(1, scene.links), decidable=False)


def few_links_slowly(scene):
    """A scanner follows one or two links, by lot, over minutes or hours, under a browser's or a phone's name."""
    scene.mail("own", NEWSLETTER)
    at = when_scanners_come(scene)
    for position in scene.some_links(scene.rng.choice([1, 2])):
        name, names = scene.rng.choice([BORROWED, ("borrowed_phones", agents.BORROWED_PHONES)])
        client = scene.machine(name, names, scene.home(), full=True)
        scene.click(at, client, "scanner", position, decidable=False)
        at += int(scene.around(scene.dial("pause_min", [1, 4, 20, 90]), 0.8) * MINUTE)


def echo_after_a_click(scene):
    """A person clicks; twelve seconds later the same link is fetched from elsewhere, as another system's browser."""
    scene.mail("own", NEWSLETTER)
    at, address = sits_down(scene), scene.home()
    scene.open(at, scene.reader(address), "human")
    at, position = at + reads_on(scene), scene.rng.randint(1, scene.links)
    scene.click(at, scene.browser(address, "desktop"), "human", position)
    echo = scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS) if scene.chance(0.4) else scene.home(), full=True)
    scene.click(at + scene.around(scene.dial("after_s", [5, 12, 20]), 0.4) * SECOND, echo, "scanner", position, decidable=False)


def one_link_mail_scanned(scene):
    """A mail with one link, scanned by a browser of no known network: there is no burst to see."""
    scene.mail("own", [1])
    client = scene.machine(*BORROWED, scene.home(), full=True)
    at = when_scanners_come(scene)
    if scene.chance(0.6):
        scene.open(max(at - scene.between(500, 30 * SECOND), 400), client, "scanner", decidable=False)
    scene.click(at, client, "scanner", 1, decidable=False)
    perhaps_a_reader(scene)


def one_link_mail_microsoft(scene):
    """A mail with one link, scanned from Microsoft's networks."""
    scene.mail("microsoft", [1])
    client = scene.machine(*BORROWED, scene.within("microsoft_exchange", networks.MICROSOFT_MAIL), full=True)
    scene.click(when_scanners_come(scene), client, "scanner", 1)
    perhaps_a_reader(scene, share=0.7)


def one_link_mail_read(scene):
    """A mail with one link that people read when they come to it."""
    scene.mail("own", [1])
    a_reader(scene, share=0.9)


def two_scanners(scene):
    """A gateway before Microsoft's: two bursts, then the person."""
    scene.mail("proofpoint", NEWSLETTER)
    first = scene.machine(*BORROWED, scene.within("proofpoint_and_aws", networks.PROOFPOINT + networks.AWS), full=True)
    second = scene.machine(*BORROWED, scene.within("microsoft_exchange", networks.MICROSOFT_MAIL))
    end = all_links(scene, when_scanners_come(scene), lambda: first, scene.dial("span_ms", [300, 700, 2_000]))
    all_links(scene, end + scene.between(2 * SECOND, 90 * SECOND), lambda: second, scene.dial("second_span_ms", [200, 1_200, 3_000]))
    perhaps_a_reader(scene, share=0.7)


def most_links(scene):
    """A scanner that leaves some links out (known hosts, unsubscribe): five to eight in ten, in under two seconds."""
    scene.mail("own", [6, 8, 10, 12, 15, 20])
    client = scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS), full=scene.chance(0.5))
    share = scene.dial("share", [0.5, 0.6, 0.7, 0.8])
    order = sorted(scene.some_links(max(3, round(scene.links * share))))
    all_links(scene, when_scanners_come(scene), lambda: client, scene.dial("span_ms", [200, 900, 1_900]), order=order)
    perhaps_a_reader(scene)


def reported_mail(scene):
    """A person sends the mail to the help desk hours later; its system fetches every link."""
    scene.mail("own", NEWSLETTER)
    at = sits_down(scene)
    scene.open(at, scene.reader(scene.home()), "human")
    client = scene.machine(*BORROWED, scene.within("clouds", networks.CLOUDS), full=True)
    all_links(scene, at + scene.around(6, 1.0) * MINUTE, lambda: client, scene.dial("span_ms", [300, 800, 3_000]))


def looked_at_again(scene):
    """A mail that was let through is looked at again in the evening or when an alarm goes off: bursts after hours."""
    scene.mail("microsoft", NEWSLETTER)
    nets = networks.MICROSOFT_MAIL + networks.AZURE + networks.COGENT
    agent = scene.pick("agent.borrowed", agents.BORROWED)
    headers = scene.navigation(agent)
    all_links(scene, scene.between(3 * HOUR, 14 * HOUR), lambda: Client(scene.within("late_scan", nets), agent, headers), scene.dial("span_ms", [500, 1_500, 4_000]))
    perhaps_a_reader(scene, share=0.8)


def archive(scene):
    """An archive fetches everything days later."""
    scene.mail("own", NEWSLETTER)
    perhaps_a_reader(scene, share=0.7)
    nets = networks.ARCHIVES + networks.CLOUDS
    client = scene.machine("keepers", agents.KEEPERS, scene.within("keepers", nets), full=scene.chance(0.3))
    at = scene.between(2 * DAY, 30 * DAY)
    scene.open(at - 400, client, "scanner")
    all_links(scene, at, lambda: client, scene.dial("span_ms", [800, 5_000, 60_000]))


def shared_in_a_chat(scene):
    """A person puts a link into a chat: its robot fetches a preview, others follow it."""
    scene.mail("own", NEWSLETTER)
    at = sits_down(scene)
    position = scene.rng.randint(1, scene.links)
    nets = networks.FACEBOOK + networks.TELEGRAM + networks.AWS
    robot = scene.machine("previews", agents.PREVIEWS, scene.within("previews", nets))
    for turn in range(scene.rng.choice([1, 1, 2])):
        headers = {"range": "bytes=0-32768"} if "Slack" in robot.agent else {}
        scene.click(at + turn * scene.between(50, 900), robot, "scanner", position, headers=headers)
    for _ in range(scene.rng.randint(0, 2)):
        scene.click(at + scene.around(8, 1.5) * MINUTE, scene.browser(scene.home()), "human", position)
