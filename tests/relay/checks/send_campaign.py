"""Composes a campaign's mail with Python's EmailMessage and sends it with smtplib over STARTTLS, one transaction for all."""

import argparse
import smtplib
import ssl
from email.message import EmailMessage

parser = argparse.ArgumentParser()
parser.add_argument("--server", required=True)
parser.add_argument("--trust", required=True)
parser.add_argument("--login", required=True)
parser.add_argument("--to", required=True)
arguments = parser.parse_args()

message = EmailMessage()
message["From"] = "Grünes Blatt <news@own.example>"
message["To"] = "you@elsewhere.example"
message["Subject"] = "Frühling: 20 % auf alles, was blüht, und noch ein wenig mehr, damit die Zeile lang wird"
message["X-Postrider-Campaign"] = "spring"
message.set_content("Schöne Grüße\n.\n..und Punkte\n")
message.add_alternative(
    '<html><body><p>Schöne Grüße</p><a href="https://shop.example/?a=1&amp;b=ü">Laden</a> '
    '<a href="https://shop.example/blüten">Blüten</a></body></html>',
    subtype="html",
)
message.add_attachment(bytes(range(256)) * 64, maintype="application", subtype="octet-stream", filename="Preise.bin")

host, port = arguments.server.rsplit(":", 1)
with smtplib.SMTP(host, int(port), "client.example", timeout=30) as server:
    server.starttls(context=ssl.create_default_context(cafile=arguments.trust))
    server.login(*arguments.login.split(":", 1))
    server.send_message(message, "bounces@own.example", arguments.to.split(","))
