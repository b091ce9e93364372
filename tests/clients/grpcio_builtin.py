"""Asks health and reflection with grpcio's own clients: `grpcio_builtin.py <host:port>`.

Prints one line per check and exits with 1 when one does not hold. Needs `grpcio-health-checking` and
`grpcio-reflection`.
"""

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from checks import run

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


def check_of_an_unknown_service_is_not_found(channel):
    request = health_pb2.HealthCheckRequest(service="no.Such")
    try:
        health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT)
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.NOT_FOUND, "the code")
    else:
        raise AssertionError("the call succeeded")


def watch_tells_that_a_service_is_unknown(channel):
    request = health_pb2.HealthCheckRequest(service="no.Such")
    call = health_pb2_grpc.HealthStub(channel).Watch(request, timeout=TIMEOUT)
    equal(next(call).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN, "the status")
    call.cancel()


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
    pool = DescriptorPool(database)
    method = pool.FindMethodByName("rootcap.testing.Faults.Stream")
    equal(method.server_streaming, True, "Stream being a stream")
    for service in database.get_services():
        found = pool.FindServiceByName(service)
        equal(all(method.input_type and method.output_type for method in found.methods), True, f"{service}'s types")


def reflection_knows_no_symbol_that_is_not_there(channel):
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    try:
        pool.FindServiceByName("no.Such")
    except KeyError:
        return
    raise AssertionError("no.Such was found")


if __name__ == "__main__":
    run(
        [
            check_knows_every_service,
            check_of_an_unknown_service_is_not_found,
            watch_tells_the_status_at_once,
            watch_tells_that_a_service_is_unknown,
            list_tells_every_status,
            reflection_describes_every_service,
            reflection_knows_no_symbol_that_is_not_there,
        ],
        __doc__,
    )
