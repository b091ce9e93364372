"""Calls the Greeter and every method of Faults with grpcio: `grpcio_faults.py <host:port>`.

Prints one line per check and exits with 1 when one does not hold. Needs `grpcio` and `grpcio-tools`.
"""

import importlib.resources
import queue
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import grpc
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto" / "proto"
FILES = ["google/api/http.proto", "google/api/annotations.proto", "helloworld.proto", "rootcap/testing/faults.proto"]
TIMEOUT = 10
SECRET = "secret-panic-text"

checks = []


class Clients(NamedTuple):
    """What the checks call."""

    channel: grpc.Channel
    greeter: object
    faults: object


def check(function):
    """Adds a check; it fails by raising."""
    checks.append(function)
    return function


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what} is {actual!r}, not {expected!r}")


def fails(call, code):
    """Runs a call that must end with `code`; returns its error."""
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code, "code")
        return error
    raise AssertionError(f"the call succeeded, and not {code.name}")


def received(call, code):
    """The messages of a stream that must end with `code`, and its error."""
    messages = []

    def read():
        for message in call:
            messages.append(message)

    return messages, fails(read, code)


@check
def greeter_says_hello(clients):
    reply = clients.greeter.SayHello(helloworld.HelloRequest(name="Wörld"), timeout=TIMEOUT)
    equal(reply.message, "Hello Wörld", "message")


@check
def echo_returns_payload_and_metadata(clients):
    payload = bytes(range(256)) * 8192
    metadata = [("x-echo-one", "1"), ("x-echo-two-bin", b"\x00\xff"), ("x-other", "3")]
    request = testing.EchoRequest(payload=payload)
    reply, call = clients.faults.Echo.with_call(request, metadata=metadata, timeout=TIMEOUT)
    equal(reply.payload == payload, True, "the payload being the same")
    headers = dict(call.initial_metadata())
    equal(headers.get("x-echo-one"), "1", "x-echo-one")
    equal(headers.get("x-echo-two-bin"), b"\x00\xff", "x-echo-two-bin")
    equal("x-other" in headers, False, "the presence of x-other")


@check
def echo_works_compressed(clients):
    payload = b"again and " * 10_000
    request = testing.EchoRequest(payload=payload)
    reply = clients.faults.Echo(request, compression=grpc.Compression.Gzip, timeout=TIMEOUT)
    equal(reply.payload == payload, True, "the payload being the same")


@check
def fail_ends_with_every_code(clients):
    for code in grpc.StatusCode:
        if code is grpc.StatusCode.OK:
            continue
        message = f"asked for {code.name}: 100 % ünïcode\n"
        request = testing.FailRequest(code=code.value[0], message=message)
        error = fails(lambda: clients.faults.Fail(request, timeout=TIMEOUT), code)
        equal(error.details(), message, f"message of {code.name}")


@check
def fail_with_a_long_message_keeps_its_code(clients):
    for message in ["x" * 10_000, "x" * 100_000, "\u20ac" * 100_000]:
        request = testing.FailRequest(code=grpc.StatusCode.ABORTED.value[0], message=message)
        error = fails(lambda: clients.faults.Fail(request, timeout=TIMEOUT), grpc.StatusCode.ABORTED)
        equal(error.details().endswith("..."), True, "the message being cut")
        equal(message.startswith(error.details()[:-3]), True, "the message being the beginning")


@check
def fail_with_ok_is_an_invalid_argument(clients):
    request = testing.FailRequest(code=0, message="")
    fails(lambda: clients.faults.Fail(request, timeout=TIMEOUT), grpc.StatusCode.INVALID_ARGUMENT)


@check
def panic_is_internal_and_keeps_its_secret(clients):
    error = fails(lambda: clients.faults.Panic(testing.PanicRequest(), timeout=TIMEOUT), grpc.StatusCode.INTERNAL)
    equal(SECRET in error.details(), False, "the secret being told")


@check
def panic_mid_stream_is_internal_after_its_messages(clients):
    call = clients.faults.PanicMidStream(testing.PanicMidStreamRequest(after=3), timeout=TIMEOUT)
    messages, error = received(call, grpc.StatusCode.INTERNAL)
    equal([message.index for message in messages], [0, 1, 2], "indices")
    equal(SECRET in error.details(), False, "the secret being told")


@check
def sleep_answers(clients):
    clients.faults.Sleep(testing.SleepRequest(millis=20), timeout=TIMEOUT)


@check
def sleep_beyond_its_deadline_ends(clients):
    request = testing.SleepRequest(millis=60_000)
    fails(lambda: clients.faults.Sleep(request, timeout=0.2), grpc.StatusCode.DEADLINE_EXCEEDED)


