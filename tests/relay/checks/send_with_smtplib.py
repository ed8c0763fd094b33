"""Sends one message with Python's smtplib, as many programs do. Prints the refused recipients as JSON."""

import argparse
import json
import pathlib
import smtplib
import ssl
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--server", required=True)
parser.add_argument("--login", default="")
parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
parser.add_argument("--ca", default=None, help="the certificate that the server has to show")
parser.add_argument("--from", dest="sender", required=True)
parser.add_argument("--to", required=True)
parser.add_argument("--message", required=True)
arguments = parser.parse_args()

host, port = arguments.server.rsplit(":", 1)
# The server is reached by its address, so its certificate is known by its bytes and not by its name.
context = ssl.create_default_context(cafile=arguments.ca)
context.check_hostname = False
if arguments.tls == "implicit":
    connection = smtplib.SMTP_SSL(host, int(port), "client.example", timeout=30, context=context)
else:
    connection = smtplib.SMTP(host, int(port), "client.example", timeout=30)
with connection as server:
    if arguments.tls == "starttls":
        server.starttls(context=context)
    server.ehlo()
    if arguments.login:
        server.login(*arguments.login.split(":", 1))
    try:
        message = pathlib.Path(arguments.message).read_bytes()
        refused = server.sendmail(arguments.sender, arguments.to.split(","), message)
    except smtplib.SMTPResponseException as error:
        sys.exit(f"{error.smtp_code} {error.smtp_error.decode(errors='replace')}")
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
print(json.dumps({address: [code, text.decode(errors="replace")] for address, (code, text) in refused.items()}))
