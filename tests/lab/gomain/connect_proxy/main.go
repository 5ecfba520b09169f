// Command connect_proxy is an ordinary forward proxy: plain HTTP requests and CONNECT tunnels.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/elazarl/goproxy"
)

func main() {
	address := flag.String("address", "127.0.0.1:3128", "where to listen")
	verbose := flag.Bool("verbose", false, "log every request")
	flag.Parse()
	proxy := goproxy.NewProxyHttpServer()
	proxy.Verbose = *verbose
	log.Fatal(http.ListenAndServe(*address, proxy))
}
