"""Writes what readers, proxies and scanners fetch for mails, with the truth beside each request: one delivery a line.

    python3 tests/audience/simulate.py --seed 1 --deliveries 50 --scenario all --half a

`--deliveries` counts per scenario. Times are milliseconds since the receiver took the mail. "truth" is who really asked:
human (a person's own program at a real moment), proxy (a real moment, fetched by a provider), prefetch (ahead of anyone),
scanner (a machine that reads mail or links), unknown. "decidable" is false where the same requests come from people and
from machines alike, so that no rule can tell. `docs/AUDIENCE.md` says what all this is for.

Nothing here is taken from the relay's own rules: this is what they are measured with.
"""

import argparse
import json
import random
import sys

import machines
import people
from scene import Scene
from sources import SOURCES

# name: (what happens, where it is described)
SCENARIOS = {
    "desktop_reader": ("opens in a program at the desk and clicks", ["opens-2006", "opens-2013", "reading-time"]),
    "phone_reader": ("opens and clicks on a phone, often within the mail program", ["opens-hotels", "reading-2021"]),
    "gmail_reader": ("Google's proxy fetches the pixel when the person looks, and at times ahead under an old Edge's name", ["google-proxy", "google-ahead"]),
    "gmail_at_once": ("Google's proxy fetches the pixel seconds after delivery, with nobody there", ["google-at-once"]),
    "yahoo_reader": ("Yahoo's proxy fetches the pixel when the person looks", ["yahoo-proxy"]),
    "outlook_com_reader": ("Microsoft fetches the pixel when a reader of Outlook on the web looks", ["microsoft-opens", "microsoft-nets"]),
    "fastmail_reader": ("a small provider fetches the pixel, under the reader's browser's name", ["fastmail-proxy"]),
    "mpp_unread": ("Apple fetches the pixel ahead; nobody reads", ["apple-mpp", "apple-mpp-when", "apple-mpp-nets"]),
    "mpp_reader": ("Apple fetches the pixel ahead; hours later the person clicks", ["apple-mpp", "apple-mpp-agent"]),
    "mpp_real_reading": ("Apple fetches the pixel when the person really looks", ["apple-mpp-when", "apple-mpp-nets"]),
    "relay_reader": ("a person clicks through iCloud Private Relay", ["apple-egress"]),
    "images_blocked": ("clicks without ever fetching a picture", ["no-open", "opens-alumni"]),
    "three_tabs": ("a person opens three links in tabs within four seconds", ["new-tabs"]),
    "reads_everything": ("a person follows every link, one after the other, over minutes", ["reading-time"]),
    "waits_for_the_mail": ("a person waits for a code or a confirmation and follows its link at once", ["opens-2013", "clusters"]),
    "clicked_twice": ("a double click, or a program that opens a link twice", ["twice-gmail", "twice-tabs"]),
    "passed_on": ("forwarded: others read the same copy from other networks for days", ["forwarding", "forwarded-mail"]),
    "opens_again": ("looks again and again over weeks, at the desk and on the phone", ["opens-2006", "forwarding"]),
    "carrier_proxy": ("a phone behind its carrier's gateways, each request from another address", ["carriers", "carrier-headers"]),
    "thin_browser": ("a browser whose maker's servers draw the page", ["thin-browsers", "thin-forwarded"]),
    "cloud_desktop": ("a person at a desktop in a data centre, or behind a gateway there", ["cloud-gateways"]),
    "careful_person": ("a person looks where a link leads, with curl or a text browser", ["libraries", "no-agent"]),
    "hidden_agent": ("a person whose browser's name is removed on the way", ["no-agent"]),
    "bare_mail_program": ("a mail program fetches pictures under a library's name", ["libraries"]),
    "prefetching_browser": ("a browser fetches links ahead and says so, then the person goes there", ["sec-purpose"]),
    "pressed_preview": ("a page is shown while the finger is down on the link", ["apple-preview"]),
    "feed_reader": ("a newsletter read as a feed", ["feeds"]),
    "gateway_burst": ("the measured gateway: the pixel after nine seconds, all links in under a second", ["bursts", "clusters"]),
    "fleet_burst": ("all links within seconds, each from another machine under another name", ["gateway-fleet", "gateways"]),
    "one_by_one": ("all links in order, a second or so for each", ["burst-order", "full-browser"]),
    "appliance": ("a box in the company's network follows all links seconds after delivery", ["old-explorer", "barracuda"]),
    "safe_links_delivery": ("Microsoft follows the links on delivery", ["safe-links", "safe-links-seen", "safe-links-2022", "safe-links-twice"]),
    "safe_links_click": ("Microsoft checks a link as it is clicked, then the person's browser arrives", ["safe-links", "safe-links-click"]),
    "vendor_networks": ("six vendors' scanners from their own networks, under browsers' names", ["vendors", "barracuda-nets", "mimecast-nets", "old-chromes"]),
    "named_scanner": ("scanners that say who they are", ["vendors"]),
    "library_scanner": ("scanners under the name of a library or of a browser without a screen", ["libraries"]),
    "nameless_scanner": ("scanners without a name", ["safe-links-empty"]),
    "heads_only": ("all links checked by HEAD, then a person", ["apple-head", "head-first"]),
    "person_right_after": ("a person clicks seconds after a scanner's burst, from another network", ["clusters"]),
    "person_amid_the_burst": ("a person's click falls into a scanner's burst", ["clusters"]),
    "office_behind_one_address": ("scanner and people leave the company by one address", ["clusters", "bounced-clicks"]),
    "one_link_later": ("a scanner as a browser follows one link after four minutes", ["delays", "gateway-fleet"]),
    "few_links_slowly": ("a scanner follows one or two links over minutes or hours", ["delays", "phone-agents"]),
    "echo_after_a_click": ("a click is repeated from elsewhere some twelve seconds later", ["twelve-seconds"]),
    "one_link_mail_scanned": ("a mail's only link is scanned by a browser of no known network", ["clusters", "bursts"]),
    "one_link_mail_microsoft": ("a mail's only link is scanned from Microsoft's networks", ["safe-links-seen"]),
    "one_link_mail_read": ("a mail's only link is followed by people", ["opens-2006"]),
    "two_scanners": ("two scanners, one behind the other, then the person", ["clusters", "gateways"]),
    "most_links": ("five to eight links in ten within two seconds", ["burst-order", "gateways"]),
    "reported_mail": ("a person reports the mail; the help desk's system follows every link", ["tickets"]),
    "looked_at_again": ("a mailbox's provider follows the links again hours later", ["odd-hours", "safe-links-click"]),
    "archive": ("an archive fetches everything days later", ["archives"]),
    "shared_in_a_chat": ("a link is put into a chat: its robot, then other people", ["previews", "previews-apple", "previews-list"]),
}


