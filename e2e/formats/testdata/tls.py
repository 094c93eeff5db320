"""Calls a TLS server by the roots in a file, and prints the SHA-256 of each."""

import hashlib
import socket
import ssl
import sys

roots, host, port = sys.argv[1:]
context = ssl.create_default_context(cafile=roots)
with socket.create_connection((host, int(port))) as plain:
    with context.wrap_socket(plain, server_hostname=host):
        pass
for der in context.get_ca_certs(binary_form=True):
    print(hashlib.sha256(der).hexdigest())
