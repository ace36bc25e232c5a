package advisory

import (
	"cmp"
	"slices"
	"strings"
)

// vulnerability is a group of records that alias one another, as far as it concerns one package.
type vulnerability struct {
	id        string
	ids       []string
	malicious bool
	title     string
	url       string
	published int64
	modified  int64
	rating    rating // the best of any record of the group
	from      string
	level     string // the most urgent word of any database of the group
	levelFrom string
	entries   []entry
}

// entry is one record's say on the package.
type entry struct {
	id       string
	rating   rating
	level    string
	ranges   []versionRange
	versions []string
}

// packageAdvisories is what a snapshot keeps under a name.
type packageAdvisories struct {
	name            string
	vulnerabilities []vulnerability
}

// groupRecords joins records that share an id or alias (union-find; "related" joins nothing) and lists the
// groups under each package they affect, both sorted. Withdrawn records neither match nor join: a record is
// often withdrawn because it was a wrong alias.
func groupRecords(records []record) []packageAdvisories {
	records = slices.DeleteFunc(slices.Clone(records), func(r record) bool { return r.withdrawn })
	slices.SortFunc(records, func(a, b record) int { return strings.Compare(a.id, b.id) })
	sets := newDisjointSets(len(records))
	nodes := make([]int32, len(records))
	for i := range records {
		nodes[i] = sets.node(records[i].id)
		for _, alias := range records[i].aliases {
			if alias != "" {
				sets.union(nodes[i], sets.node(alias))
			}
		}
	}
	members := make(map[int32][]*record)
	for i := range records {
		root := sets.find(nodes[i])
		members[root] = append(members[root], &records[i])
	}
	names := make(map[int32][]string, len(members))
	for node, name := range sets.names {
		root := sets.find(int32(node))
		names[root] = append(names[root], name)
	}
	byPackage := make(map[string][]vulnerability)
	for root, rs := range members {
		for name, v := range concern(rs, names[root]) {
			byPackage[name] = append(byPackage[name], v)
		}
	}
	all := make([]packageAdvisories, 0, len(byPackage))
	for name, vs := range byPackage {
		slices.SortFunc(vs, func(a, b vulnerability) int { return strings.Compare(a.id, b.id) })
		all = append(all, packageAdvisories{name, vs})
	}
	slices.SortFunc(all, func(a, b packageAdvisories) int { return strings.Compare(a.name, b.name) })
	return all
}

// concern lays out one group for each package it affects. Records come sorted by id.
func concern(records []*record, ids []string) map[string]vulnerability {
	slices.Sort(ids)
	group := vulnerability{ids: slices.Compact(ids)}
	group.id, group.malicious = groupID(group.ids, records)
	lead := records[0]
	for _, r := range records {
		if leads(r, lead) {
			lead = r
		}
		if r.published != 0 && (group.published == 0 || r.published < group.published) {
			group.published = r.published
		}
		group.modified = max(group.modified, r.modified)
		best := r.rating
		for i := range r.affected {
			best = worse(best, r.affected[i].rating)
		}
		if w := worse(group.rating, best); w != group.rating {
			group.rating, group.from = w, r.id
		}
		if r.level != "" && (group.level == "" || rank(r.level) < rank(group.level)) {
			group.level, group.levelFrom = r.level, r.id
		}
	}
	group.title, group.url = lead.title, lead.url
	if group.url == "" {
		group.url = recordPage + lead.id
	}
	perPackage := make(map[string]vulnerability, 1)
	for _, r := range records {
		for i := range r.affected {
			a := &r.affected[i]
			v, ok := perPackage[a.name]
			if !ok {
				v = group
			}
			v.entries = append(slices.Clip(v.entries), entry{id: r.id, rating: worse(r.rating, a.rating), level: r.level, ranges: a.ranges, versions: a.versions})
			perPackage[a.name] = v
		}
	}
	return perPackage
}

// recordPage shows any record of the OSV database, for records that link to nothing.
const recordPage = "https://osv.dev/vulnerability/"

// leads says whether r rather than lead gives title and link: GitHub's reviewed records are written for readers.
func leads(r, lead *record) bool {
	if (r.title == "") != (lead.title == "") {
		return r.title != ""
	}
	return cmp.Compare(order(!isGHSA(r.id)), order(!isGHSA(lead.id))) < 0
}

// groupID names the group: the CVE, else the first GHSA, else the ecosystem's own id. It does not depend on
// the version asked about, for findings are known by it.
func groupID(ids []string, records []*record) (id string, malicious bool) {
	cve, ghsa, own := "", "", ""
	for _, s := range ids {
		switch {
		case strings.HasPrefix(s, "CVE-"):
			cve = cmp.Or(cve, s)
		case isGHSA(s):
			ghsa = cmp.Or(ghsa, s)
		case strings.HasPrefix(s, "MAL-"):
			malicious = true
		}
	}
	for _, r := range records {
		if own == "" || strings.HasPrefix(own, "MAL-") && !strings.HasPrefix(r.id, "MAL-") {
			own = r.id
		}
	}
	return cmp.Or(cve, ghsa, own), malicious
}

func isGHSA(id string) bool { return strings.HasPrefix(id, "GHSA-") }

// worse keeps the higher score; a keeps its place when both are equal.
func worse(a, b rating) rating {
	if b.known() && (!a.known() || b.score > a.score) {
		return b
	}
	return a
}

// disjointSets is union-find over ids, by size with path halving.
type disjointSets struct {
	index  map[string]int32
	names  []string
	parent []int32
	size   []int32
}

func newDisjointSets(n int) *disjointSets {
	return &disjointSets{index: make(map[string]int32, 3*n)}
}

func (d *disjointSets) node(name string) int32 {
	n, ok := d.index[name]
	if !ok {
		n = int32(len(d.names))
		d.index[name] = n
		d.names, d.parent, d.size = append(d.names, name), append(d.parent, n), append(d.size, 1)
	}
	return n
}

func (d *disjointSets) find(n int32) int32 {
	for d.parent[n] != n {
		d.parent[n] = d.parent[d.parent[n]]
		n = d.parent[n]
	}
	return n
}

func (d *disjointSets) union(a, b int32) {
	a, b = d.find(a), d.find(b)
	if a == b {
		return
	}
	if d.size[a] < d.size[b] {
		a, b = b, a
	}
	d.parent[b] = a
	d.size[a] += d.size[b]
}
