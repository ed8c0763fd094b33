"""Reads what a receiver got beside what was submitted, with Python's mail parser and Lexbor's HTML parser, follows every
tracked link by HEAD, and then fetches some pixels and links as people and machines do.

Arguments: the folder of originals (NNNN.eml), the receiver's folder (*.eml, *.json), the tracking URL, the web listener.
Prints as JSON what each campaign's numbers have to be. Fails at the first harm.
"""

import collections
import concurrent.futures
import email
import email.header
import http.client
import json
import pathlib
import re
import sys
import threading
import urllib.parse

from selectolax.lexbor import LexborHTMLParser

ORIGINALS, COPIES, BASE, WEB = sys.argv[1:]
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PROXY = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-for-desktop/SLN28749.html"
ROBOT = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"
OPT_OUTS = {"data-no-track": None, "clicktracking": "off"}
PLACEHOLDERS = re.compile(r"\{\{|\*\||\[\[|\$\{|<%|%recipient%|\{%")
CONDITIONAL = re.compile(r"(?<!</)(<!--\[if [^\]]*\]>)(?!<!-->)(.*?)(<!\[endif\]-->)", re.S)
local = threading.local()


def fetch(url, method="GET", agent=BROWSER):
    """Status, Location and body, over a connection that this thread keeps."""
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection(WEB, timeout=30)
    parts = urllib.parse.urlsplit(url)
    # Readers sit elsewhere than who looked by HEAD: a client that does both is a machine.
    client = "203.0.113.9" if method == "GET" else "198.51.100.9"
    headers = {"Host": parts.netloc, "User-Agent": agent, "X-Forwarded-For": client}
    local.connection.request(method, parts.path, headers=headers)
    answer = local.connection.getresponse()
    return answer.status, answer.getheader("Location"), answer.read()


def target(href):
    """Where a browser goes: URL Standard 4.4, as far as these pages need it."""
    href = re.sub(r"[\t\r\n]", "", href.strip("".join(map(chr, range(33)))))
    if re.fullmatch(r"[!-~]*", href) or not re.match(r"https?://[^/?#]", href, re.I):
        return href
    parts = urllib.parse.urlsplit(href)
    rest = urllib.parse.quote(href.split(parts.netloc, 1)[1], safe="".join(map(chr, range(33, 127))))
    return f"{parts.scheme}://{parts.netloc.encode('idna').decode()}{rest}"


def excused(node, href, unsubscribe):
    """Whether a link may be left alone."""
    goal = target(href)
    shown = node.text(strip=True)
    return (
        not re.match(r"https?://[^/?#]", goal, re.I)
        or any(name in node.attributes and wanted in (None, node.attributes[name]) for name, wanted in OPT_OUTS.items())
        or PLACEHOLDERS.search(goal)
        or len(goal) > 1_500
        or goal in unsubscribe
        or re.match(r"(https?://|www\.|[\w-]+\.[a-z]+$)", shown) is not None
    )


