"""Holds what was said of each request against the truth. Reads judged deliveries (lines of `simulate.py` in which each GET
has "verdict": {"class", "rule"}) from standard input or a file.

    python3 tests/audience/simulate.py | target/debug/examples/judge | python3 tests/audience/score.py

Ends with 1 when the goals over what can be decided are missed, with 2 when a line has no verdict.
"""

import argparse
import collections
import json
import math
import sys

CLASSES = ["human", "proxy", "prefetch", "scanner", "unknown"]
PRECISION_GOAL, RECALL_GOAL = 0.98, 0.95


class Unjudged(Exception):
    pass


def wilson(part, whole, z=1.96):
    """The interval in which a share lies nineteen times of twenty (Wilson 1927)."""
    if whole == 0:
        return [0.0, 1.0]
    share, square = part / whole, z * z
    middle = (share + square / (2 * whole)) / (1 + square / whole)
    width = z / (1 + square / whole) * math.sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    return [max(0.0, middle - width), min(1.0, middle + width)]


def measure(right, whole):
    return {"right": right, "of": whole, "share": right / whole if whole else None, "interval": wilson(right, whole)}


class Tally:
    """Pairs of truth and verdict, and the figures that follow for people's clicks."""

    def __init__(self):
        self.pairs = collections.Counter()

    def add(self, truth, verdict):
        self.pairs[truth, verdict] += 1

    def figures(self):
        both = self.pairs["human", "human"]
        said = sum(count for (_, verdict), count in self.pairs.items() if verdict == "human")
        true = sum(count for (truth, _), count in self.pairs.items() if truth == "human")
        return {"precision": measure(both, said), "recall": measure(both, true)}

    def matrix(self):
        return {truth: {verdict: self.pairs[truth, verdict] for verdict in CLASSES if self.pairs[truth, verdict]}
                for truth in CLASSES if any(self.pairs[truth, verdict] for verdict in CLASSES)}


class Score:
    """All that is counted of one scenario, or of all."""

    def __init__(self):
        self.deliveries = 0
        self.opens, self.clicks, self.decidable_opens, self.decidable_clicks = Tally(), Tally(), Tally(), Tally()
        self.delivered, self.decidable_delivered = Tally(), Tally()
        self.rules = collections.Counter()

    def read(self, delivery):
        self.deliveries += 1
        judged = [(hit, verdict_of(delivery, hit)) for hit in delivery["hits"] if hit["method"] == "GET"]
        for hit, verdict in judged:
            opened = hit["kind"] == "open"
            (self.opens if opened else self.clicks).add(hit["truth"], verdict["class"])
            if hit["decidable"]:
                (self.decidable_opens if opened else self.decidable_clicks).add(hit["truth"], verdict["class"])
            if verdict["class"] != hit["truth"]:
                self.rules[hit["kind"], hit["truth"], hit["decidable"], verdict["class"], verdict.get("rule") or ""] += 1
        clicks = [pair for pair in judged if pair[0]["kind"] == "click"]
        count_delivery(self.delivered, clicks)
        count_delivery(self.decidable_delivered, [pair for pair in clicks if pair[0]["decidable"]])

    def summary(self):
        return {
            "deliveries": self.deliveries,
            "opens": self.opens.matrix(), "clicks": self.clicks.matrix(),
            "decidable_opens": self.decidable_opens.matrix(), "decidable_clicks": self.decidable_clicks.matrix(),
            "human_clicks": {"all": self.clicks.figures(), "decidable": self.decidable_clicks.figures()},
            "clicked_by_a_person": {"all": self.delivered.figures(), "decidable": self.decidable_delivered.figures()},
            "wrong": [{"kind": kind, "truth": truth, "decidable": decidable, "said": said, "rule": rule, "count": count}
                      for (kind, truth, decidable, said, rule), count in self.rules.most_common()],
        }


def verdict_of(delivery, hit):
    verdict = hit.get("verdict")
    if not isinstance(verdict, dict) or verdict.get("class") not in CLASSES:
        raise Unjudged(f"{delivery['delivery']}: a GET has no verdict, or one of no known class: {verdict!r}")
    return verdict


def count_delivery(tally, clicks):
    """A delivery was clicked by a person when any of its clicks was a person's."""
    if clicks:
        truth = "human" if any(hit["truth"] == "human" for hit, _ in clicks) else "scanner"
        said = "human" if any(verdict["class"] == "human" for _, verdict in clicks) else "scanner"
        tally.add(truth, said)


