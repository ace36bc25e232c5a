// Package bustest is the one suite every bus passes, and a wrapper that lets a process die at any point of
// its dealings with a bus.
package bustest
