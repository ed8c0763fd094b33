"""One message as it was sent and as it arrived: every difference between them, and whether it may be."""

import collections
import email
import re

from selectolax.lexbor import LexborHTMLParser

import real_links

LINE_MAX = 998
# x-mailgun-tag is the only header of a hosted relay (docs/HEADERS.md) in the corpus.
REMOVED = {b"bcc", b"resent-bcc", b"return-path", b"x-mailgun-tag"}
STALE = {b"content-length", b"content-md5"}
RESTRUCTURED = {"content-transfer-encoding", "mime-version", "content-length", "content-md5"}
OPT_OUT = re.compile(
    rb"\s(?:data-no-track|data-pm-no-track|ses:no-track|mc:disable-tracking)(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?"
    rb"|\s(?:disable-tracking|clicktracking|data-clicktracking|data-msys-clicktrack)\s*=\s*[\"']?(?:true|off|0)[\"']?", re.I)
CONDITIONAL = re.compile(r"(?<!</)(<!--\[if [^\]]*\]>)(?!<!-->)(.*?)(<!\[endif\]-->)", re.S)
# Encoding Standard 4.2: labels whose encoding is larger than their name says.
LABELS = {"ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949", "tis-620": "cp874"}


def fields(block):
    return re.findall(rb"[^\r\n][^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", block)


def name_of(field):
    return field.split(b":", 1)[0].strip().lower()


def split(raw):
    """Header block and body; a message may begin with the empty line."""
    if raw.startswith(b"\r\n"):
        return b"", raw[2:]
    head, _, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\n", body


def leaves(message, above=()):
    """Every part with the kinds of those around it."""
    yield message, above
    if message.is_multipart():
        for part in message.get_payload():
            yield from leaves(part, (*above, message.get_content_type()))


def place(payload, body, floor):
    """Where a part's payload stands: behind an empty line, or the body is nothing else."""
    return 0 if payload == body else body.find(f"\r\n\r\n{payload}", max(0, floor - 2)) + 4


def long_lines(raw):
    return any(len(line) > LINE_MAX for line in raw.split(b"\r\n"))


