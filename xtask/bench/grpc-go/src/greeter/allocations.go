package main

import (
	"fmt"
	"net"
	"runtime"
)

// tellAllocations tells everyone who connects to an address the heap allocations and bytes since the start, as two
// numbers in one line. The runtime counts them anyway.
func tellAllocations(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go func() {
		for {
			peer, err := listener.Accept()
			if err != nil {
				return
			}
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			// A peer that is gone before its answer concerns nobody.
			fmt.Fprintf(peer, "%d %d\n", memory.Mallocs, memory.TotalAlloc)
			peer.Close()
		}
	}()
	return nil
}
