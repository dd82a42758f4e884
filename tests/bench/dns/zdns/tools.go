//go:build tools

// Package tools pins zdns for the benchmark: go build -o zdns github.com/zmap/zdns/v2
package tools

import _ "github.com/zmap/zdns/v2"
