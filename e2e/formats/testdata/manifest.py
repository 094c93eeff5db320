"""Reads a manifest, and prints the kind and thumbprint of each certificate."""

import datetime
import json
import sys

with open(sys.argv[1], "rb") as file:
    manifest = json.load(file)
assert manifest["version"] >= 1
for entry in manifest["certificates"]:
    begin, end = (datetime.datetime.fromisoformat(entry[name].replace("Z", "+00:00")) for name in ["notBefore", "notAfter"])
    assert begin < end
    print(entry["kind"], entry["thumbprint"])
