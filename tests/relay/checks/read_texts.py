"""Reads a received mail with Python's email package. Prints its plain texts and the longest line it came in, as JSON."""

import json
import pathlib
import sys
from email import message_from_bytes, policy

octets = pathlib.Path(sys.argv[1]).read_bytes()
message = message_from_bytes(octets, policy=policy.default)
texts = [
    part.get_payload(decode=True).decode(part.get_content_charset("ascii"))
    for part in message.walk()
    if part.get_content_type() == "text/plain"
]
print(json.dumps({"texts": texts, "longest": max(len(line) for line in octets.split(b"\r\n"))}))
