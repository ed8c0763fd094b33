"""Renews the tables of docs/AUDIENCE.md: simulates both halves, has them judged, scores them.

    cargo build --offline --example judge && python3 tests/audience/report.py

Of half b only the sums are written: its scenarios one by one would tell too much to those who write rules.
"""

import argparse
import pathlib
import re
import subprocess
import sys

import plain
import score
from simulate import SCENARIOS
from sources import SOURCES

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs/AUDIENCE.md"


def simulated(half, seed, deliveries):
    """The lines of one half."""
    command = [sys.executable, str(HERE / "simulate.py"), "--seed", str(seed), "--deliveries", str(deliveries), "--half", half]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def judged(judge, lines):
    """The lines with the judge's verdicts."""
    return subprocess.run([judge], input=lines, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()


def compared(results, plainly):
    """What plain judges reach, beside the relay's rules."""
    rows = [["judge", "half", "precision of people's decidable clicks", "recall"]]
    for half, plain_results in plainly.items():
        own = {"the relay's rules": results[half]} if half in results else {}
        for name, one in (plain_results | own).items():
            figures = one["overall"]["human_clicks"]["decidable"]
            rows.append([name, half, score.shown(figures["precision"]), score.shown(figures["recall"])])
    return score.table(rows)


def scenarios():
    rows = [["scenario", "what happens", "described at"]]
    for name, (sentence, sources) in SCENARIOS.items():
        rows.append([f"`{name}`", sentence, ", ".join(f"[{source}]({SOURCES[source]})" for source in sources)])
    return score.table(rows)


def outcome(result):
    missed = score.missed(result)
    return "Goals missed: " + "; ".join(missed) + "." if missed else "Both goals are met."


def sums(result):
    overall = result["overall"]
    return [score.figures_table(overall), outcome(result), "Opens:", score.matrix_table(overall["opens"]), "Clicks:", score.matrix_table(overall["clicks"]),
            "Clicks that can be decided:", score.matrix_table(overall["decidable_clicks"])]


def weak(result):
    """The scenarios in which people's decidable clicks are missed, or others taken for them, most often."""
    rows = [["scenario", "truth", "said", "by rule", "clicks"]]
    found = []
    for name, one in result["scenarios"].items():
        for wrong in one["wrong"]:
            if wrong["kind"] == "click" and wrong["decidable"] and "human" in (wrong["truth"], wrong["said"]):
                found.append((wrong["count"], [f"`{name}`", wrong["truth"], wrong["said"], f"`{wrong['rule']}`" if wrong["rule"] else "–", wrong["count"]]))
    found.sort(key=lambda pair: -pair[0])
    rows += [row for _, row in found[:25]]
    return score.table(rows) if found else "No decidable click of a person was missed, and none was taken for one."


def figures(results, plainly, seed, deliveries):
    said = f"{len(SCENARIOS)} scenarios, {deliveries} deliveries of each in each half, seed {seed}. In brackets: the Wilson interval (95 of 100), and the counts."
    if not results:
        return "\n\n".join([said, compared(results, plainly), "The relay's own rules are not in this table: their judge was not built."])
    first, second = results["a"], results["b"]
    parts = [said, compared(results, plainly), "### Half a, which may be looked at", *sums(first), "Wrong about people's clicks although it can be decided, most frequent first:", weak(first),
             "What was said, scenario by scenario (truth: what was said of how many):", score.scenarios_table(first),
             "### Half b, set aside", *sums(second)]
    return "\n\n".join(parts)


def put(text, marker, content):
    """The text with the content between a pair of markers."""
    between = re.compile(rf"(<!-- {marker}: begin -->\n).*?(<!-- {marker}: end -->)", re.S)
    changed, count = between.subn(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)
    if count != 1:
        sys.exit(f"{DOCUMENT} needs one pair of markers named {marker}")
    return changed


def main():
    parser = argparse.ArgumentParser(description="renews the tables of docs/AUDIENCE.md")
    parser.add_argument("--judge", default=str(ROOT / "target/debug/examples/judge"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deliveries", type=int, default=200, help="per scenario and half")
    arguments = parser.parse_args()
    lines = {half: simulated(half, arguments.seed, arguments.deliveries) for half in ("a", "b")}
    judges = lines if pathlib.Path(arguments.judge).exists() else {}
    results = {half: score.score(judged(arguments.judge, text)) for half, text in judges.items()}
    plainly = {half: {f"`{name}`": score.score(plain.judge(name, line) for line in text.splitlines()) for name in plain.JUDGES} for half, text in lines.items()}
    text = put(DOCUMENT.read_text(), "scenarios", scenarios())
    DOCUMENT.write_text(put(text, "figures", figures(results, plainly, arguments.seed, arguments.deliveries)))
    for half, result in results.items():
        print(f"half {half}: {outcome(result)}")
    if not results:
        sys.exit(f"{arguments.judge} is not there (cargo build --example judge): plain judges alone were measured")


if __name__ == "__main__":
    main()
