//go:build tools

// Package tools pins the scanner that survey drives: go.mod names its
// version, go.sum the contents of everything it is built from.
package tools

import _ "github.com/zmap/zgrab2/cmd/zgrab2"
