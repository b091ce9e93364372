"""Calls until told to stop: `grpcio_load.py <host:port>`.

Prints `done <unary> <streams>` as it goes, `lost <what>` for each call that fails, and ends when its stdin does. The
channel is as grpcio makes it: no retry policy, no waiting for readiness. Needs `grpcio` and `grpcio-tools`.
"""

import importlib.resources
import sys
import tempfile
import threading
from pathlib import Path

import grpc
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto" / "proto"
FILES = ["google/api/http.proto", "google/api/annotations.proto", "helloworld.proto", "rootcap/testing/faults.proto"]
UNARY_THREADS = 6
STREAM_THREADS = 6
MESSAGES = 5
PAUSE_MILLIS = 40
# Far more than a restart takes: it bounds the test where the server is wrong.
TIMEOUT = 60

stopped = threading.Event()
lock = threading.Lock()
done = [0, 0]


def generate(directory):
    """Makes the modules of the messages there, to be imported."""
    builtin = importlib.resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"-I{PROTO}", f"-I{builtin}", f"--python_out={directory}", f"--grpc_python_out={directory}"]
    if protoc.main(arguments + FILES) != 0:
        sys.exit("protoc failed")
    sys.path.insert(0, directory)


def count(kind):
    with lock:
        done[kind] += 1
        if sum(done) % 100 == 0:
            print("done", *done, flush=True)


def lost(what, error):
    with lock:
        print("lost", what, error.code().name, error.details(), flush=True)


def unary(greeter, request):
    while not stopped.is_set():
        try:
            greeter.SayHello(request, timeout=TIMEOUT)
            count(0)
        except grpc.RpcError as error:
            lost("unary", error)


def streams(faults, request):
    while not stopped.is_set():
        try:
            replies = sum(1 for _ in faults.Stream(request, timeout=TIMEOUT))
            if replies != MESSAGES:
                sys.exit(f"a stream of {replies} messages ended with OK")
            count(1)
        except grpc.RpcError as error:
            lost("stream", error)


def main():
    with tempfile.TemporaryDirectory() as directory:
        generate(directory)
        import helloworld_pb2
        import helloworld_pb2_grpc
        from rootcap.testing import faults_pb2, faults_pb2_grpc

    hello = helloworld_pb2.HelloRequest(name="grpcio")
    some = faults_pb2.StreamRequest(count=MESSAGES, size=10, interval_millis=PAUSE_MILLIS)
    with grpc.insecure_channel(sys.argv[1]) as channel:
        greeter = helloworld_pb2_grpc.GreeterStub(channel)
        faults = faults_pb2_grpc.FaultsStub(channel)
        threads = [threading.Thread(target=unary, args=(greeter, hello)) for _ in range(UNARY_THREADS)]
        threads += [threading.Thread(target=streams, args=(faults, some)) for _ in range(STREAM_THREADS)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        stopped.set()
        for thread in threads:
            thread.join()
    print("done", *done, flush=True)


main()
