"""Makes `well_known.bin`, the passwords that everybody tries first.

Source: `src/passwords.json` of the npm package @zxcvbn-ts/language-common 4.1.3 (MIT), a list of
49,233 passwords of public breaches by how common they are, taken on 2026-11-24. None of its text is
in the output, only fingerprints.

    npm pack @zxcvbn-ts/language-common@4.1.3
    tar xzf zxcvbn-ts-language-common-4.1.3.tgz
    python3 functions/auth/src/password/well_known.py package/src/passwords.json

Taken are the 10,000 most common that have at least 8 characters, the least that a deployment can ask
for; and of the rest those with at least 12, the default, of which there are few. Each becomes the
first 5 bytes of the SHA-256 of its lower case; sorted, so that one can be found by bisection.
"""

import hashlib
import json
import pathlib
import sys

COUNT, CHARS_MIN, CHARS_DEFAULT, BYTES = 10_000, 8, 12, 5


def main(source: str) -> None:
    ranked = [word for word in json.loads(pathlib.Path(source).read_text()) if len(word) >= CHARS_MIN]
    # Else lower case might not be the same here and there.
    assert all(word.isascii() and word == word.lower() for word in ranked)
    taken = ranked[:COUNT] + [word for word in ranked[COUNT:] if len(word) >= CHARS_DEFAULT]
    prints = sorted({hashlib.sha256(word.encode()).digest()[:BYTES] for word in taken})
    assert len(prints) == len(taken), "two passwords share a fingerprint"
    pathlib.Path(__file__).with_suffix(".bin").write_bytes(b"".join(prints))
    print(f"{len(prints)} passwords, {len(prints) * BYTES} bytes")


main(sys.argv[1])
