"""Reads a delivery status notification with Python's own parser and prints what it found as JSON.

Fails when it is not well formed: a defect anywhere, a line that is too long or not ASCII, a wrong structure.
"""

import email
import email.policy
import json
import pathlib
import sys

raw = pathlib.Path(sys.argv[1]).read_bytes()
assert all(byte < 128 for byte in raw), "not ASCII"
assert all(len(line) <= 998 for line in raw.split(b"\r\n")), "a line is too long"
assert b"\n" not in raw.replace(b"\r\n", b""), "a bare line feed"
mail = email.message_from_bytes(raw, policy=email.policy.default)
for part in mail.walk():
    assert not part.defects, part.defects
    for name, value in part.items():
        assert not getattr(value, "defects", ()), (name, value.defects)

assert mail.get_content_type() == "multipart/report", mail.get_content_type()
assert mail.get_param("report-type") == "delivery-status"
parts = list(mail.iter_parts())
assert parts[0].get_content_type() == "text/plain"
assert parts[1].get_content_type() == "message/delivery-status"
blocks = [dict(block.items()) for block in parts[1].get_payload() if block.items()]

returned = None
if len(parts) > 2:
    (third,) = parts[2:]
    kind = third.get_content_type()
    if kind == "message/rfc822":
        text = third.get_payload()[0].as_bytes().decode("latin-1")
    else:
        text = third.get_payload(decode=True).decode("latin-1")
    returned = {"type": kind, "text": text}

print(json.dumps({
    "header": {name.lower(): str(value) for name, value in mail.items()},
    "text": parts[0].get_content(),
    "message": blocks[0],
    "recipients": blocks[1:],
    "returned": returned,
}))
