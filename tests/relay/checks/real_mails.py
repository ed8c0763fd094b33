"""Lays out the messages of public packages' tests, and their HTML pages wrapped as mails, as NNNN.eml with CRLF: each page as it
is, and filled with links as a campaign tool would.

Arguments: the folder of messages, the folder of newsletter templates (both by .ci/setup), the folder to write into. Writes
`origins.json`, the source of each, beside them, and prints as JSON the domains of the From fields. The same arguments give
the same bytes. What each source is stands in docs/CORPUS.md.
"""

import email
import email.utils
import json
import mailbox
import pathlib
import random
import re
import sys

from make_newsletters import crlf, multipart, part, transfers
from newsletter_pages import Filler, found, page_of

# The source's folder, and where in it: whole messages, mailboxes of them, and pages.
MESSAGES = [
    ("libpython3.11-testsuite", "usr/lib/python3.11/test/test_email/data/*.txt"),
    ("golang-github-jhillyerd-enmime-dev", "usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/**/*.raw"),
    ("golang-github-jhillyerd-enmime-dev", "usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/encode/*.golden"),
    ("spamassassin", "usr/share/doc/spamassassin/examples/sample-*.txt"),
    ("mailparser", "package/test/*.eml"),
    ("eml-format", "package/test/fixtures/*.eml"),
    ("forwardemail-wildduck", "package/imap-core/test/fixtures/*.eml"),
    ("zone-mta", "package/test/fixtures/*.eml"),
    ("django-mailbox", "*/django_mailbox/tests/messages/*.eml"),
    ("dkimpy", "*/dkim/tests/data/*.m*s*g*"),
    ("mailbits", "*/test/data/emails/*.eml"),
    ("mail_parser", "*/tests/mails/mail_*"),
    ("talon", "*/tests/fixtures/**/*.eml"),
    ("mailman", "*/src/mailman/**/tests/data/*.eml"),
    ("salmon_mail", "*/tests/data/*.msg"),
    ("salmon_mail", "*/tests/data/spam"),
    ("crate-mail-parser", "resources/eml/*/*.eml"),
]
MAILBOXES = [
    ("node-mbox", "package/test/*.mbox"),
    ("dkimpy", "*/dkim/tests/data/*.mbox"),
    ("mailbits", "*/test/data/mboxes/*.mbox"),
]
PAGES = [
    ("talon", "*/tests/fixtures/**/*.html"),
    ("planer", "package/test/examples/html/*.html"),
    ("forwardemail-wildduck", "package/emails/*.html"),
    ("foundation-emails", "package/test/visual/pages/*.html"),
]
CHARSETS = ["utf-8", "us-ascii", "iso-8859-1", "windows-1252", "koi8-r", "shift_jis"]
PICTURE = b"Content-Type: image/gif\r\nContent-ID: <dot>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlhAQABAAAAACw=\r\n"


def files(folders, patterns):
    for source, pattern in patterns:
        paths = [path for folder in folders for path in sorted((folder / source).glob(pattern)) if path.is_file()]
        if not paths:
            raise SystemExit(f"{source} has no {pattern}: is .ci/setup done?")
        for path in paths:
            yield source, path


def messages(folders):
    for source, path in files(folders, MESSAGES):
        yield source, path.name, path.read_bytes()
    for source, path in files(folders, MAILBOXES):
        box = mailbox.mbox(path, create=False)
        for key in box.iterkeys():
            yield source, f"{path.name} {key}", box.get_bytes(key)


def pages(folders):
    for source, path in files(folders, PAGES):
        yield source, path.name, path.read_bytes().decode("utf-8", "replace")
    for source, paths in found(folders[1]):
        for path in paths:
            yield source, path.name, page_of(source, path)


def wrapped(page, chance):
    """A page as a mail: one of several structures, encodings and charsets that can hold it."""
    charset = chance.choice(CHARSETS)
    try:
        body = crlf(page).encode(charset)
    except UnicodeEncodeError:
        charset, body = "utf-8", crlf(page).encode()
    leaf = part("text/html", charset, body, chance.choice(transfers(body)), chance)
    text = part("text/plain", "us-ascii", b"Read this mail as a page: http://www.example.org/\r\n", "7bit", chance)
    shape = chance.randrange(5)
    if shape == 1:
        leaf = multipart("alternative", [text, leaf], chance)
    elif shape == 2:
        leaf = multipart("related", [leaf, PICTURE], chance)
    elif shape == 3:
        leaf = multipart("mixed", [multipart("alternative", [text, multipart("related", [leaf, PICTURE], chance)], chance), text], chance)
    elif shape == 4:
        leaf = multipart("mixed", [text, leaf, text], chance)
    head = b"From: News <news@own.example>\r\nTo: ann@example.org\r\nSubject: a page\r\nMessage-ID: <%d@own.example>\r\nDate: Tue, 10 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    return head % chance.getrandbits(60) + leaf


def from_domains(raw):
    for _, address in email.utils.getaddresses(email.message_from_bytes(raw).get_all("From", [])):
        domain = address.rpartition("@")[2].lower()
        if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            yield domain


def main(corpus, templates, out):
    folders, out = [pathlib.Path(corpus), pathlib.Path(templates)], pathlib.Path(out)
    every = list(messages(folders))
    for number, (source, name, page) in enumerate(pages(folders)):
        chance = random.Random(number)
        filled = Filler(chance, number, chance.choice(["en", "de", "pl", "ja"]), False).fill(page)
        every.append((f"{source} (pages)", name, wrapped(page, chance)))
        every.append((f"{source} (pages)", f"{name}, filled", wrapped(filled, chance)))
    origins, domains = [], set()
    for source, name, raw in every:
        raw = re.sub(rb"(?<!\r)\n", b"\r\n", raw)
        raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"  # SMTP carries whole lines
        (out / f"{len(origins):04}.eml").write_bytes(raw)
        origins.append([source, name])
        domains.update(from_domains(raw))
    (out / "origins.json").write_text(json.dumps(origins))
    print(json.dumps(sorted(domains)))


if __name__ == "__main__":
    main(*sys.argv[1:])
