// Package test holds what looks at the whole project: the rules of its
// architecture, its documents, its demo and the second opinion of osv-scanner.
package test
