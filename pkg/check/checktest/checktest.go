// Package checktest is for tests: what stands in for pytest where no index can be reached.
package checktest

import _ "embed" // the program's text

// Pytest is the text of pytest/__main__.py, with main(arguments) and console() as the entry of a script. It collects
// and runs as little as tests need, with the exit codes and the JUnit report of pytest 8.
//
//go:embed pytest.py
var Pytest string
