"""Plain judges to compare with, in the manner of other products: what is won by more is the difference to these.

    python3 tests/audience/simulate.py | python3 tests/audience/plain.py bursts | python3 tests/audience/score.py

everyone: each request is a person's. early: within two seconds, or under a script's name, it is a machine. bursts: under a
script's name, or three links within two seconds, it is a machine.
"""

import json
import re
import sys

SCRIPTS = re.compile(r"bot|crawl|curl|wget|python|java|http-client|okhttp|headless|preview|scan", re.I)
WINDOW_MS = 2_000


def early(hit, clicks):
    return hit["at_ms"] < WINDOW_MS or script(hit)


def bursts(hit, clicks):
    near = {click["position"] for click in clicks if abs(click["at_ms"] - hit["at_ms"]) <= WINDOW_MS}
    return script(hit) or hit["kind"] == "click" and len(near) >= 3


def script(hit):
    return not hit["agent"] or bool(SCRIPTS.search(hit["agent"]))


JUDGES = {"everyone": lambda hit, clicks: False, "early": early, "bursts": bursts}


def judge(name, line):
    delivery = json.loads(line)
    asked = [hit for hit in delivery["hits"] if hit["method"] == "GET"]
    clicks = [hit for hit in asked if hit["kind"] == "click"]
    for hit, machine in [(hit, JUDGES[name](hit, clicks)) for hit in asked]:
        hit["verdict"] = {"class": "scanner" if machine else "human", "rule": name}
    return json.dumps(delivery, separators=(",", ":"))


if __name__ == "__main__":
    for one in sys.stdin:
        print(judge(sys.argv[1], one))
