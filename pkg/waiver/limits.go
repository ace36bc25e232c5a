package waiver

import "time"

const (
	// Longest is how long after its grant a waiver may end unless configured otherwise: a year, of up to 366
	// days, to the end of its last day. Within a year the code, the exploits and the people have changed, and
	// auditors expect a risk that was accepted to be looked at again (PCI DSS 12.3.1: every 12 months).
	Longest = 367 * 24 * time.Hour
	// maxText bounds a justification or control: four pages. It is printed in plans.
	maxText = 8000
	// maxName bounds what names something: persons, packages, vulnerabilities, versions.
	maxName = 256
)
