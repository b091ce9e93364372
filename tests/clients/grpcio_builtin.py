"""Asks health and reflection with grpcio's own clients: `grpcio_builtin.py <host:port>`.

Prints one line per check and exits with 1 when one does not hold. Needs `grpcio-health-checking` and
`grpcio-reflection`.
"""

import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TIMEOUT = 10
SERVICES = {"helloworld.Greeter", "rootcap.testing.Faults"}
SERVING = health_pb2.HealthCheckResponse.SERVING


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what} is {actual!r}, not {expected!r}")


def check_knows_every_service(channel):
    health = health_pb2_grpc.HealthStub(channel)
    for service in SERVICES | {""}:
        request = health_pb2.HealthCheckRequest(service=service)
        equal(health.Check(request, timeout=TIMEOUT).status, SERVING, f"the status of {service!r}")


def watch_tells_the_status_at_once(channel):
    call = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    equal(next(call).status, SERVING, "the status")
    call.cancel()


def list_tells_every_status(channel):
    reply = health_pb2_grpc.HealthStub(channel).List(health_pb2.HealthListRequest(), timeout=TIMEOUT)
    statuses = {service: response.status for service, response in reply.statuses.items()}
    equal(statuses, dict.fromkeys(SERVICES | {""}, SERVING), "the list")


def reflection_describes_every_service(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    missing = SERVICES - set(database.get_services())
    equal(missing, set(), "what the list lacks")
    method = DescriptorPool(database).FindMethodByName("rootcap.testing.Faults.Stream")
    equal(method.server_streaming, True, "Stream being a stream")


def main():
    failed = 0
    checks = [
        check_knows_every_service,
        watch_tells_the_status_at_once,
        list_tells_every_status,
        reflection_describes_every_service,
    ]
    with grpc.insecure_channel(sys.argv[1]) as channel:
        for function in checks:
            name = function.__name__.replace("_", " ")
            try:
                function(channel)
                print(f"ok: {name}", flush=True)
            except (AssertionError, KeyError, grpc.RpcError, StopIteration) as error:
                failed += 1
                print(f"FAILED: {name}: {error!r}", flush=True)
    print(f"{len(checks) - failed} of {len(checks)} checks hold")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
