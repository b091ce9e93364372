package main

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"greeter/helloworld"
	"greeter/load"
)

// greeter greets whoever calls, and does nothing else: what is measured is the server.
type greeter struct{}

func (greeter) SayHello(_ context.Context, request *helloworld.HelloRequest) (*helloworld.HelloReply, error) {
	return &helloworld.HelloReply{Message: "Hello " + request.Name}, nil
}

// zeros is what every payload is a part of: to send it costs the service nothing.
var zeros [1 << 20]byte

// loader sends what it is asked for, and does nothing else.
type loader struct{}

func (loader) Stream(request *load.StreamRequest, stream load.Load_StreamServer) error {
	if request.Size > uint32(len(zeros)) {
		return status.Errorf(codes.InvalidArgument, "size is %d; at most %d is accepted", request.Size, len(zeros))
	}
	chunk := &load.Chunk{Payload: zeros[:request.Size]}
	for sent := uint32(0); sent < request.Count; sent++ {
		if err := stream.Send(chunk); err != nil {
			return err
		}
	}
	return nil
}

func (loader) Echo(_ context.Context, chunk *load.Chunk) (*load.Chunk, error) {
	return chunk, nil
}
