package resolution

// blocking are the shapes in which something wanted can't be had.
var blocking = []shape{{
	name: "aiobotocore holds botocore back",
	index: `
		aiobotocore 2.4.2 | botocore>=1.27.59,<1.27.60
		aiobotocore 2.5.0 !is younger than 7d | botocore>=1.29.76,<1.29.77
		botocore 1.27.59
		botocore 1.28.0
		botocore 1.29.76
		idna 3.6
		idna 3.7`,
	pins: "aiobotocore==2.4.2 botocore==1.27.59 idna==3.6", wants: "botocore idna", runs: 2,
	want: `idna 3.6 → 3.7
		botocore blocked: aiobotocore 2.4.2 has no release above that may be picked; aiobotocore 2.4.2 requires botocore>=1.27.59,<1.27.60; free with aiobotocore 2.5.0, which is younger than 7d`,
}, {
	name: "nothing above",
	index: `
		waitress 2.1.2
		waitress 3.0.1 !is younger than 7d`,
	pins: "waitress==2.1.2", wants: "waitress", runs: 0,
	want: `waitress blocked: waitress 2.1.2 has no release above that may be picked; waitress 3.0.1 is younger than 7d; free with waitress 3.0.1, which is younger than 7d`,
}, {
	name: "a newer Python is needed",
	index: `
		django 4.2.0
		django 5.0 !requires Python >=3.12, target is 3.11
		django 5.1 py>=3.12`,
	pins: "django==4.2.0", wants: "django", runs: 0,
	want: `django blocked: django 4.2.0 has no release above that may be picked; django 5.0 requires Python >=3.12, target is 3.11; django 5.1 requires Python >=3.12, target is 3.11; free with django 5.0, which requires Python >=3.12, target is 3.11`,
}, {
	name: "a file bounds it",
	index: `
		flask 2.2.0
		flask 2.3.0
		flask 3.0.0`,
	pins: "flask==2.2.0", wants: "flask", runs: 1,
	bounds: map[string]Bound{"flask": {"<2.3", "requirements.in:3"}},
	want:   `flask blocked: requirements.in:3 allows flask<2.3`,
}, {
	name: "a bound of what has to move too",
	index: `
		flask 2.2.0 | werkzeug>=2.2
		flask 2.3.2 | werkzeug>=2.3.3
		flask 2.3.3 | werkzeug>=2.3.3
		flask 3.0.0 | werkzeug>=3
		werkzeug 2.2.0
		werkzeug 2.3.3
		werkzeug 3.0.0`,
	pins: "flask==2.2.0 werkzeug==2.2.0", wants: "flask", runs: 1,
	bounds: map[string]Bound{"werkzeug": {"<2.3", "constraints.txt:1"}},
	want:   `flask blocked: constraints.txt:1 allows werkzeug<2.3; flask 2.3.2 to 2.3.3 require werkzeug>=2.3.3; flask 3.0.0 requires werkzeug>=3`,
}, {
	name: "the more important of two",
	index: `
		a 1.0
		a 2.0 | c>=2
		b 1.0
		b 2.0 | c<2
		c 1.0
		c 2.0`,
	pins: "a==1.0 b==1.0 c==1.0", wants: "b a", runs: 2,
	want: `b 1.0 → 2.0
		a blocked: b 1.0 has to move too and comes first; b 2.0 requires c<2; a 2.0 requires c>=2`,
}, {
	name: "two steps away",
	index: `
		top 1.0 | middle<2
		middle 1.0 | low<2
		middle 1.1 | low<2
		middle 2.0 | low>=2
		low 1.0
		low 2.0`,
	pins: "top==1.0 middle==1.0 low==1.0", wants: "low", runs: 1,
	want: `low blocked: top 1.0 has no release above that may be picked; top 1.0 requires middle<2; middle 1.0 requires low<2; middle 1.1 requires low<2`,
}, {
	name: "many releases in the way",
	index: `
		boto3 1.0 | botocore==1.0
		boto3 1.1 | botocore==1.1
		boto3 1.2 | botocore==1.2
		boto3 1.3 | botocore==1.3
		boto3 1.4 | botocore==1.4
		boto3 1.5 !is younger than 7d | botocore==1.5
		botocore 1.0
		botocore 1.5`,
	pins: "boto3==1.0 botocore==1.0", wants: "botocore", runs: 1,
	want: `botocore blocked: boto3 1.0 requires botocore==1.0; boto3 1.1 requires botocore==1.1; boto3 1.2 to 1.3 require botocore in other ranges; boto3 1.4 requires botocore==1.4; free with boto3 1.5, which is younger than 7d`,
}, {
	name: "a held pin",
	index: `
		docopt 0.6.2 ?
		docopt 0.7`,
	pins: "docopt==0.6.2", wants: "docopt", runs: 0,
	held: map[string]string{"docopt": "it has no wheel"},
	want: `docopt blocked: docopt 0.6.2 stays where it is: it has no wheel
		unknown: docopt 0.6.2: it has no wheel`,
}, {
	name: "what others ask of a held pin",
	index: `
		app 1.0
		app 1.1 | docopt>=0.7
		docopt 0.6.2 ?
		docopt 0.7`,
	pins: "app==1.0 docopt==0.6.2", wants: "app", runs: 1,
	held: map[string]string{"docopt": "it has no wheel"},
	want: `app blocked: docopt 0.6.2 stays where it is: it has no wheel; app 1.1 requires docopt>=0.7
		unknown: docopt 0.6.2: it has no wheel`,
}, {
	name: "a requirement that is broken already",
	index: `
		old 1.0 | six<1.15
		six 1.16.0
		six 1.17.0`,
	pins: "old==1.0 six==1.16.0", wants: "six", runs: 1,
	want: `six blocked: old 1.0 has no release above that may be picked; old 1.0 requires six<1.15
		broken: old 1.0 requires six<1.15, pinned is 1.16.0`,
}, {
	name: "a new requirement that nobody offers",
	index: `
		app 1.0
		app 1.1 | ghost>=1`,
	pins: "app==1.0", wants: "app", runs: 1,
	want: `app blocked: nobody offers ghost; app 1.1 requires ghost>=1`,
}, {
	name: "a new requirement of which nothing may be picked",
	index: `
		app 1.0
		app 1.1 | bad>=1
		bad 1.0 !is hit by MAL-2024-1`,
	pins: "app==1.0", wants: "app", runs: 1,
	want: `app blocked: no release of bad may be picked; app 1.1 requires bad>=1`,
}, {
	name: "not pinned",
	index: `
		app 1.0`,
	pins: "app==1.0", wants: "nothere", runs: 0,
	want: `nothere error: it is not pinned, so there is nothing to move`,
}}
