// This file is laid over cmd/go/internal/web by tests/lab/parts.py; it is no package by itself.

package web

import (
	"cmd/go/internal/base"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// traceEvent is one JSON line of the file named by MODPULSE_HTTPTRACE.
type traceEvent struct {
	AtNs    int64  `json:"at_ns"` // CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns
	Pid     int    `json:"pid"`
	Attempt int64  `json:"attempt"` // one per (*http.Client).Do, from 1; redirects share it
	Event   string `json:"event"`
	URL     string `json:"url,omitempty"`
	Address string `json:"address,omitempty"` // remote, as dialled
	Local   string `json:"local,omitempty"`
	Reused  bool   `json:"reused,omitempty"`
	ALPN    string `json:"alpn,omitempty"`
	Resumed bool   `json:"resumed,omitempty"`
	Status  int    `json:"status,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Error   string `json:"error,omitempty"`
}

var (
	traceFile     = openTrace(os.Getenv("MODPULSE_HTTPTRACE"))
	traceAttempts atomic.Int64
	traceLock     sync.Mutex
	traceEvents   []traceEvent
)

func openTrace(path string) *os.File {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		panic(err)
	}
	return file
}

func init() {
	if traceFile != nil {
		base.AtExit(flushTrace)
	}
}

func traceNow() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

func traceError(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// write keeps the event until the command ends: a system call here would delay what is measured.
func (e traceEvent) write() {
	traceLock.Lock()
	traceEvents = append(traceEvents, e)
	traceLock.Unlock()
}

// flushTrace appends all lines with one system call, so that processes can share the file.
func flushTrace() {
	traceLock.Lock()
	defer traceLock.Unlock()
	var lines []byte
	for _, e := range traceEvents {
		line, err := json.Marshal(e)
		if err != nil {
			panic(err)
		}
		lines = append(append(lines, line...), '\n')
	}
	if _, err := traceFile.Write(lines); err != nil {
		panic(err)
	}
	traceEvents = nil
}

// tracedDo is client.Do that says what it does.
func tracedDo(client *http.Client, req *http.Request) (*http.Response, error) {
	if traceFile == nil {
		return client.Do(req)
	}
	attempt := traceAttempts.Add(1)
	at := func(name string) traceEvent {
		return traceEvent{AtNs: traceNow(), Pid: os.Getpid(), Attempt: attempt, Event: name}
	}
	start := at("Start")
	start.URL = req.URL.Redacted()
	start.write()
	res, err := client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), clientTrace(at))))
	done := at("Done")
	done.Error = traceError(err)
	if res != nil {
		done.Status = res.StatusCode
		done.URL = res.Request.URL.Redacted() // the last hop's
		done.ALPN = res.Proto
	}
	done.write()
	if err == nil {
		res.Body = &tracedBody{ReadCloser: res.Body, at: at}
	}
	return res, err
}

func clientTrace(at func(string) traceEvent) *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(hostPort string) {
			e := at("GetConn")
			e.Address = hostPort
			e.write()
		},
		DNSStart: func(info httptrace.DNSStartInfo) {
			e := at("DNSStart")
			e.Address = info.Host
			e.write()
		},
		DNSDone: func(info httptrace.DNSDoneInfo) {
			e := at("DNSDone")
			e.Error = traceError(info.Err)
			e.write()
		},
		ConnectStart: func(_, address string) {
			e := at("ConnectStart")
			e.Address = address
			e.write()
		},
		ConnectDone: func(_, address string, err error) {
			e := at("ConnectDone")
			e.Address = address
			e.Error = traceError(err)
			e.write()
		},
		TLSHandshakeStart: func() { at("TLSHandshakeStart").write() },
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			e := at("TLSHandshakeDone")
			e.ALPN = state.NegotiatedProtocol
			e.Resumed = state.DidResume
			e.Error = traceError(err)
			e.write()
		},
		GotConn: func(info httptrace.GotConnInfo) {
			e := at("GotConn")
			e.Reused = info.Reused
			e.Local = info.Conn.LocalAddr().String()
			e.Address = info.Conn.RemoteAddr().String()
			e.write()
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			e := at("WroteRequest")
			e.Error = traceError(info.Err)
			e.write()
		},
		GotFirstResponseByte: func() { at("GotFirstResponseByte").write() },
	}
}

// tracedBody says when the body ended (BodyEnd: end of file or error) and was closed (BodyClose).
type tracedBody struct {
	io.ReadCloser
	at    func(string) traceEvent
	bytes int64
	ended bool
}

func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if err != nil && !b.ended {
		b.ended = true
		e := b.at("BodyEnd")
		e.Bytes = b.bytes
		if err != io.EOF {
			e.Error = err.Error()
		}
		e.write()
	}
	return n, err
}

func (b *tracedBody) Close() error {
	e := b.at("BodyClose")
	e.Bytes = b.bytes
	e.write()
	return b.ReadCloser.Close()
}