def score(lines):
    scenarios, overall = {}, Score()
    for line in lines:
        if line.strip():
            delivery = json.loads(line)
            for one in (scenarios.setdefault(delivery["scenario"], Score()), overall):
                one.read(delivery)
    if not overall.deliveries:
        raise Unjudged("there is no delivery to score")
    return {"overall": overall.summary(), "scenarios": {name: one.summary() for name, one in scenarios.items()}}


def missed(result):
    """The goals that are missed, in words."""
    figures = result["overall"]["human_clicks"]["decidable"]
    goals = [("precision", PRECISION_GOAL), ("recall", RECALL_GOAL)]
    return [f"{name} {shown(figures[name])} is under {goal}" for name, goal in goals if (figures[name]["share"] or 0.0) < goal]


# What is shown.
def shown(measured):
    if measured["share"] is None:
        return "–"
    low, high = measured["interval"]
    return f"{measured['share']:.3f} ({low:.3f} to {high:.3f}; {measured['right']} of {measured['of']})"


def table(rows):
    head, *body = rows
    return "\n".join(["| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *body]])


def matrix_table(matrix):
    said = [name for name in CLASSES if any(name in row for row in matrix.values())]
    return table([["truth", *[f"said {name}" for name in said]]] + [[truth, *[row.get(name, 0) for name in said]] for truth, row in matrix.items()])


def figures_table(summary):
    rows = [["people's clicks", "precision", "recall"]]
    for key, name in (("human_clicks", "clicks"), ("clicked_by_a_person", "deliveries")):
        for scope, which in (("decidable", "that can be decided"), ("all", "all of them")):
            figures = summary[key][scope]
            rows.append([f"{name}, {which}", shown(figures["precision"]), shown(figures["recall"])])
    return table(rows)


def told(matrix):
    """A matrix in one cell: each truth, and what was said of it."""
    return "; ".join(f"{truth}: " + ", ".join(f"{count} {name}" for name, count in sorted(row.items(), key=lambda pair: -pair[1])) for truth, row in matrix.items()) or "–"


def scenarios_table(result):
    rows = [["scenario", "opens", "clicks that can be decided", "other clicks"]]
    for name, one in result["scenarios"].items():
        other = {truth: {said: count - one["decidable_clicks"].get(truth, {}).get(said, 0) for said, count in row.items()} for truth, row in one["clicks"].items()}
        other = {truth: {said: count for said, count in row.items() if count} for truth, row in other.items()}
        rows.append([f"`{name}`", told(one["opens"]), told(one["decidable_clicks"]), told({truth: row for truth, row in other.items() if row})])
    return table(rows)


def markdown(result):
    overall = result["overall"]
    return "\n\n".join([figures_table(overall), "Opens:", matrix_table(overall["opens"]), "Clicks:", matrix_table(overall["clicks"]),
                        "Clicks that can be decided:", matrix_table(overall["decidable_clicks"]), "By scenario:", scenarios_table(result)])


def text(result):
    parts = []
    for name, one in [*result["scenarios"].items(), ("OVERALL", result["overall"])]:
        parts.append(f"{name} ({one['deliveries']} deliveries)")
        for kind in ("opens", "clicks", "decidable_clicks"):
            parts += [f"  {kind.replace('_', ' ')}: {truth} -> " + ", ".join(f"{said} {count}" for said, count in row.items()) for truth, row in one[kind].items()]
        for key in ("human_clicks", "clicked_by_a_person"):
            for scope in ("decidable", "all"):
                figures = one[key][scope]
                parts.append(f"  {key.replace('_', ' ')}, {scope}: precision {shown(figures['precision'])}, recall {shown(figures['recall'])}")
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description="scores judged deliveries")
    parser.add_argument("file", nargs="?", help="judged lines; standard input by default")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true")
    shape.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    try:
        with open(arguments.file) if arguments.file else sys.stdin as lines:
            result = score(lines)
    except Unjudged as error:
        sys.exit(print(error, file=sys.stderr) or 2)
    print(json.dumps(result, indent=1) if arguments.json else markdown(result) if arguments.markdown else text(result))
    for goal in missed(result):
        print(f"missed: {goal}", file=sys.stderr)
    sys.exit(1 if missed(result) else 0)


if __name__ == "__main__":
    main()
