"""Reads what a receiver got beside what was sent, with Python's mail parser, Lexbor, dkimpy and OpenDKIM.

Arguments: the folder with `made`, `taken`, `keys` and `refusals.json`; the tracking URL; the web listener; the database, for
the receipts. What may differ is what docs/REWRITING.md says. Prints how many there were of what; fails when anything differs.
"""

import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import threading
import urllib.parse

import dkim

from real_copy import Copy, fields, name_of, split

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
# The only reasons for which a message may be refused, and what has to be in it.
REFUSALS = {"a CR without LF": rb"\r(?!\n)", "a NUL octet": rb"\0"}


def receipts(database):
    """The receipt of each recipient's mail."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as store:
        return dict(store.execute(
            "select person.address, receipt.json from v_delivery join person on person.id = v_delivery.person "
            "join message on message.id = v_delivery.message join receipt on receipt.id = message.receipt"
        ).fetchall())


def check(arguments):
    """One copy: its differences, and whether dkimpy verifies each of our signatures."""
    name, sent, arrived, base, tracked, receipt, keys = arguments
    sent, arrived = pathlib.Path(sent).read_bytes(), pathlib.Path(arrived).read_bytes()
    copy = Copy(name, sent, arrived, base, tracked, json.loads(receipt)).compare()
    look_up = lambda name, timeout=5: keys.get(name.decode().rstrip("."), "").encode() or None
    copy.readable = readable(sent, copy)
    for n in range(len(copy.receipt["signed_by"]) if copy.readable else 0):
        try:
            good = dkim.DKIM(arrived).verify(idx=n, dnsfunc=look_up)
        except Exception as error:  # whatever it stumbles over
            good, _ = False, copy.fault(f"dkimpy: {error!r}")
        copy.expect(good, f"dkimpy does not verify signature {n}")
        copy.seen["signatures verified by dkimpy"] += 1
    copy.sent = copy.arrived = b""
    return copy


def readable(sent, copy):
    """Whether dkimpy reads the header block as it was sent; one line that is no field is enough for it to give up."""
    try:
        return bool(dkim.DKIM(sent).headers) or True
    except (dkim.MessageFormatError, IndexError):
        copy.seen["header blocks that dkimpy does not read"] += 1
        return False


class Follower:
    """Follows links by GET, each thread over a connection of its own."""

    def __init__(self, web):
        self.web, self.local = web, threading.local()

    def __call__(self, link):
        name, url, wanted = link
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection(self.web, timeout=30)
        parts = urllib.parse.urlsplit(url)
        self.local.connection.request("GET", parts.path, headers={"Host": parts.netloc, "User-Agent": BROWSER})
        answer = self.local.connection.getresponse()
        answer.read()
        got = answer.status, answer.getheader("Location")
        return [] if got == (302, wanted) else [f"{name}: {url} leads to {got}, not to {wanted}"]


def main(folder, base, web, database):
    folder = pathlib.Path(folder)
    made, taken = folder / "made", folder / "taken"
    origins = json.loads((made / "origins.json").read_text())
    refusals = json.loads((folder / "refusals.json").read_text())
    keys = dict(line.split(" ", 1) for line in (folder / "keys").read_text().splitlines())
    counts, faults, tasks, known = collections.defaultdict(collections.Counter), [], [], receipts(database)
    for number, _, code, text in refusals:
        why = next((why for why, octets in REFUSALS.items() if why in text and re.search(octets, (made / f"{number:04}.eml").read_bytes())), None)
        counts["refused"][f"{code} {text}"] += 1
        if why is None:
            faults.append(f"{origins[number]} was refused: {code} {text}")
    for path in sorted(taken.glob("*.json")):
        recipient = json.loads(path.read_text())["rcpt_to"][0]
        _, number, word = recipient.split("@")[0].split("-")
        tracked, (source, name) = word == "track", origins[int(number)]
        sent = made / (f"{number}.eml" if tracked else f"{number}.none.eml")
        tasks.append((f"{number} {source} {name} {word}", sent, path.with_suffix(".eml"), base, tracked, known[recipient], keys))
        counts["messages"][source] += tracked
    if len(tasks) + len(refusals) != 2 * len(origins):
        faults.append(f"{len(tasks)} arrived and {len(refusals)} were refused of twice {len(origins)}")
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        copies = list(pool.map(check, tasks, chunksize=10))
    links = []
    for copy in copies:
        faults += copy.faults
        counts["left alone"].update(copy.reasons)
        counts["seen"].update(copy.seen)
        if copy.tracked:
            counts["untracked"][copy.receipt["untracked"] or "tracked"] += 1
            counts["limits"].update(re.sub(r"\d+", "N", limit) for limit in copy.receipt["limits"])
        links += [(copy.name, url, wanted) for url, wanted in copy.links]
    counts["seen"]["links"] = len(links)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        faults += sum(pool.map(Follower(web), links), [])
    configuration = folder / "opendkim.conf"
    configuration.write_text(f"TestPublicKeys {folder / 'keys'}\nMode v\n")
    alone = [one for task, copy in zip(tasks, copies) if copy.readable for one in with_one_signature(task[2], copy)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        faults += sum(pool.map(lambda one: opendkim(configuration, *one), alone), [])
    counts["seen"]["signatures verified by OpenDKIM"] = len(alone)
    print(json.dumps(counts, indent=1, sort_keys=True, ensure_ascii=False))
    if faults:
        sys.exit("\n".join(map(str, [f"{len(faults)} faults", *faults])))


def with_one_signature(path, copy):
    """A mail as it arrived, with only one of our signatures each, but for algorithms that OpenDKIM does not know.

    It gives up on a mail in which another's signature is malformed, and says of several only that one is good.
    """
    head, body = split(path.read_bytes())
    signatures = [field for field in fields(head) if name_of(field) == b"dkim-signature"]
    rest = b"".join(field for field in fields(head) if name_of(field) != b"dkim-signature")
    for one in signatures[:len(copy.receipt["signed_by"])]:
        if b"a=rsa-sha256" in one:
            yield copy.name, one + rest + b"\r\n" + body


def opendkim(configuration, name, mail):
    """Faults, where OpenDKIM does not verify it."""
    command = ["opendkim", "-x", configuration, "-t", "-"]
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(command, input=mail, env=environment, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    return [] if "succeeded" in said else [f"{name}: OpenDKIM: {said}"]


main(*sys.argv[1:])
