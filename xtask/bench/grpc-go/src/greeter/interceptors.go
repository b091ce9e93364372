package main

import (
	"net"
	"net/http"

	middleware "github.com/grpc-ecosystem/go-grpc-middleware"
	logging "github.com/grpc-ecosystem/go-grpc-middleware/logging/zap"
	recovery "github.com/grpc-ecosystem/go-grpc-middleware/recovery"
	metrics "github.com/grpc-ecosystem/go-grpc-prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// interceptors has metrics, one JSON line for the end of each call, and recovery from panics. There is none in these
// packages for a line at the start, nor for request ids, deadlines and limits. The log is zap's, the fastest of those
// that the packages know. Serves /metrics at an address.
func interceptors(admin string) ([]grpc.ServerOption, error) {
	config := zap.NewProductionConfig()
	config.OutputPaths = []string{"stdout"}
	// Of lines that are alike, it would write a few: every call has its line.
	config.Sampling = nil
	logger, err := config.Build()
	if err != nil {
		return nil, err
	}
	metrics.EnableHandlingTimeHistogram()
	listener, err := net.Listen("tcp", admin)
	if err != nil {
		return nil, err
	}
	http.Handle("/metrics", promhttp.Handler())
	go func() { logger.Fatal("metrics", zap.Error(http.Serve(listener, nil))) }()
	return []grpc.ServerOption{
		grpc.UnaryInterceptor(middleware.ChainUnaryServer(
			metrics.UnaryServerInterceptor,
			logging.UnaryServerInterceptor(logger),
			recovery.UnaryServerInterceptor(),
		)),
		grpc.StreamInterceptor(middleware.ChainStreamServer(
			metrics.StreamServerInterceptor,
			logging.StreamServerInterceptor(logger),
			recovery.StreamServerInterceptor(),
		)),
	}, nil
}
