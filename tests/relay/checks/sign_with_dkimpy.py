"""Signs a message with dkimpy for a domain of its own. Arguments: the message, where the signed one goes, the domain.

Prints the record to look up, `NAME=VALUE`.
"""

import base64
import pathlib
import sys

import dkim
from nacl.signing import SigningKey

message, signed, domain = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
key = SigningKey.generate()
seed = base64.b64encode(bytes(key))
raw = message.read_bytes()
field = dkim.sign(raw, b"else", domain.encode(), seed, signature_algorithm=b"ed25519-sha256")
signed.write_bytes(field + raw)
print(f"else._domainkey.{domain}=v=DKIM1; k=ed25519; p={base64.b64encode(bytes(key.verify_key)).decode()}")
