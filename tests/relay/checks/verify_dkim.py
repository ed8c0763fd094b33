"""Verifies every DKIM signature of a message with dkimpy and with OpenDKIM. Arguments: the message, then NAME=RECORD
for each key; several may stand in one argument, one a line.

Prints one line a signature, `d=… s=… a=… pass` or `… fail`; fails when one fails or there is none.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import dkim

file = pathlib.Path(sys.argv[1])
# A mailbox on disk has bare line ends.
message = re.sub(rb"\r?\n", b"\r\n", file.read_bytes())
pairs = (pair.partition("=") for argument in sys.argv[2:] for pair in argument.splitlines())
records = {name.rstrip(".").lower(): text for name, _, text in pairs}


def look_up(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    text = records.get(name.rstrip(".").lower())
    return text.encode() if text else None


def alone(index):
    """The message with one of its signatures."""
    head, empty, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    places = [n for n, field in enumerate(fields) if field.lower().startswith(b"dkim-signature:")]
    others = set(places) - {places[index]}
    return b"\r\n".join(field for n, field in enumerate(fields) if n not in others) + empty + body


def opendkim(index):
    """Whether OpenDKIM, which stops at the first good signature, takes this one by itself."""
    with tempfile.TemporaryDirectory() as folder:
        mail, keys, configuration = (pathlib.Path(folder, name) for name in ("mail", "keys", "conf"))
        mail.write_bytes(alone(index))
        keys.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
        configuration.write_text(f"Mode v\nTestPublicKeys {keys}\n")
        command = ["opendkim", "-x", configuration, "-t", mail]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        said = said.stdout + said.stderr
        if "succeeded" not in said:
            print(said, file=sys.stderr)
        return "succeeded" in said


verifier = dkim.DKIM(message)
signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
passed = 0
for index, signature in enumerate(signatures):
    tags = dict(re.findall(r"([a-z]+)=([^;\s]*)", signature.decode()))
    try:
        good = dkim.DKIM(message).verify(idx=index, dnsfunc=look_up)
    except dkim.DKIMException as error:
        good = False
        print(error, file=sys.stderr)
    good = good and opendkim(index)
    passed += good
    print(f"d={tags.get('d')} s={tags.get('s')} a={tags.get('a')} {'pass' if good else 'fail'}")
sys.exit(0 if signatures and passed == len(signatures) else 1)
