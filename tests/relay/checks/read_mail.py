"""Reads a received mail with Python's email package, strictly. Prints what is in it as JSON."""

import hashlib
import json
import pathlib
import sys
from email import message_from_bytes, policy
from html.parser import HTMLParser

message = message_from_bytes(pathlib.Path(sys.argv[1]).read_bytes(), policy=policy.default)
found = {"a": [], "img": []}


class Finder(HTMLParser):
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in found:
            found[tag].append(attributes.get("href") or attributes.get("src"))


Finder().feed(message.get_body(("html",)).get_content())
fields = {}
for name, value in message.items():
    fields.setdefault(name.lower(), []).append(str(value))
print(
    json.dumps(
        {
            "fields": fields,
            "links": found["a"],
            "images": found["img"],
            "text": message.get_body(("plain",)).get_content().replace("\r\n", "\n"),
            "attachments": {
                part.get_filename(): hashlib.sha256(part.get_content()).hexdigest()
                for part in message.iter_attachments()
            },
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
        }
    )
)