@check
def block_answers(clients):
    clients.faults.Block(testing.BlockRequest(millis=20), timeout=TIMEOUT)


@check
def ignore_cancel_answers(clients):
    clients.faults.IgnoreCancel(testing.IgnoreCancelRequest(millis=20), timeout=TIMEOUT)


@check
def ignore_cancel_beyond_its_deadline_ends(clients):
    request = testing.IgnoreCancelRequest(millis=500)
    fails(lambda: clients.faults.IgnoreCancel(request, timeout=0.1), grpc.StatusCode.DEADLINE_EXCEEDED)


@check
def stream_sends_what_was_asked(clients):
    for count, size, interval in [(0, 0, 0), (1000, 0, 0), (100, 1000, 1), (3, 1 << 20, 0)]:
        request = testing.StreamRequest(count=count, size=size, interval_millis=interval)
        sizes = [len(reply.payload) for reply in clients.faults.Stream(request, timeout=TIMEOUT)]
        equal(sizes == [size] * count, True, f"{count} messages of {size} bytes")


@check
def stream_refuses_large_payloads(clients):
    request = testing.StreamRequest(count=1, size=(4 << 20) + 1)
    fails(lambda: list(clients.faults.Stream(request, timeout=TIMEOUT)), grpc.StatusCode.INVALID_ARGUMENT)


@check
def a_cancelled_stream_ends(clients):
    call = clients.faults.Stream(testing.StreamRequest(count=1_000_000, size=10, interval_millis=5), timeout=TIMEOUT)
    next(call)
    call.cancel()
    equal(call.code(), grpc.StatusCode.CANCELLED, "code")


@check
def fail_mid_stream_fails_after_its_messages(clients):
    for code in [grpc.StatusCode.DATA_LOSS, grpc.StatusCode.UNAVAILABLE]:
        request = testing.FailMidStreamRequest(after=4, code=code.value[0])
        messages, _error = received(clients.faults.FailMidStream(request, timeout=TIMEOUT), code)
        equal([message.index for message in messages], [0, 1, 2, 3], "indices")


@check
def collect_counts(clients):
    payloads = [b"a" * size for size in range(200)]
    requests = (testing.CollectRequest(payload=payload) for payload in payloads)
    reply = clients.faults.Collect(requests, timeout=TIMEOUT)
    equal((reply.messages, reply.bytes), (200, sum(map(len, payloads))), "messages and bytes")


@check
def chat_answers_each_message(clients):
    requests = queue.Queue()
    call = clients.faults.Chat(iter(requests.get, None), timeout=TIMEOUT)
    for payload in [b"one", b"", b"three" * 10_000]:
        requests.put(testing.ChatRequest(payload=payload))
        equal(next(call).payload == payload, True, "the payload being the same")
    requests.put(None)
    equal(list(call), [], "what is left")
    equal(call.code(), grpc.StatusCode.OK, "code")


@check
def an_unknown_method_is_unimplemented(clients):
    call = clients.channel.unary_unary("/rootcap.testing.Faults/NoSuch")
    fails(lambda: call(b"", timeout=TIMEOUT), grpc.StatusCode.UNIMPLEMENTED)


def generate(directory):
    """Makes the Python modules of the `.proto` files, which are importable from then on."""
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    arguments = [f"-I{PROTO}", f"-I{well_known}", f"--python_out={directory}", f"--grpc_python_out={directory}"]
    if protoc.main(["protoc", *arguments, *FILES]) != 0:
        sys.exit("the .proto files do not compile")
    sys.path.insert(0, directory)


def run(clients):
    """Runs every check; returns how many do not hold."""
    failed = 0
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            function(clients)
            print(f"ok: {name}", flush=True)
        except (AssertionError, grpc.RpcError, StopIteration) as error:
            failed += 1
            print(f"FAILED: {name}: {describe(error)}", flush=True)
    return failed


def describe(error):
    if isinstance(error, grpc.RpcError):
        return f"{error.code()}: {error.details()}"
    return repr(error)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as directory:
        generate(directory)
        import helloworld_pb2 as helloworld
        import helloworld_pb2_grpc
        from rootcap.testing import faults_pb2 as testing
        from rootcap.testing import faults_pb2_grpc

        with grpc.insecure_channel(sys.argv[1]) as channel:
            greeter = helloworld_pb2_grpc.GreeterStub(channel)
            faults = faults_pb2_grpc.FaultsStub(channel)
            failed = run(Clients(channel, greeter, faults))
    print(f"{len(checks) - failed} of {len(checks)} checks hold")
    sys.exit(1 if failed else 0)
