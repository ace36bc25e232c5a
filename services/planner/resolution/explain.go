package resolution

// explain says why wants are blocked.
func (r *run) explain() {
	for _, c := range r.causes {
		r.sol.Blocked[c.want.name] = Block{}
	}
}