class Copy:
    def __init__(self, name, sent, arrived, base, tracked, receipt):
        self.name, self.sent, self.arrived, self.base, self.tracked, self.receipt = name, sent, arrived, base, tracked, receipt
        self.faults, self.links, self.seen, self.reasons = [], [], collections.Counter(), collections.Counter()
        self.reason_of = collections.defaultdict(set)
        for link in receipt["links"]:
            self.reason_of[link["url"]].add(link["left_alone"])
        self.opts_out = False

    def fault(self, what):
        self.faults.append(f"{self.name}: {what}")

    def expect(self, holds, what):
        if not holds:
            self.fault(what)
        return holds

    def compare(self):
        (head, body), (head_now, body_now) = split(self.sent), split(self.arrived)
        before, after = email.message_from_bytes(self.sent), email.message_from_bytes(self.arrived)
        lists = re.sub(r"\s", "", " ".join(map(str, before.get_all("List-Unsubscribe", []))))
        self.unsubscribe = re.findall(r"<(http[^>]*)>", lists)
        self.expect(self.tracked or long_lines(self.sent) or body == body_now, "the body differs, and tracking was off")
        self.restructured = self.edited = False
        residues = body.decode("ascii", "surrogateescape"), body_now.decode("ascii", "surrogateescape")
        if body != body_now:
            residues = self.parts(list(leaves(before)), list(leaves(after)), residues)
        else:
            for part, above in leaves(before):
                self.untouched(part, above)
        if residues[0] != residues[1]:
            differs = next((n for n, (a, b) in enumerate(zip(*residues)) if a != b), min(map(len, residues)))
            around = slice(max(0, differs - 60), differs + 60)
            self.fault(f"octets outside of the edits differ: {residues[0][around]!r} became {residues[1][around]!r}")
        self.header(head, head_now)
        self.expect(long_lines(self.sent) or not long_lines(self.arrived), "a line became too long")
        self.expect(not self.sent.isascii() or self.arrived.isascii(), "7 bits became 8")
        why = self.receipt["untracked"]
        self.expect("proof" not in why, why)
        return self

    def header(self, head, head_now):
        """All fields that are kept stand there byte for byte in their order, below those that are added."""
        gone = lambda name: name in REMOVED or name.startswith(b"x-postrider-") or (self.edited and name in STALE)
        mended = lambda name: self.restructured and name in {b"content-transfer-encoding", b"mime-version"}
        before = [field for field in fields(head) if not gone(name_of(field)) and not mended(name_of(field))]
        after = b"".join(field for field in fields(head_now) if not mended(name_of(field)))
        if self.edited:  # an own signature that the edit broke goes; those of others stay
            own = {domain for domain, _ in self.receipt["signed_by"]}
            mine = lambda field: name_of(field) == b"dkim-signature" and signer(field) in own
            before = [field for field in before if not mine(field)]
        kept = b"".join(before)  # its first line may be a continuation of nothing
        if not self.expect(after.endswith(kept), f"header fields differ: {kept!r} became {after!r}"):
            return
        names = collections.Counter(map(name_of, fields(after.removesuffix(kept))))
        have = set(map(name_of, before))
        may = {b"received": 1, b"dkim-signature": len(self.receipt["signed_by"])}
        may |= {name: 1 for name in (b"message-id", b"date") if name not in have}
        if not have & {b"list-unsubscribe", b"list-unsubscribe-post"}:
            may |= {b"list-unsubscribe": 1, b"list-unsubscribe-post": 1}
        self.expect(all(count <= may.get(name, 0) for name, count in names.items()), f"added {names}")
        self.expect(names[b"received"] == 1 and names[b"dkim-signature"] == len(self.receipt["signed_by"]), f"only {names} added")
        self.expect({b"message-id", b"date"} <= have | set(names), "no Message-ID or no Date")

    def parts(self, before, after, residues):
        """Compares part with part; gives both bodies without the parts that were rightly changed."""
        rest, places = ["", ""], [0, 0]
        if not self.expect(len(before) == len(after), "another number of parts"):
            return residues
        for n, ((one, above), (other, _)) in enumerate(zip(before, after)):
            payloads = vars(one)["_payload"], vars(other)["_payload"]
            self.expect((one.preamble, one.epilogue) == (other.preamble, other.epilogue), "preamble or epilogue differs")
            if isinstance(payloads[0], list) or payloads[0] == payloads[1]:
                self.untouched(one, above)
                self.expect(n == 0 or one.items() == other.items() or long_lines(self.sent), "a part's header fields differ")
                continue
            changed = self.changed(one, other, above)
            for side in (0, 1):
                at = place(payloads[side], residues[side], places[side])
                self.expect(at >= 0, "a part is not where it was")
                piece = residues[side][places[side]:at]
                rest[side] += re.sub(r"(?im)^(content-transfer-encoding|content-md5|content-length):.*\r\n(?:[ \t].*\r\n)*", "", piece) if changed else piece
                places[side] = at + len(payloads[side])
        return [rest[side] + residues[side][places[side]:] for side in (0, 1)]

    def changed(self, one, other, above):
        """A part whose octets differ; whether its header fields may."""
        kept = lambda part: [(k, v) for k, v in part.items() if k.lower() not in RESTRUCTURED]
        self.expect(not above or kept(one) == kept(other), "a part's header fields differ")
        texts = one.get_payload(decode=True), other.get_payload(decode=True)
        encodings = [str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower() for part in (one, other)]
        moved = encodings[0] != encodings[1]
        self.restructured |= moved
        page = one.get_content_type() == "text/html" and one.get_content_disposition() != "attachment"
        if texts[0] == texts[1]:
            self.seen["parts encoded for their long lines"] += 1
            self.expect(long_lines(vars(one)["_payload"].encode("ascii", "surrogateescape")), "encoded anew for nothing")
            return True
        if self.expect(page and self.tracked, f"{one.get_content_type()} was changed"):
            self.edited = True
            self.expect(not moved or encodings[1] == "quoted-printable", f"{encodings[0]} became {encodings[1]}")
            self.expect(not any(kind.startswith("message/") for kind in above), "a page in an attached message was changed")
            self.page(*texts, charset_of(one, texts[0]))
        return moved

    def page(self, before, after, charset):
        """Putting the links back and taking the pixel away gives the page octet for octet, and the same tree."""
        base = re.escape(self.base.encode())
        pixel = re.compile(rb"<img src=\"" + base + rb"/o/[\w./~-]+\.gif\"[^>]*>")
        bare, pixels = pixel.subn(b"", after)
        self.expect(pixels <= 1, f"{pixels} pixels")
        self.seen["pixels"] += pixels
        before, opt_outs = OPT_OUT.subn(b"", before)
        self.opts_out |= opt_outs > 0
        back, at = [], 0
        for found in re.finditer(base + rb"/c/[\w./~-]+", bare):
            back.append(bare[at:found.start()])
            start = sum(map(len, back))
            self.expect(before[:start].endswith(back[-1]), f"the page differs before a link: {back[-1][-80:]!r}, {before[:start][-80:]!r}")
            quote = before[start - 1:start] if before[start - 1:start] in (b'"', b"'") else b""
            value = re.compile(rb"[^" + quote + rb"]*" if quote else rb"[^\s>]*").match(before, start).group()
            back.append(value)
            at = found.end()
            href = real_links.attribute(value.decode(charset, "replace"), quote.decode())
            self.links.append((found.group().decode(), real_links.target(href, charset)))
        back = b"".join(back) + bare[at:]
        self.expect(back == before, f"the page differs at {next((n for n, (a, b) in enumerate(zip(back, before)) if a != b), -1)} of {len(before)}, {len(back)}")
        now = len(self.links)
        old, new = before.decode(charset, "replace"), bare.decode(charset, "replace")
        tracked = self.tree(old, new, "a[href], area[href]")
        self.expect(tracked == len(re.findall(base + rb"/c/", bare)), f"{tracked} of {now} tracked URLs stand in links")

    def tree(self, before, after, selector):
        """The trees are equal but for links; how many are tracked."""
        inside, tracked = (CONDITIONAL.findall(before), CONDITIONAL.findall(after)), 0
        if self.expect(len(inside[0]) == len(inside[1]), "another number of conditional comments"):
            tracked = sum(self.tree(one[1], other[1], "[href]") for one, other in zip(*inside))
        one, other = (LexborHTMLParser(CONDITIONAL.sub(r"\1\3", page)) for page in (before, after))
        links = one.css(selector), other.css(selector)
        self.expect(len(links[0]) == len(links[1]), "another number of links")
        for link, again in zip(*links):
            href, now = link.attributes["href"] or "", again.attributes["href"] or ""
            if now.startswith(f"{self.base}/c/"):
                tracked += 1
                again.attrs["href"] = href
            else:
                self.expect(href == now, f"{href} became {now}")
                self.alone(link, href)
        self.expect(one.html == other.html, "the tree differs")
        return tracked

    def untouched(self, part, above):
        """Links in a page that was not changed."""
        if part.get_content_type() != "text/html" or part.is_multipart() or not self.tracked or self.receipt["untracked"]:
            return
        if part.get_content_disposition() or part.get_filename() or any(kind.startswith("message/") for kind in above):
            return
        text = part.get_payload(decode=True)
        for link in LexborHTMLParser(text.decode(charset_of(part, text), "replace")).css("a[href], area[href]"):
            if not any("left as it is" in limit or "unknown" in limit for limit in self.receipt["limits"]):
                self.alone(link, link.attributes["href"] or "")

    def alone(self, link, href):
        """An untracked link has a reason, and the reason is true."""
        if not real_links.is_web(href):
            return
        goal = real_links.target(href)
        reasons = {*self.reason_of[goal], *self.reason_of[re.sub(r"\s+", " ", href).strip()]} - {""}
        if self.expect(reasons, f"{href} is not tracked, and nothing says why: {self.receipt['links']}"):
            for why in reasons:
                self.reasons[why] += 1
                judge = real_links.REASONS.get(why)
                label = link.text() or " ".join(image.attributes.get("alt") or "" for image in link.css("img"))
                self.expect(judge is not None and judge(href, goal, label, self), f"{href} ({label}) was left alone: {why}")


def signer(field):
    found = re.search(rb"(?:^|[;\s])d=([^;\s]+)", field.split(b":", 1)[1])
    return found and found.group(1).decode("ascii", "replace").lower()


def charset_of(part, text):
    label = part.get_content_charset() or ""
    try:
        name = "".encode(label) and label or __import__("codecs").lookup(label).name
    except LookupError:
        name = ""
    if not label or not name:
        try:
            text.decode()
            return "utf-8"
        except UnicodeDecodeError:
            return "cp1252"
    return LABELS.get(name, name)
