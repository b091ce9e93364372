"""Watches the health of one service with grpcio: `grpcio_watch.py <host:port> <service>`.

Prints each status that it is told, a line each, until the stream ends. Needs `grpcio-health-checking`.
"""

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def main(address, service):
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for response in health.Watch(health_pb2.HealthCheckRequest(service=service)):
            print(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
