"""Sign or verify a folder with the package model-signing, which has an environment of its own.

    python worker.py sign|verify < {"folder": ..., "signature": ..., "key": ..., "password": ...}

Prints {"error": null}, or what was wrong. Needs nothing of this project.
"""

import json
import re
import sys

from model_signing import hashing, signing, verifying  # type: ignore[import-not-found]


def main() -> None:
    """Do what the first argument says, with what standard input says."""
    given = json.load(sys.stdin)
    # Nothing is left out but the signature: model-signing would ignore .git and its like.
    hashed = hashing.Config().set_ignored_paths(paths=["model.sig"], ignore_git_paths=False)
    error = None
    try:
        if sys.argv[1] == "sign":
            config = signing.Config().use_elliptic_key_signer(
                private_key=given["key"], password=given["password"] and given["password"].encode()
            )
            config.set_hashing_config(hashed).sign(given["folder"], given["signature"])
        else:
            config = verifying.Config().use_elliptic_key_verifier(public_key=given["key"])
            config.set_hashing_config(hashed).verify(given["folder"], given["signature"])
    except Exception as raised:  # a hostile signature can make a parser raise anything
        error = _plain(raised)
    print(json.dumps({"error": error}))


def _plain(error: Exception) -> str:
    """What model-signing 1.1.1 says, in a line for people."""
    text = " ".join(str(error).split())
    if "Key mismatch" in text:
        return "the signature was made with another key"
    if type(error).__name__ == "InvalidSignature":
        return "the signature was changed after it was made"
    if text.startswith("Signature mismatch"):
        changed = re.findall(r"Hash mismatch for \\?'(.*?)\\?'", text)
        found = [f"{name} was changed" for name in changed[:3]]
        for kind, says in (("Extra", "was added"), ("Missing", "is missing")):
            if names := re.search(rf"{kind} files.*?: (.*?)[\"']", text):
                found += [f"{names[1]} {says}"]
        return "; ".join(found) or "the files are not those that were signed"
    if "symlink" in text:
        return f"the folder has a link ({text[:200]})"
    if "assword" in text:
        return "the key is encrypted: set SLIDE_MOBILE_KEY_PASSWORD to its password"
    if type(error).__name__ in {"KeyError", "JSONDecodeError", "ValidationError", "TypeError"}:
        return "the signature is damaged"
    return text[:300] or type(error).__name__


if __name__ == "__main__":
    main()
