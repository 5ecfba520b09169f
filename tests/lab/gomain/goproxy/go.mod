module modpulse.test/goproxy

go 1.26

require github.com/goproxy/goproxy v0.21.0
