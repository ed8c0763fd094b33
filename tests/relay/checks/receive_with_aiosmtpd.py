"""Receives mail with aiosmtpd, which insists on STARTTLS. Each mail becomes FOLDER/N.eml, with its recipients in a field on
top; FOLDER/port says where it listens."""

import argparse
import asyncio
import pathlib
import ssl

from aiosmtpd.smtp import SMTP

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True, type=pathlib.Path)
parser.add_argument("--cert", required=True)
parser.add_argument("--key", required=True)
parser.add_argument("--recipients-max", required=True, type=int)
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
        self.taken += 1
        top = f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        put(f"{self.taken}.eml", top + envelope.original_content)
        return "250 2.0.0 OK"


async def serve():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(arguments.cert, arguments.key)
    handler = Handler()
    session = lambda: SMTP(handler, tls_context=tls, require_starttls=True, hostname="mx.python.example")
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    put("port", str(server.sockets[0].getsockname()[1]).encode())
    await server.serve_forever()


asyncio.run(serve())
