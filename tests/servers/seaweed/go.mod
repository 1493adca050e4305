// The S3 server of the tests (Apache License 2.0), for tests/servers/seaweed_server.py, which builds it in a cache outside the
// repository.
module csat-ledger/tests/seaweed

go 1.26

require github.com/seaweedfs/seaweedfs v0.0.0-20261109003541-7506e5f91cd6

// As the module's own go.mod has it; it holds only where it is the main one.
replace github.com/tyler-smith/go-bip39 => github.com/cosmos/go-bip39 v1.0.0
