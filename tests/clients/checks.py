"""Runs the checks of a client with grpcio: what the other files here have in common."""

import sys

import grpc


def run(checks, about):
    """Calls each check with a channel to the one argument; prints a line per check, and exits with 1 when one does not
    hold."""
    if len(sys.argv) != 2:
        sys.exit(about)
    failed = 0
    with grpc.insecure_channel(sys.argv[1]) as channel:
        for function in checks:
            name = function.__name__.replace("_", " ")
            try:
                function(channel)
                print(f"ok: {name}", flush=True)
            except (AssertionError, AttributeError, KeyError, ValueError, StopIteration, grpc.RpcError) as error:
                failed += 1
                print(f"FAILED: {name}: {error!r}", flush=True)
    print(f"{len(checks) - failed} of {len(checks)} checks hold")
    sys.exit(1 if failed else 0)
