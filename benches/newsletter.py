"""The mail that the benches relay, and the look at what came of it.

newsletter.py make FILE               writes a newsletter of about 10 KiB, quoted-printable, with 12 links
newsletter.py check RECORD N FILE...  each FILE, a mail as a sink wrote it down, has N tracked links, a pixel when N is
                                      not 0, and a signature that the key in RECORD verifies
"""
import email
import email.policy
import quopri
import re
import sys

import dkim

SIZE, LINKS = 10 * 1024, 12
WORDS = ("The river was high that week and the roads were slow, so this letter is longer than most. "
         "Grüße aus dem Norden: café, naïve, 10 € für beide.")


def part(kind, text):
    body = quopri.encodestring(text.encode()).decode()
    return f"--=_river\nContent-Type: {kind}; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n{body}\n"


def make(path):
    head = ("Date: Tue, 24 Nov 2026 09:00:00 +0000\nFrom: Letters <news@bench.example>\nTo: Reader <reader@sink.example>\n"
            "Subject: Letter from the river\nMIME-Version: 1.0\n"
            'Content-Type: multipart/alternative; boundary="=_river"\n\n')
    links = "".join(f'<p style="margin:0"><a href="https://river.example/story/{n}?ref=letter&amp;n={n}">Story {n}</a></p>\n'
                    for n in range(1, LINKS + 1))
    plain, html, paragraphs = "Read it in the browser.\n", "", ""
    while True:
        page = f'<html><body style="color:#222"><h1>Letter from the river</h1>\n{links}{paragraphs}</body></html>\n'
        mail = head + part("text/plain", plain) + part("text/html", page) + "--=_river--\n"
        if len(mail) >= SIZE - 200:
            break
        paragraphs += f'<p class="text">{WORDS}</p>\n'
    with open(path, "w", encoding="ascii") as out:
        out.write(mail)


def check(records, tracked, paths):
    """The file of records has a name and, behind a blank, its value on each line."""
    with open(records, "rb") as file:
        keys = dict(line.strip().split(b" ", 1) for line in file)
    for path in paths:
        with open(path, "rb") as file:
            raw = file.read()
        # What the sink wrote on top is not part of the mail.
        lines = raw.split(b"\n")
        while lines and lines[0].startswith(b"X-"):
            lines.pop(0)
        raw = b"\r\n".join(line.rstrip(b"\r") for line in lines)
        verifier = dkim.DKIM(raw)
        for index in range(sum(name.lower() == b"dkim-signature" for name, _ in verifier.headers) or 1):
            if not verifier.verify(idx=index, dnsfunc=lambda name, **_: keys.get(name.rstrip(b"."))):
                sys.exit(f"{path}: its signature is not valid")
        parts = email.message_from_bytes(raw, policy=email.policy.default).walk()
        page = next(part for part in parts if part.get_content_type() == "text/html").get_content()
        links = len(re.findall(r'<a href="https://t\.bench\.example/c/[^"]+">Story', page))
        left = len(re.findall(r'<a href="https://river\.example/', page))
        pixels = len(re.findall(r'<img src="https://t\.bench\.example/o/[^"]+\.gif"', page))
        if (links, left, pixels) != (tracked, LINKS - tracked, int(tracked > 0)):
            sys.exit(f"{path}: {links} links tracked, {left} left, {pixels} pixels")


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    check(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
