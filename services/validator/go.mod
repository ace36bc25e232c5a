module github.com/drydock-dev/drydock/services/validator

go 1.26.3

require github.com/drydock-dev/drydock/pkg v0.1.0
