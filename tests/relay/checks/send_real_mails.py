"""Sends every NNNN.eml of a folder twice over one connection, with Python's smtplib: as it is, and with tracking off.

Arguments: server, USER:PASSWORD, the folder. Writes the untracked ones as NNNN.none.eml beside them, and prints the refusals
as JSON: number, whether it was to be tracked, code and text.
"""

import json
import pathlib
import smtplib
import sys

server, login, folder = sys.argv[1:]
host, port = server.rsplit(":", 1)
refusals = []
with smtplib.SMTP(host, int(port), "client.example", timeout=60) as session:
    session.ehlo()
    session.login(*login.split(":", 1))
    for path in sorted(pathlib.Path(folder).glob("[0-9][0-9][0-9][0-9].eml")):
        message = path.read_bytes()
        untracked = b"X-Postrider-Track: none\r\n" + message
        path.with_suffix(".none.eml").write_bytes(untracked)
        for word, sent in (("track", message), ("none", untracked)):
            options = [] if sent.isascii() else ["body=8bitmime"]
            try:
                session.sendmail("bounce@own.example", f"ok-{path.stem}-{word}@readers.example", sent, options)
            except smtplib.SMTPResponseException as error:
                refusals.append([int(path.stem), word == "track", error.smtp_code, error.smtp_error.decode()])
print(json.dumps(refusals))
