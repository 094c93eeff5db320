"""Reads a configuration profile, and prints the type of each payload and the
SHA-256 of its certificate."""

import hashlib
import plistlib
import sys
import uuid

with open(sys.argv[1], "rb") as file:
    profile = plistlib.load(file)
payloads = profile["PayloadContent"]
for part in [profile, *payloads]:
    uuid.UUID(part["PayloadUUID"])
    assert part["PayloadVersion"] == 1 and isinstance(part["PayloadDisplayName"], str)
assert profile["PayloadType"] == "Configuration" and profile["PayloadScope"] == "System"
for name in ["PayloadIdentifier", "PayloadUUID"]:
    assert len({part[name] for part in [profile, *payloads]}) == len(payloads) + 1
for part in payloads:
    print(part["PayloadType"], hashlib.sha256(part["PayloadContent"]).hexdigest())
