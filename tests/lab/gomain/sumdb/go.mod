module modpulse.test/sumdb

go 1.26

require golang.org/x/mod v0.32.0
