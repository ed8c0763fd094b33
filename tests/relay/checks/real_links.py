"""Where a link leads, by the URL Standard, and whether a reason for leaving one alone is true."""

import re
import urllib.parse

from selectolax.lexbor import LexborHTMLParser

# URL Standard 1.3: what is percent-encoded beside C0, space and non-ASCII, in a path, a query of http(s), a fragment.
IN_PATH, IN_QUERY, IN_FRAGMENT = b'"#<>?^`{}', b"\"#<>'", b'"<>`'
PLACEHOLDER = re.compile(r"\{\{|\}\}|\{%|\*\||\|\*|\[\[|\]\]|<%|%>|\$\{|%%|%[\w.-]+%")
DEFAULT_PORTS = {"http": "80", "https": "443"}


def attribute(raw, quote):
    """The value of an attribute that is written so."""
    return LexborHTMLParser(f"<a href={quote}{raw}{quote}>").css_first("a").attributes["href"] or ""


def escaped(text, more, charset="utf-8"):
    octets = b"".join(piece.encode(charset, "xmlcharrefreplace") if charset != "utf-8" else piece.encode() for piece in text)
    return "".join(chr(o) if 0x21 <= o <= 0x7E and o not in more else f"%{o:02X}" for o in octets)


def stripped(href):
    return re.sub(r"[\t\r\n]", "", href.strip("".join(map(chr, range(33)))))


def is_web(href):
    return re.match(r"https?://", stripped(href), re.I) is not None


def target(href, charset="utf-8"):
    """Printable ASCII stays character for character; all else as a browser spells it."""
    href = stripped(href)
    if re.fullmatch(r"[!-~]*", href):
        return href
    if not is_web(href):
        return href
    scheme, rest = href.split("://", 1)
    rest, hash_mark, fragment = rest.partition("#")
    rest, mark, query = rest.partition("?")
    host, slash, path = rest.replace("\\", "/").lstrip("/").partition("/")
    user, at, host = host.rpartition("@")
    host, colon, port = host.partition(":")
    host = urllib.parse.unquote(host).lower()
    host = host if host.isascii() else host.encode("idna").decode()
    port = "" if port == DEFAULT_PORTS[scheme.lower()] else port
    segments = []
    steps = path.split("/")
    for n, step in enumerate(steps):
        last = n == len(steps) - 1
        if step.lower().replace("%2e", ".") == "..":
            segments[-1:] = []
        elif step.lower().replace("%2e", ".") != ".":
            segments.append(step)
            continue
        segments += [""] * last
    return "".join([
        scheme.lower(), "://", user, at, host, ":" * bool(port), port, "/", escaped("/".join(segments), IN_PATH),
        mark, escaped(query, IN_QUERY, charset), hash_mark, escaped(fragment, IN_FRAGMENT),
    ])


def host_of(url):
    return (urllib.parse.urlsplit(url).hostname or "").rstrip(".")


# What a receipt may say of a link, and when it is true: of the link's value, its target and its text, and the mail.
REASONS = {
    "it holds a placeholder that was not filled in": lambda href, goal, label, mail: PLACEHOLDER.search(href),
    "the sender asked for it": lambda href, goal, label, mail: mail.opts_out,
    "it is the sender's own unsubscribe link": lambda href, goal, label, mail: goal in mail.unsubscribe,
    "it is too long to be carried in a token": lambda href, goal, label, mail: len(goal) > 1_200,
    "it names no host": lambda href, goal, label, mail: not re.match(r"https?://[^/?#]", goal, re.I),
    "it is no URL that a browser opens": lambda href, goal, label, mail: not opens(goal),
    "its text is a URL, and mail programs warn when a link leads elsewhere than its text says":
        lambda href, goal, label, mail: re.search(r"https?://|www\.|^\W*[\w-]+(\.[\w-]+)+", label, re.I),
}


def opens(url):
    """Whether there is a host, and a port that can be, as far as Python can tell."""
    try:
        parts = urllib.parse.urlsplit(url)
        return bool(parts.port or True) and re.fullmatch(r"[^\s<>^|%\[\]]+|\[[0-9a-fA-F:.]+\]", parts.hostname or "") is not None
    except ValueError:
        return False
