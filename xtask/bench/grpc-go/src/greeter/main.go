// The contenders `grpc-go` and `grpc-go with interceptors`, of the packages that Debian has.
//
// Built by `cargo xtask bench`, with GO111MODULE=off: nothing is downloaded. helloworld/ and load/ are what
// protoc-gen-go 1.3 made of the same .proto files that the other contenders are built from:
//
//	protoc -I proto/proto --go_out=plugins=grpc,Mgoogle/api/annotations.proto=google.golang.org/genproto/googleapis/api/annotations:<helloworld> helloworld.proto
//	protoc -I xtask/bench/contender/proto --go_out=plugins=grpc,import_path=load:<load> bench.proto
package main

import (
	"log"
	"net"
	"os"

	"google.golang.org/grpc"

	"greeter/helloworld"
	"greeter/load"
)

func main() {
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	if err := tellAllocations(os.Getenv("BENCH_ALLOCATIONS_LISTEN")); err != nil {
		return err
	}
	var options []grpc.ServerOption
	// Without an address for the metrics, nothing is added to the server.
	if admin := os.Getenv("BENCH_ADMIN_LISTEN"); admin != "" {
		added, err := interceptors(admin)
		if err != nil {
			return err
		}
		options = added
	}
	listener, err := net.Listen("tcp", os.Getenv("BENCH_LISTEN"))
	if err != nil {
		return err
	}
	server := grpc.NewServer(options...)
	helloworld.RegisterGreeterServer(server, greeter{})
	load.RegisterLoadServer(server, loader{})
	return server.Serve(listener)
}
