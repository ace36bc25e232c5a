package policy

// The checks that a class can ask for.
const (
	CheckSuite       Check = "suite"       // the application's own: its tests, its security check, its smoke check
	CheckIntegration Check = "integration" // with the services it works with
	CheckPerformance Check = "performance" // held to what it did before
)

// AtStaging are the checks of a class that need a staging environment, in the order of the policy. The dock can't run
// them: inside it there is no network, and nothing to be integrated with or measured against. The suite it runs for
// every change, whatever the class asks for.
func (c Class) AtStaging() []Check {
	var out []Check
	for _, k := range c.Checks {
		if k != CheckSuite {
			out = append(out, k)
		}
	}
	return out
}
