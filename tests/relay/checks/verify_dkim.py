"""Verifies every DKIM signature of a message with dkimpy. Arguments: the message, then NAME=RECORD for each key.

Prints one line a signature, `d=… s=… a=… pass` or `… fail`; fails when one fails or there is none.
"""

import pathlib
import re
import sys

import dkim

message = pathlib.Path(sys.argv[1]).read_bytes()
records = {name.rstrip(".").lower(): text for name, _, text in (pair.partition("=") for pair in sys.argv[2:])}


def look_up(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    text = records.get(name.rstrip(".").lower())
    return text.encode() if text else None


verifier = dkim.DKIM(message)
signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
passed = 0
for index, signature in enumerate(signatures):
    tags = dict(re.findall(r"([a-z]+)=([^;\s]*)", signature.decode()))
    try:
        good = dkim.DKIM(message).verify(idx=index, dnsfunc=look_up)
    except dkim.DKIMException as error:
        good = False
        print(error, file=sys.stderr)
    passed += good
    print(f"d={tags.get('d')} s={tags.get('s')} a={tags.get('a')} {'pass' if good else 'fail'}")
sys.exit(0 if signatures and passed == len(signatures) else 1)
