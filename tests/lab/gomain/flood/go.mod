module modpulse.test/flood

go 1.21