class Comparison:
    """One copy beside its original."""

    def __init__(self, name, original, copy):
        self.name, self.links, self.pixels = name, [], []
        before, after = email.message_from_bytes(original), email.message_from_bytes(copy)
        self.unsubscribe = re.findall(r"<(http[^>]*)>", before.get("List-Unsubscribe", ""))
        self.header(original, copy)
        parts, others = list(before.walk()), list(after.walk())
        self.expect(len(parts) == len(others), "another number of parts")
        for n, (one, other) in enumerate(zip(parts, others)):
            self.part(one, other, n == 0)

    def expect(self, holds, what):
        if not holds:
            sys.exit(f"{self.name}: {what}")

    def header(self, original, copy):
        """Only the closed list may differ, byte for byte."""
        fields = lambda raw: re.findall(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*", raw.split(b"\r\n\r\n", 1)[0] + b"\r\n")
        named = lambda field, names: field.split(b":", 1)[0].lower() in names
        before = [field for field in fields(original) if not field.lower().startswith(b"x-postrider-")]
        after = fields(copy)
        added = after[:len(after) - len(before)]
        have = {field.split(b":", 1)[0].lower() for field in before}
        self.expect(all(named(f, {b"received", b"message-id", b"date"} - have) for f in added), f"added {added}")
        moved = lambda field: not named(field, {b"content-transfer-encoding"})
        self.expect(list(filter(moved, after[len(added):])) == list(filter(moved, before)), "a header field differs")

    def part(self, one, other, top):
        encoding = lambda part: part.get("Content-Transfer-Encoding", "7bit").lower()
        if not top:
            rest = lambda part: [(k, v) for k, v in part.items() if k.lower() != "content-transfer-encoding"]
            self.expect(rest(one) == rest(other), "a part's header field differs")
        self.expect((one.preamble, one.epilogue) == (other.preamble, other.epilogue), "octets between the parts differ")
        if one.is_multipart():
            return
        if one.get_payload() == other.get_payload():
            self.expect(encoding(one) == encoding(other), "an encoding differs")
            return
        readable = one.get_content_type() == "text/html" and one.get_content_disposition() != "attachment"
        self.expect(readable, f"{one.get_content_type()} was changed")
        self.expect(encoding(other) in (encoding(one), "quoted-printable"), "another encoding")
        charset = one.get_content_charset("us-ascii")
        text = lambda part: part.get_payload(decode=True).decode(charset)
        self.page(text(one), text(other), False)

    def page(self, before, after, conditional):
        """Two pages are the same document but for tracked links, opt-outs and the pixel."""
        inside = CONDITIONAL.findall(before), CONDITIONAL.findall(after)
        self.expect(len(inside[0]) == len(inside[1]), "another number of conditional comments")
        for one, other in zip(*inside):
            self.expect((one[0], one[2]) == (other[0], other[2]), "a conditional comment differs")
            self.page(one[1], other[1], True)
        outside = lambda page: LexborHTMLParser(CONDITIONAL.sub(r"\1\3", page))
        one, other = outside(before), outside(after)
        for image in other.css("img"):
            if (image.attributes.get("src") or "").startswith(f"{BASE}/o/"):
                self.pixels.append(image.attributes["src"])
                image.decompose()
        # Anchors and areas, and in what Outlook alone reads the shapes of its vector graphics.
        can_link = lambda node: node.tag in ("a", "area") or (conditional and node.tag.startswith("v:"))
        links, tracked = (list(filter(can_link, page.css("[href]"))) for page in (one, other))
        self.expect(len(links) == len(tracked), "another number of links")
        for link, again in zip(links, tracked):
            self.link(link, again)
        differs = next((at for at, pair in enumerate(zip(one.html, other.html)) if pair[0] != pair[1]), -1)
        around = slice(max(0, differs - 80), differs + 80)
        self.expect(one.html == other.html, f"the page differs: {one.html[around]!r} became {other.html[around]!r}")

    def link(self, link, again):
        href, now = link.attributes["href"] or "", again.attributes["href"] or ""
        if now.startswith(f"{BASE}/c/"):
            self.links.append((now, target(href)))
            again.attrs["href"] = href
        else:
            self.expect(now == href, f"{href} became {now}")
            self.expect(excused(link, href, self.unsubscribe), f"{href} is not tracked")
        for name, wanted in OPT_OUTS.items():
            if name in link.attributes and wanted in (None, link.attributes[name]):
                del link.attrs[name]


def compared(path):
    told = json.loads(path.read_text())
    number = int(told["rcpt_to"][0].split("@")[0].split("-")[1])
    original = pathlib.Path(ORIGINALS, f"{number:04}.eml").read_bytes()
    copy = Comparison(path.name, original, path.with_suffix(".eml").read_bytes())
    for url, wanted in copy.links:
        status, location, _ = fetch(url, "HEAD")
        copy.expect((status, location) == (302, wanted), f"{wanted} leads to {status} {location}")
    copy.expect(len(copy.pixels) < 2, "two pixels")
    name = email.message_from_bytes(original)["X-Postrider-Campaign"]
    return number, str(email.header.make_header(email.header.decode_header(name))), copy


def visit(number, copy, numbers):
    """The visits that this copy gets, and what they have to become."""
    opened = clicked = None
    turn = number // 4  # the campaigns take turns, so that each gets visits of every kind
    if copy.pixels and number % 3 == 0:
        opened = "proxy" if turn % 2 else "human"
        copy.expect(len(fetch(copy.pixels[0], agent=PROXY if turn % 2 else BROWSER)[2]) == 43, "no pixel")
        numbers["opened"]["total_events"] += 1
    if copy.links and turn % 4 < 2:
        clicked = "scanner" if turn % 8 == 5 else "human"
        agent = BROWSER if clicked == "human" else ROBOT
        # Who follows all links of a mail at once is a machine.
        goals = [copy.links[0], copy.links[-1]] if turn % 2 and len(copy.links) > 2 else [copy.links[number % len(copy.links)]]
        for url, wanted in goals:
            copy.expect(fetch(url, agent=agent)[:2] == (302, wanted), f"a click on {wanted}")
            numbers["clicked"]["total_events"] += 1
            numbers["targets"][re.split("[?#]", wanted)[0]] += 1
    if clicked == "human" and copy.pixels and opened is None:
        opened = "inferred"
    for kind, best in (("opened", opened), ("clicked", clicked)):
        if best:
            numbers[kind][best] += 1


def main():
    campaigns = collections.defaultdict(lambda: collections.defaultdict(collections.Counter))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        read = list(pool.map(compared, sorted(pathlib.Path(COPIES).glob("*.json"))))
    for number, name, copy in read:
        numbers = campaigns[name]
        numbers["sink"].update({"received": 1, "with_pixel": len(copy.pixels), "with_links": bool(copy.links), "links": len(copy.links)})
        visit(number, copy, numbers)
    print(json.dumps(campaigns))


main()
