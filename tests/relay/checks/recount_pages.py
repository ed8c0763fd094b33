"""Reads the numbers on a page: its tables, tiles and marks, by the HTML alone."""

import html.parser
import re

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SILENT = {"svg", "style", "script", "option"}
UNITS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


def number(text):
    """A number with the marks between its thousands; None when it is none."""
    text = re.sub(r"(?<=\d)[,\u202f\u00a0](?=\d{3})", "", text.strip())
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def percents(text):
    """From where to where each share in a text may lie, by its decimals: of `3.1–4.2%` both ends."""
    text = re.sub(r"(?<=\d)[,\u202f](?=\d{3})", "", text)
    found = [one for span in re.findall(r"<?[\d.]+(?:–<?[\d.]+)?%", text) for one in span.rstrip("%").split("–")]
    return [bounds(one) for one in found]


def bounds(shown):
    """What is not quite all is never written as all (99.9), and what is not quite nothing as less than something."""
    if shown.startswith("<"):
        return 1e-12, float(shown[1:])
    value, decimals = float(shown), len(shown.partition(".")[2])
    half = 0.5 * 10**-decimals if decimals else 0.0
    return value - half - 1e-5, 100 - 1e-12 if shown == "99.9" else value + half + 1e-5


def span(text):
    """From where to where a span of time may lie, in milliseconds: `<1 s`, `41 s`, `2 h 5 min`; None when it is none."""
    if text == "<1 s":
        return 0, 999
    parts = re.findall(r"(\d+) (min|s|h|d)\b", text)
    if not parts:
        return None
    begin = sum(int(count) * UNITS[unit] for count, unit in parts)
    return begin, begin + UNITS[parts[-1][1]] - 1


class Table:
    """A table: the names of its columns, and the text of each cell."""

    def __init__(self, sections):
        self.sections, self.head, self.rows = sections, [], []


class Page(html.parser.HTMLParser):
    """A page's tables, tiles, words, and its marks: how each is classed, and what it says."""

    @classmethod
    def of(cls, text):
        page = cls()
        page.feed(text)
        page.text, page.words = text, " ".join("".join(page.said).split())
        page.marks = [(classes, " ".join(words.split())) for classes, words in page.marks]
        return page

    def __init__(self):
        super().__init__()
        self.open, self.tables, self.tiles, self.said, self.marks = [], [], {}, [], []
        self.cells, self.is_head, self.tile, self.mark = [], False, "", None

    def in_section(self, ident):
        return [table for table in self.tables if ident in table.sections]

    def rows_of(self, ident):
        return [row for table in self.in_section(ident) for row in table.rows]

    def headed(self, *names):
        """The first table that has these columns; one without rows when there is none."""
        fits = (table for table in self.tables if all(name in table.head for name in names))
        return next(fits, Table([]))

    @property
    def zone(self):
        found = re.search(r"Times in ([\w/+-]+)", self.words)
        return found[1] if found else "UTC"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "table":
            self.tables.append(Table([ident for _, ident in self.open if ident]))
        if tag == "tr":
            self.cells, self.is_head = [], any(name == "thead" for name, _ in self.open)
        if tag in ("td", "th", "dt", "dd"):
            self.cells.append("")
        if tag not in VOID:
            self.open.append((tag, attributes.get("id", "")))
        classes = (attributes.get("class") or "").split()
        if tag == "span" and classes[:1] == ["b"] and self.mark is None:
            self.mark = len(self.open)
            self.marks.append((tuple(classes[1:]), ""))
        self.handle_data(" ")

    def handle_endtag(self, tag):
        if tag in VOID or all(name != tag for name, _ in self.open):
            return
        while self.open.pop()[0] != tag:
            pass
        if self.mark is not None and len(self.open) < self.mark:
            self.mark = None
        text = " ".join(self.cells[-1].split()) if self.cells else ""
        if tag == "tr" and self.tables:
            cells = [" ".join(cell.split()) for cell in self.cells]
            if self.is_head:
                self.tables[-1].head = cells
            else:
                self.tables[-1].rows.append(cells)
        if tag == "dt":
            self.tile = text
        if tag == "dd" and self.tile:
            self.tiles[self.tile] = (*self.tiles.get(self.tile, ()), text)
        if tag in ("small", "b", "p", "span"):
            self.handle_data(" " if tag != "span" else "")

    def handle_data(self, text):
        if any(name in SILENT for name, _ in self.open):
            return
        self.said.append(text)
        if self.mark is not None:
            self.marks[-1] = (self.marks[-1][0], self.marks[-1][1] + text)
        if self.cells and any(name in ("td", "th", "dt", "dd") for name, _ in self.open):
            self.cells[-1] += text
