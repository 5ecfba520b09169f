// Many connections from one process to itself: alone a program of its own, built into cmd/go a
// `go` that does nothing else.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// FLOOD=SHORT,HELD makes SHORT connections one after the other, then HELD that stay open until
// stdin ends. It prints a line when all are made.
func init() {
	var short, held int
	if n, _ := fmt.Sscanf(os.Getenv("FLOOD"), "%d,%d", &short, &held); n != 2 {
		return
	}
	wait, _ := strconv.Atoi(os.Getenv("FLOOD_AFTER_MS"))
	time.Sleep(time.Duration(wait) * time.Millisecond)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serve(listener)
	for i := 0; i < short+held; i++ {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			panic(err)
		}
		if i < short {
			// By a reset: else as many ports would wait for a minute.
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		} else {
			conns = append(conns, conn)
		}
	}
	fmt.Println("flooded")
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

var conns []net.Conn

func serve(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			io.Copy(io.Discard, conn)
			conn.Close()
		}()
	}
}
