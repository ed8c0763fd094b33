"""Reads the numbers on a page: its tables and tiles, by the HTML alone."""

import html.parser
import re

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SILENT = {"svg", "style", "script", "option"}


def number(text):
    """A number with the marks between its thousands; None when it is none."""
    text = re.sub(r"(?<=\d)[,\u202f\u00a0](?=\d{3})", "", text.strip())
    return int(text) if re.fullmatch(r"\d+", text) else None


def percents(text):
    """Each share in a text, with how many decimals it shows: of `3.1–4.2%` both ends."""
    text = re.sub(r"(?<=\d)[,\u202f](?=\d{3})", "", text)
    found = [one for span in re.findall(r"[\d.]+(?:–[\d.]+)?%", text) for one in span.rstrip("%").split("–")]
    return [(float(one), len(one.partition(".")[2])) for one in found]


class Table:
    """A table: the names of its columns, and the text of each cell."""

    def __init__(self, sections):
        self.sections, self.head, self.rows = sections, [], []


class Page(html.parser.HTMLParser):
    """A page's tables, tiles and words."""

    @classmethod
    def of(cls, text):
        page = cls()
        page.feed(text)
        page.words = " ".join("".join(page.said).split())
        return page

    def __init__(self):
        super().__init__()
        self.open, self.tables, self.tiles, self.said = [], [], {}, []
        self.cells, self.is_head, self.tile = [], False, ""

    def in_section(self, ident):
        return [table for table in self.tables if ident in table.sections]

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
        self.handle_data(" ")

    def handle_endtag(self, tag):
        if tag in VOID or all(name != tag for name, _ in self.open):
            return
        while self.open.pop()[0] != tag:
            pass
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
        if self.cells and any(name in ("td", "th", "dt", "dd") for name, _ in self.open):
            self.cells[-1] += text
