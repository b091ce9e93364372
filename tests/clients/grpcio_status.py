"""Reads the details of statuses with grpcio's own client: `grpcio_status.py <host:port>`.

The server must refuse every call but the first of an hour. Prints one line per check and exits with 1 when one does not
hold. Needs `grpcio` and `grpcio-status`.
"""

import grpc
from google.rpc import code_pb2, error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from checks import run

TIMEOUT = 10
FAIL = "/rootcap.testing.Faults/Fail"
# FailRequest: the code ABORTED, and the message "as asked".
AS_ASKED = b"\x08\x0a\x12\x08as asked"


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what} is {actual!r}, not {expected!r}")


def fails(channel, code):
    """Calls; returns the error, which must have this code."""
    try:
        channel.unary_unary(FAIL)(AS_ASKED, timeout=TIMEOUT)
    except grpc.RpcError as error:
        equal(error.code(), code, "the code")
        return error
    raise AssertionError("the call succeeded")


def detail(status, kind):
    """The detail of this kind, which must be there once."""
    message = getattr(error_details_pb2, kind)()
    equal([each.Unpack(message) for each in status.details].count(True), 1, f"the number of {kind}s")
    return message


def a_status_without_details_has_none(channel):
    error = fails(channel, grpc.StatusCode.ABORTED)
    equal(error.details(), "as asked", "the message")
    equal(rpc_status.from_call(error), None, "the details")


def a_refusal_tells_when_to_retry(channel):
    error = fails(channel, grpc.StatusCode.RESOURCE_EXHAUSTED)
    # It compares code and message with those of the call, and fails if they are others.
    status = rpc_status.from_call(error)
    equal(status.code, code_pb2.RESOURCE_EXHAUSTED, "the code in the details")
    equal(len(status.details), 3, "the number of details")
    info, quota, retry = (detail(status, kind) for kind in ("ErrorInfo", "QuotaFailure", "RetryInfo"))
    equal((info.reason, info.domain), ("RATE_LIMIT_EXCEEDED", "rootcap"), "the reason")
    equal(info.metadata["rule"], "limits.rate", "the rule")
    equal(len(quota.violations), 1, "the number of quotas")
    pushback = dict(error.trailing_metadata())["grpc-retry-pushback-ms"]
    equal(0 < int(pushback) <= 3_600_000, True, f"{pushback} ms being within the hour")
    delay = retry.retry_delay.ToTimedelta().total_seconds()
    equal(0 < delay <= 3600, True, f"{delay} s being within the hour")


def health_is_not_refused(channel):
    reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    equal(reply.status, health_pb2.HealthCheckResponse.SERVING, "the status")


if __name__ == "__main__":
    # In this order: the first one uses up the rate.
    run([a_status_without_details_has_none, a_refusal_tells_when_to_retry, health_is_not_refused], __doc__)