def play(name):
    return getattr(people, name, None) or getattr(machines, name)


def deliveries(name, count, seed, half):
    """The deliveries of one scenario. Each has a generator of its own: more of them change none of the first."""
    for number in range(1, count + 1):
        scene = Scene(name, number, random.Random(f"{seed}/{half}/{name}/{number}"), half)
        play(name)(scene)
        yield scene.line()


def main():
    parser = argparse.ArgumentParser(description="simulates who fetches what of delivered mails")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deliveries", type=int, default=50, help="per scenario")
    parser.add_argument("--scenario", default="all", choices=["all", *SCENARIOS], metavar="NAME")
    parser.add_argument("--half", choices=["a", "b"], help="only this half of the agents, networks and parameters")
    parser.add_argument("--list", action="store_true", help="the scenarios and where they are described")
    arguments = parser.parse_args()
    if arguments.list:
        for name, (sentence, sources) in SCENARIOS.items():
            print(f"{name}: {sentence} ({', '.join(SOURCES[source] for source in sources)})")
        return
    names = SCENARIOS if arguments.scenario == "all" else [arguments.scenario]
    for name in names:
        for line in deliveries(name, arguments.deliveries, arguments.seed, arguments.half):
            json.dump(line, sys.stdout, separators=(",", ":"))
            sys.stdout.write("\n")


if __name__ == "__main__":
    main()
