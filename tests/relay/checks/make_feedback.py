"""Makes feedback reports (RFC 5965) of received mails with Python's own email package.

make_feedback.py OUT SHAPE TYPE RECIPIENT COPY [SHAPE TYPE RECIPIENT COPY ...]

More than one report makes an mbox. The shapes: `whole` (the message as it was received), `header` (only its header),
`redacted` (no recipient, Message-ID or List-Unsubscribe, the body encoded anew), `unsigned` (no token of the relay is left),
`forged` (each token changed in one letter, and another Message-ID).
"""

import email
import email.policy
import mailbox
import pathlib
import re
import sys
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText

TOKEN = re.compile(r"(?<=/[ouc]/)[A-Za-z0-9_/-]{35,}")


def changed(mail, change):
    """The mail with its tokens changed wherever they stand."""
    html = TOKEN.sub(change, mail.get_content())
    leave = TOKEN.sub(change, mail["List-Unsubscribe"])
    assert html != mail.get_content() and leave != mail["List-Unsubscribe"], "the copy has tokens"
    mail.set_content(html, subtype="html")
    mail.replace_header("List-Unsubscribe", leave)


def letter(token):
    text = token.group()
    return text[:20] + ("A" if text[20] != "A" else "B") + text[21:]


def returned(shape, raw):
    mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
    if shape == "header":
        return MIMEText("".join(f"{name}: {value}\r\n" for name, value in mail.items()), "rfc822-headers")
    if shape == "redacted":
        for name in ("To", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "DKIM-Signature"):
            del mail[name]
        mail.set_content(mail.get_content(), subtype="html", cte="base64")
    elif shape == "unsigned":
        changed(mail, lambda _: "redacted")
    elif shape == "forged":
        changed(mail, letter)
        mail.replace_header("Message-ID", "<other@forged.example>")
    else:
        assert shape == "whole", shape
    return MIMEMessage(mail)


def report(shape, kind, recipient, copy):
    whole = MIMEMultipart("report", **{"report-type": "feedback-report"})
    whole["From"] = "feedback@b.example"
    whole["To"] = "feedback@own.example"
    whole["Subject"] = "Somebody complained"
    whole.attach(MIMEText("This is a report of a mail that was received from 192.0.2.1.\n"))
    fields = MIMENonMultipart("message", "feedback-report")
    fields.set_payload(
        f"Feedback-Type: {kind}\nUser-Agent: Checks/1.0\nVersion: 1\nOriginal-Rcpt-To: {recipient}\n"
        "Arrival-Date: Thu, 8 Mar 2026 14:00:00 +0000\nSource-IP: 192.0.2.1\n"
    )
    whole.attach(fields)
    whole.attach(returned(shape, pathlib.Path(copy).read_bytes()))
    return whole


out, *rest = sys.argv[1:]
reports = [report(*rest[at:at + 4]) for at in range(0, len(rest), 4)]
if len(reports) == 1:
    pathlib.Path(out).write_bytes(reports[0].as_bytes())
else:
    box = mailbox.mbox(out)
    for one in reports:
        box.add(one)
    box.close()
