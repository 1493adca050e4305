module csat-ledger.example/follow

go 1.22
