"""Fills the HTML templates of public packages, as a campaign tool would, with links written in many ways.

The templates are those that `.ci/setup` puts under target/test-templates; none of their text is kept here.
"""

import html
import pathlib
import re

CHARSETS = {"en": ["us-ascii", "utf-8", "iso-8859-1", "windows-1252"], "de": ["utf-8", "iso-8859-1", "windows-1252"], "pl": ["utf-8"], "ja": ["utf-8"]}
WORDS = {
    "en": "offer week garden season plain bright new small travel read winter letter table green quiet train".split(),
    "de": "Angebot Woche Gärten schön größer Straße neu Frühling Übersicht Reise Bücher Tür wärmer Grüße".split(),
    "pl": "źródło tydzień książka zniżka wiosna ogród łatwo dziś podróż świeży".split(),
    "ja": "春 新しい 本 旅行 今週 庭 手紙 列車 緑 静か".split(),
}
UNFILLED = ["{{cta_url}}", "*|LINK|*", "https://shop.example/?u=%recipient%", "[[link]]", "https://shop.example/{{id}}", "${url}"]
HREF = re.compile(r"""(<(?:a|area)\b[^<>]*?\bhref=)(["'])((?:<%.*?%>|\{\{.*?\}\}|[^"'<>])*)\2""", re.I | re.S)
PATTERNS = [
    ("foundation-emails", "package/templates/*.html"),
    ("mailgen", "package/themes/*/index.html"),
    ("swig-email-templates", "package/test/templates/base.html"),
    ("mjml", "*/tests/testdata/*-expected.html"),
    ("django_simple_mail", "*/simple_mail/templates/simple_mail/default.html"),
    ("bootstrap_email", "*/tests/output/*/*.html"),
]
# Inky, the language of foundation-emails, in plain tables.
INKY = [
    (r"<button\b", "<a"), (r"</button>", "</a>"), (r"<(?:container|row)\b", "<table"), (r"</(?:container|row)>", "</table>"),
    (r"<columns?\b", "<td"), (r"</columns?>", "</td>"), (r"<spacer\b[^>]*></spacer>", "<hr>"),
]


def templates(folder):
    """The pages of each package."""
    return [[page_of(package, path) for path in paths] for package, paths in found(folder)]


def found(folder):
    for package, pattern in PATTERNS:
        paths = sorted(pathlib.Path(folder, package).glob(pattern))
        if not paths:
            raise SystemExit(f"no templates of {package}: is .ci/setup done?")
        yield package, paths


def page_of(package, path):
    page = path.read_text(encoding="utf-8")
    if package == "foundation-emails":
        for old, new in INKY:
            page = re.sub(old, new, page)
        page = f"<html>\n<head><title>x</title></head>\n<body>\n{page}\n</body>\n</html>\n"
    return page


class Filler:
    """Fills one newsletter."""

    def __init__(self, chance, number, language, ascii_only):
        self.chance, self.number, self.language, self.ascii_only = chance, number, language, ascii_only
        self.links = 0

    def words(self, count):
        return " ".join(self.chance.choice(WORDS[self.language]) for _ in range(count))

    def attribute(self):
        """`href` with a link, spelled in one of many ways."""
        self.links += 1
        n, k = self.number, self.links
        base = f"https://shop.example/n{n}/l{k}"
        spellings = [
            f'href="{base}?a=1&amp;b=2&amp;u={n}"',
            f'href="{base}?a=1&copy=2&b={n}"',
            f"href='{base}?q=%22x%22&amp;u={n}'",
            f"href={base}?u={n}",
            f'HREF = "{base}#part-{k}"',
            f'href="{base};v=1,2/~x!*\'()@:$|?sig=ab+c/d=="',
            f'href=" {base}?u={n} "',
            f'href="{base}?\r\nu={n}"',
            f'href="{base}?a=1&#38;b=2&#x26;c=&quot;x&quot;"',
            f'href="https://shop.example?n={n}&amp;l={k}"',
            f'href="http://news.example:8080/n{n}/l{k}?next=https%3A%2F%2Fa.example%2F%3Fx%3D1"',
            f'href="{base}?token={"0123456789abcdef" * 40}"',
            f'href="HTTPS://Shop.Example/n{n}/l{k}/"',
            f'href="{base}/a b/?c={n}"',
        ]
        if not self.ascii_only:
            spellings += [f'href="{base}/größe/{n}"', f'href="https://bücher.example/n{n}/l{k}"']
        return self.chance.choice(spellings)

    def fill(self, page):
        """The template with its placeholders filled, most of them."""

        def link(match):
            start, quote, value = match.groups()
            roll = self.chance.random()
            if value.startswith(("mailto:", "tel:")) or roll < 0.05:
                return f"{start}{quote}{value.replace('<%', '{{').replace('%>', '}}')}{quote}"
            if roll < 0.12:
                return f"{start}{quote}{self.chance.choice(UNFILLED)}{quote}"
            return re.sub(r"href\s*=\s*$", "", start, flags=re.I) + self.attribute()

        page = HREF.sub(link, page)
        page = re.sub(r"<%[-=].*?%>|\{\{.*?\}\}", lambda _: self.words(2), page, flags=re.S)
        page = re.sub(r"<%.*?%>|\{%.*?%\}", "", page, flags=re.S)
        ends = [end.start() for end in re.finditer("</body>", page, re.I)]
        close = ends[-1] if ends else len(page)
        return page[:close] + self.articles() + page[close:]

    def articles(self):
        """What makes each newsletter another one."""
        pieces = [self.article() for _ in range(self.chance.randint(1, 12))]
        return "\n".join(pieces) + "\n"

    def article(self):
        words, link = self.words, self.attribute
        kind = self.chance.randrange(12)
        if kind == 0:
            return f'<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" {link()} arcsize="8%"><center>{words(2)}</center></v:roundrect><![endif]--><!--[if !mso]><!--><a {link()}>{words(2)}</a><!--<![endif]-->'
        if kind == 1:
            return f'<map name="m{self.links}"><area shape="rect" coords="0,0,9,9" {link()} alt="{words(1)}"></map>'
        if kind == 2:
            return f'<p><a {link()} data-no-track>{words(2)}</a> <a clicktracking="off" {link()}>{words(1)}</a></p>'
        if kind == 3:
            return f'<p><a {link()}>www.other.example</a> <a href="tel:+4930123">{words(1)}</a> <a href="mailto:x@own.example?subject=a%20b">x@own.example</a></p>'
        if kind == 4:
            return f'<!-- <a href="https://old.example/">old</a> --><p><a {link()}><img src="https://img.example/{self.number}.png" alt="{words(2)}" width="40"></a></p>'
        if kind == 5:
            return f'<p><a href="https://shop.example/{"x" * 2100}">{words(1)}</a> <a href="/relative">{words(1)}</a> <a href="#top">{words(1)}</a></p>'
        if kind == 6:
            return f'<p>{words(40)}\r\n. {words(3)}\r\n.. {words(2)}</p>\r\n<p><a href="https://lists.example/out?u={self.number}">{words(1)}</a></p>'
        text = html.escape(words(self.chance.randint(5, 60)))
        return f"<h2>{words(3)}</h2>\r\n<p>{text} &nbsp;&copy; &#8364; <a class=more {link()}>{words(3)}</a></p>"
