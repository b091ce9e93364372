"""Asks for health over TLS: `grpcio_tls.py <host:port> <ca.pem> [<client.pem> <client.key>]`.

Prints the code of the call, and for one that fails its details. Needs `grpcio-health-checking`.
"""

import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT = 20


def main():
    address, ca, *client = sys.argv[1:]
    cert, key = (Path(path).read_bytes() for path in client) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes(), key, cert)
    with grpc.secure_channel(address, credentials) as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
            print("OK")
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 5):
        sys.exit(__doc__)
    main()
