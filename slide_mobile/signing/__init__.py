"""Signatures of artifacts: who made a folder, proved over every byte of it.

The format is that of OpenSSF Model Signing 1.0 (https://github.com/sigstore/model-transparency): a
Sigstore bundle with an in-toto statement that lists the sha256 of every file, signed with an
elliptic-curve key that its owner keeps. Nothing is sent anywhere.
"""

from slide_mobile.signing.signatures import Verification as Verification
from slide_mobile.signing.signatures import sign as sign
from slide_mobile.signing.signatures import verify as verify
