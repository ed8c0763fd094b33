"""Makes one newsletter per line of a file of recipients, each another one, from public packages' templates.

Arguments: the templates' folder, the recipients, the folder to write NNNN.eml into. The same arguments give the same bytes.
"""

import base64
import email.message
import email.policy
import pathlib
import quopri
import random
import re
import sys

from newsletter_pages import CHARSETS, Filler, templates

CAMPAIGNS = ["weekly", "Spring sale", "Größte Auswahl", "members"]
PICTURE = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
ATTACHED_PAGE = b'<html><body><a href="https://attached.example/">attached</a></body></html>\r\n'


def crlf(text):
    return re.sub(r"\r\n|\r|\n", "\r\n", text)


def encoded(body, transfer, chance):
    """A body in a transfer encoding, as different programs write it."""
    if transfer == "base64":
        width = chance.choice([60, 64, 76])
        flat = base64.b64encode(body)
        return b"".join(flat[at:at + width] + b"\r\n" for at in range(0, len(flat), width))
    if transfer == "quoted-printable":
        lines = body.replace(b"\r\n", b"\n")
        return quopri.encodestring(lines).replace(b"\n", b"\r\n")
    return body


def transfers(body):
    """The encodings that a body may have."""
    fit = ["quoted-printable", "base64"]
    if all(len(line) <= 998 for line in body.split(b"\r\n")):
        fit.append("8bit")
        if body.isascii():
            fit.append("7bit")
    return fit


def part(kind, charset, body, transfer, chance, more=""):
    """A part by hand: header block and body."""
    parameter = chance.choice([f'; charset={charset}', f'; charset="{charset.upper()}"', f';\r\n\tcharset={charset}', f"; format=flowed;\r\n charset={charset}"])
    name = chance.choice(["Content-Transfer-Encoding", "content-transfer-encoding"])
    head = f"Content-Type: {kind}{parameter}\r\n{name}: {transfer}\r\n{more}\r\n"
    return head.encode() + encoded(body, transfer, chance)


def multipart(kind, parts, chance):
    boundary = f"{chance.choice(['=_', '----=_Part.', 'b'])}{chance.getrandbits(60):x}"
    preamble = chance.choice([b"", b"This is a message in several parts.\r\n"])
    head = f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    middle = b"".join(b"--" + boundary.encode() + b"\r\n" + one + b"\r\n" for one in parts)
    return head + preamble + middle + b"--" + boundary.encode() + b"--\r\n" + chance.choice([b"", b"\r\nepilogue\r\n"])


def by_hand(page, text, charset, chance):
    """The entity of a newsletter as its own program would fold it."""
    body = page.encode(charset, "xmlcharrefreplace")
    plain = text.encode(charset, "replace")
    fit = chance.choice(transfers(body))
    leaf = part("text/html", charset, body, fit, chance)
    shape = chance.randrange(6)
    if shape == 0:
        return leaf
    alternative = [part("text/plain", charset, plain, chance.choice(transfers(plain)), chance), leaf]
    if shape == 1:
        picture = b"Content-Type: image/gif\r\nContent-ID: <logo>\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded(PICTURE, "base64", chance)
        return multipart("related", [multipart("alternative", alternative, chance), picture], chance)
    if shape == 2:
        attached = b'Content-Type: text/html; name="a.html"\r\nContent-Disposition: attachment; filename="a.html"\r\n\r\n' + ATTACHED_PAGE
        forwarded = b"Content-Type: message/rfc822\r\n\r\nSubject: old\r\nContent-Type: text/html\r\n\r\n" + ATTACHED_PAGE
        return multipart("mixed", [multipart("alternative", alternative, chance), attached, forwarded], chance)
    return multipart("alternative", alternative, chance)


def by_library(page, text, charset, chance):
    """The entity of a newsletter as Python's library folds it."""
    message = email.message.EmailMessage(policy=email.policy.SMTP.clone(max_line_length=78))
    page = page.encode(charset, "xmlcharrefreplace").decode(charset)
    text = text.encode(charset, "replace").decode(charset)
    cte = chance.choice([None, "quoted-printable", "base64"])
    message.set_content(text, charset=charset)
    message.add_alternative(page, subtype="html", charset=charset, cte=cte)
    if chance.random() < 0.3:
        message.add_attachment(bytes(chance.randrange(256) for _ in range(5000)), maintype="application", subtype="pdf", filename="größe.pdf")
    del message["MIME-Version"]
    return message.as_bytes()


def untrackable(number, page, text, chance):
    """One mail in fifty that has to stay as it is."""
    leaf = part("text/html", "utf-8", page.encode(), "base64", chance)
    plain = part("text/plain", "utf-8", text.encode(), "base64", chance)
    if number % 150 == 0:
        signature = b"Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
        return b"", multipart('signed; micalg=sha-256; protocol="application/pkcs7-signature"', [leaf, signature], chance)
    if number % 150 == 50:
        return b"", plain
    return b"X-Postrider-Track: none\r\n", multipart("alternative", [plain, leaf], chance)


def newsletter(number, recipient, pages):
    chance = random.Random(number)
    random.seed(number)  # the library's boundaries
    language = chance.choice(sorted(CHARSETS))
    charset = chance.choice(CHARSETS[language])
    of_package = pages[number % len(pages)]
    page = of_package[number // len(pages) % len(of_package)]
    filler = Filler(chance, number, language, charset == "us-ascii")
    page = crlf(filler.fill(page))
    text = crlf(f"{filler.words(20)}\nhttps://shop.example/n{number}/text\n")
    subject = f"{filler.words(3)} {number}"
    header = email.message.EmailMessage(policy=email.policy.SMTP)
    header["From"] = "Grüne News <news@own.example>"
    header["To"] = recipient
    header["Subject"] = subject
    header["X-Postrider-Campaign"] = CAMPAIGNS[number % len(CAMPAIGNS)]
    if chance.random() < 0.5:
        header["Message-ID"] = f"<{number}.{chance.getrandbits(40):x}@own.example>"
        header["List-Unsubscribe"] = f"<mailto:out@own.example>, <https://lists.example/out?u={number}>"
    if number % 50 == 0:
        more, entity = untrackable(number, page, text, chance)
    else:
        make = chance.choice([by_hand, by_hand, by_library])
        more, entity = b"", make(page, text, charset, chance)
    whole = header.as_bytes().removesuffix(b"\r\n") + more + b"MIME-Version: 1.0\r\n" + entity
    return whole.removesuffix(b"\r\n") + b"\r\n"  # SMTP carries whole lines


def main(folder, recipients, out):
    pages = templates(folder)
    for number, recipient in enumerate(pathlib.Path(recipients).read_text().split()):
        pathlib.Path(out, f"{number:04}.eml").write_bytes(newsletter(number, recipient, pages))


if __name__ == "__main__":
    main(*sys.argv[1:])
