"""Receives mail with aiosmtpd, which insists on STARTTLS. Each mail becomes FOLDER/N.eml, with its recipients in a field on
top; FOLDER/port says where it listens. With --lmtp it answers each recipient by itself; with --socket too it listens on
FOLDER/.lmtp instead, without TLS."""

import argparse
import asyncio
import pathlib
import ssl

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True, type=pathlib.Path)
parser.add_argument("--cert", required=True)
parser.add_argument("--key", required=True)
parser.add_argument("--recipients-max", required=True, type=int)
parser.add_argument("--lmtp", action="store_true")
parser.add_argument("--socket", action="store_true")
arguments = parser.parse_args()


def put(name, content):
    """Under its name only when it is whole."""
    unfinished = arguments.folder / f".{name}"
    unfinished.write_bytes(content)
    unfinished.rename(arguments.folder / name)


class Handler:
    taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("stranger"):
            return "550 5.1.1 No such user here"
        if len(envelope.rcpt_tos) >= arguments.recipients_max:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        replies = [reply_by_lmtp(address) for address in envelope.rcpt_tos] if arguments.lmtp else []
        taken = envelope.rcpt_tos
        if arguments.lmtp:
            taken = [address for address, reply in zip(taken, replies) if reply.startswith("250")]
        if taken:
            self.taken += 1
            top = f"X-Envelope-To: {', '.join(taken)}\r\n".encode()
            put(f"{self.taken}.eml", top + envelope.original_content)
        return "\r\n".join(replies) or "250 2.0.0 OK"


full_once = set()


def reply_by_lmtp(address):
    if address.startswith("ruled"):
        return "550 5.7.1 A rule of this person refuses it"
    if address.startswith("full") and address not in full_once:
        full_once.add(address)
        return "452 4.2.2 Mailbox full"
    return f"250 2.1.5 {address} has it"


async def serve():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.cert, arguments.key)
    handler = Handler()
    kind = LMTP if arguments.lmtp else SMTP
    # Where it insists on STARTTLS it does not know LHLO before that.
    encrypted = {} if arguments.socket else {"tls_context": tls, "require_starttls": not arguments.lmtp}
    session = lambda: kind(handler, hostname="mx.python.example", **encrypted)
    loop = asyncio.get_running_loop()
    if arguments.socket:
        server = await loop.create_unix_server(session, arguments.folder / ".lmtp")
        put("port", b"0")
    else:
        server = await loop.create_server(session, "127.0.0.1", 0)
        put("port", str(server.sockets[0].getsockname()[1]).encode())
    await server.serve_forever()


asyncio.run(serve())
