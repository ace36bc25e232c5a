package resolution

// moving are the shapes in which everything wanted can be had.
var moving = []shape{{
	name: "flask, werkzeug and jinja2 together",
	index: `
		flask 2.2.0 | werkzeug>=2.2.0,<3 | jinja2>=3.0
		flask 2.2.5 | werkzeug>=2.2.2 | jinja2>=3.0
		flask 3.0.0 | werkzeug>=3.0.0 | jinja2>=3.1.2
		werkzeug 2.2.0 | markupsafe>=2.1.1
		werkzeug 2.2.3 !is hit by CVE-2023-46136 | markupsafe>=2.1.1
		werkzeug 3.0.3 | markupsafe>=2.1.1
		werkzeug 3.0.6 | markupsafe>=2.1.1
		jinja2 3.0.1 | markupsafe>=2.0
		jinja2 3.1.4 | markupsafe>=2.0
		markupsafe 2.1.1
		markupsafe 2.1.5`,
	pins:  "flask==2.2.0 werkzeug==2.2.0 jinja2==3.0.1 markupsafe==2.1.1",
	wants: "werkzeug jinja2", runs: 1,
	want: `flask 2.2.0 → 2.2.5: flask 2.2.0 requires werkzeug>=2.2.0,<3
		jinja2 3.0.1 → 3.1.4
		werkzeug 2.2.0 → 3.0.3`,
}, {
	name: "what one want alone finds too dear moves for another anyway",
	index: `
		a 1.0
		a 1.1 | p>=1.0.1 | o>=1.0.1
		a 1.2 | t>=2
		b 1.0
		b 2.0 | q>=2
		c 1.0
		c 1.0.1 | a>=1.1
		o 1.0
		o 1.0.1
		p 1.0
		p 1.0.1
		q 1.0
		q 2.0
		t 1.0
		t 2.0 | q>=2`,
	pins:  "a==1.0 b==1.0 c==1.0 o==1.0 p==1.0 q==1.0 t==1.0",
	wants: "c a b", runs: 1,
	want: `a 1.0 → 1.2
		b 1.0 → 2.0
		c 1.0 → 1.0.1
		q 1.0 → 2.0: b 2.0 requires q>=2
		t 1.0 → 2.0: a 1.2 requires t>=2`,
}, {
	name: "requests and urllib3",
	index: `
		requests 2.28.0 | urllib3<1.27,>=1.21.1 | certifi>=2017.4.17
		requests 2.28.2 | urllib3<1.27,>=1.21.1 | certifi>=2017.4.17
		requests 2.30.0 | urllib3<3,>=1.21.1 | certifi>=2017.4.17
		requests 2.32.4 | urllib3<3,>=1.21.1 | certifi>=2017.4.17
		urllib3 1.26.5
		urllib3 1.26.19 !is hit by CVE-2025-50181
		urllib3 2.5.0
		certifi 2022.12.7
		certifi 2024.7.4`,
	pins:  "requests==2.28.0 urllib3==1.26.5 certifi==2022.12.7",
	wants: "urllib3", runs: 1,
	want: `requests 2.28.0 → 2.30.0: requests 2.28.0 requires urllib3<1.27,>=1.21.1
		urllib3 1.26.5 → 2.5.0`,
}, {
	name: "boto3 and botocore in lockstep",
	index: `
		boto3 1.26.1 | botocore<1.30.0,>=1.29.1
		boto3 1.26.2 | botocore<1.30.0,>=1.29.2
		boto3 1.27.0 | botocore<1.31.0,>=1.30.0
		boto3 1.28.0 | botocore<1.32.0,>=1.31.0
		botocore 1.29.1
		botocore 1.29.2 !is yanked
		botocore 1.30.0 !is hit by GHSA-x
		botocore 1.31.0`,
	pins:  "boto3==1.26.1 botocore==1.29.1",
	wants: "botocore", runs: 1,
	want: `boto3 1.26.1 → 1.28.0: boto3 1.26.1 requires botocore<1.30.0,>=1.29.1
		botocore 1.29.1 → 1.31.0`,
}, {
	name: "pydantic pins pydantic-core exactly",
	index: `
		pydantic 2.4.0 | pydantic-core==2.10.0
		pydantic 2.4.1 | pydantic-core==2.10.1
		pydantic 2.4.2 | pydantic-core==2.10.1
		pydantic-core 2.10.0
		pydantic-core 2.10.1`,
	pins:  "pydantic==2.4.0 pydantic-core==2.10.0",
	wants: "pydantic", runs: 1,
	want: `pydantic 2.4.0 → 2.4.1
		pydantic-core 2.10.0 → 2.10.1: pydantic 2.4.1 requires pydantic-core==2.10.1`,
}, {
	name: "what comes in is the newest, however many come with it",
	index: `
		nbconvert 6.4.2
		nbconvert 6.5.1 | beautifulsoup4
		nbconvert 7.0.0
		beautifulsoup4 4.6.3
		beautifulsoup4 4.13.0 | soupsieve>1.2 | typing-extensions>=4.0
		soupsieve 1.9
		soupsieve 2.7
		typing-extensions 4.14.0`,
	pins:  "nbconvert==6.4.2",
	wants: "nbconvert", runs: 1,
	want: `beautifulsoup4  → 4.13.0: nbconvert 6.5.1 requires beautifulsoup4
		nbconvert 6.4.2 → 6.5.1
		soupsieve  → 2.7: beautifulsoup4 4.13.0 requires soupsieve>1.2
		typing-extensions  → 4.14.0: beautifulsoup4 4.13.0 requires typing-extensions>=4.0`,
}, {
	name: "a pin is no reason for something old",
	index: `
		server 1.0
		server 2.0 | events>=0.6
		events 0.6 | schema>=3
		events 0.12 | schema>=4
		schema 3.2
		schema 4.18`,
	pins:  "server==1.0 schema==3.2",
	wants: "server", runs: 1,
	want: `events  → 0.6: server 2.0 requires events>=0.6
		server 1.0 → 2.0`,
}, {
	name: "an extra brings its requirements",
	index: `
		requests 2.28.0 | urllib3<1.27 | pysocks!=1.5.7,>=1.5.6; extra == 'socks'
		requests 2.32.0 | urllib3<3 | pysocks>=1.7; extra == 'socks'
		urllib3 1.26.5
		pysocks 1.6.0
		pysocks 1.7.1`,
	pins:  "requests[socks]==2.28.0 urllib3==1.26.5 pysocks==1.6.0",
	wants: "requests", runs: 1,
	want: `pysocks 1.6.0 → 1.7.1: requests 2.32.0 requires pysocks>=1.7
		requests 2.28.0 → 2.32.0`,
}, {
	name: "markers are judged for the target",
	index: `
		click 8.0.0 | colorama; platform_system == 'Windows'
		click 8.1.0 | colorama>=0.4; platform_system == 'Windows' | importlib-metadata>=5; python_version < '3.8'
		importlib-metadata 4.0
		importlib-metadata 5.0`,
	pins:  "click==8.0.0 importlib-metadata==4.0",
	wants: "click", runs: 1,
	want: `click 8.0.0 → 8.1.0`,
}, {
	name: "the first fixed version is not offered",
	index: `
		pillow 9.0.0
		pillow 9.0.1 !is hit by CVE-2022-1
		pillow 9.1.0 !has no wheel for the target
		pillow 9.1.1`,
	pins: "pillow==9.0.0", wants: "pillow", runs: 1,
	want: `pillow 9.0.0 → 9.1.1`,
}, {
	name: "only a pre-release is offered",
	index: `
		opentelemetry 0.1
		opentelemetry 0.2b0
		opentelemetry 0.3b0`,
	pins: "opentelemetry==0.1", wants: "opentelemetry", runs: 1,
	want: `opentelemetry 0.1 → 0.2b0`,
}, {
	name: "a pre-release is passed over",
	index: `
		django 4.2.0
		django 4.2.1rc1
		django 4.2.1`,
	pins: "django==4.2.0", wants: "django", runs: 1,
	want: `django 4.2.0 → 4.2.1`,
}, {
	name: "a new requirement becomes a pin of a full lock, the newest that fits",
	index: `
		flask 2.2.0
		flask 2.3.0 | blinker>=1.6.2
		blinker 1.6.1
		blinker 1.6.2
		blinker 1.9.0
		blinker 2.0.0 !is younger than 7d`,
	pins: "flask==2.2.0", wants: "flask", runs: 1,
	want: `blinker  → 1.9.0: flask 2.3.0 requires blinker>=1.6.2
		flask 2.2.0 → 2.3.0`,
}, {
	name: "a new requirement of a list of pins floats",
	index: `
		flask 2.2.0 | click
		flask 2.3.0 | blinker>=1.6.2 | click
		click 8.0.0
		blinker 1.6.1
		blinker 1.6.2`,
	pins: "flask==2.2.0", wants: "flask", partial: true, runs: 1,
	want: `flask 2.2.0 → 2.3.0`,
}, {
	name: "requirements in a circle",
	index: `
		a 1.0 | b==1.0
		a 1.1 | b==1.1
		b 1.0 | a==1.0
		b 1.1 | a==1.1`,
	pins: "a==1.0 b==1.0", wants: "a", runs: 1,
	want: `a 1.0 → 1.1
		b 1.0 → 1.1: a 1.1 requires b==1.1`,
}, {
	name: "what floats has to be had too, here at an older release",
	index: `
		urllib3 1.26.0
		urllib3 2.0.0
		botocore 1.31.0 | urllib3>=1.25,<2.1
		botocore 1.34.0 | urllib3<2`,
	pins: "urllib3==1.26.0", floating: "botocore>=1.31", partial: true, wants: "urllib3", runs: 1,
	want: `urllib3 1.26.0 → 2.0.0`,
}, {
	name: "what floats asks for a larger step",
	index: `
		urllib3 1.26.0
		urllib3 1.27.0
		urllib3 2.0.0
		botocore 1.34.0 | urllib3!=1.27.0`,
	pins: "urllib3==1.26.0", floating: "botocore", partial: true, wants: "urllib3", runs: 2,
	want: `urllib3 1.26.0 → 2.0.0`,
}, {
	name: "what was broken before stays as it is",
	index: `
		old 1.0 | six<1.15 | gone>=1
		six 1.16.0
		six 1.17.0
		django 4.2.0
		django 4.2.1`,
	pins: "old==1.0 six==1.16.0 django==4.2.0", wants: "django", runs: 1,
	want: `django 4.2.0 → 4.2.1
		broken: old 1.0 requires six<1.15, pinned is 1.16.0
		broken: old 1.0 requires gone>=1, which is not pinned`,
}, {
	name: "what others ask of a held pin has to hold",
	index: `
		app 1.0 | docopt>=0.6
		app 1.1 | docopt>=0.7
		app 1.2 | docopt<0.7
		docopt 0.6.2 ?`,
	pins: "app==1.0 docopt==0.6.2", wants: "app", runs: 1,
	held: map[string]string{"docopt": "it has no wheel, and its source distribution says nothing of its requirements"},
	want: `app 1.0 → 1.2
		unknown: docopt 0.6.2: it has no wheel, and its source distribution says nothing of its requirements`,
}, {
	name: "a blocked step is passed over for a larger one",
	index: `
		flask 2.2.0 | werkzeug>=2.2,<2.3
		werkzeug 2.2.0
		werkzeug 2.2.1 | markupsafe>=3
		werkzeug 2.2.2 | markupsafe>=2
		markupsafe 2.0
		markupsafe 3.0`,
	pins: "flask==2.2.0 werkzeug==2.2.0 markupsafe==2.0", wants: "werkzeug", runs: 1,
	want: `werkzeug 2.2.0 → 2.2.2`,
}, {
	name: "what floats can't be had before any change either",
	index: `
		urllib3 1.26.0 | six
		urllib3 2.0.0 | six
		six 1.16.0
		botocore 1.31.0 | urllib3<1 | six`,
	pins: "urllib3==1.26.0", floating: "botocore", partial: true, wants: "urllib3", runs: 2,
	want: `urllib3 1.26.0 → 2.0.0
		broken: what is required without a pin can't be had together with the pins`,
}, {
	name: "one that floats is offered by nobody",
	index: `
		urllib3 1.26.0
		urllib3 2.0.0`,
	pins: "urllib3==1.26.0", floating: "internal", partial: true, wants: "urllib3", runs: 1,
	want: `urllib3 1.26.0 → 2.0.0
		bare: the files require internal, which is not pinned, and no index offers it`,
}, {
	name: "a requirement that may not count holds all the same",
	index: `
		sqlalchemy 1.4 | greenlet!=0.4.17; platform_machine == 'aarch64'
		sqlalchemy 2.0 | greenlet>=2; platform_machine == 'aarch64'
		greenlet 1.0
		greenlet 2.0`,
	pins: "sqlalchemy==1.4 greenlet==1.0", wants: "sqlalchemy", machine: "any", runs: 1,
	want: `greenlet 1.0 → 2.0: sqlalchemy 2.0 requires greenlet>=2
		sqlalchemy 1.4 → 2.0`,
}, {
	name: "a new requirement that may not count is added",
	index: `
		sqlalchemy 1.4
		sqlalchemy 2.0 | greenlet>=2; platform_machine == 'aarch64'
		greenlet 2.0`,
	pins: "sqlalchemy==1.4", wants: "sqlalchemy", machine: "any", runs: 1,
	want: `greenlet  → 2.0: sqlalchemy 2.0 requires greenlet>=2
		sqlalchemy 1.4 → 2.0`,
}, {
	name: "one that did not count before does not now",
	index: `
		sqlalchemy 1.4 | greenlet!=0.4.17; platform_machine == 'x86_64'
		sqlalchemy 2.0 | greenlet>=2; platform_machine == 'x86_64'
		greenlet 2.0`,
	pins: "sqlalchemy==1.4", wants: "sqlalchemy", machine: "any", runs: 1,
	want: `sqlalchemy 1.4 → 2.0`,
}, {
	name: "odd versions stay byte for byte",
	index: `
		torch 1.12.0+cu117 | typing-extensions
		typing-extensions 4.0.0rc1
		typing-extensions 4.0
		pytz 2022.7.1
		legacy 1!2.0.post1
		black 22.01.0
		idna 3.6
		idna 3.7`,
	pins:  "torch==1.12.0+cu117 typing-extensions==4.0.0rc1 pytz==2022.7.1 legacy==1!2.0.post1 black==22.01.0 idna==3.6",
	wants: "idna", runs: 1,
	want: `idna 3.6 → 3.7`,
}, {
	name: "a package that another wants anyway is had at what suits both",
	index: `
		a 1.0 | c<2
		a 1.1 | c<3
		b 1.0 | c<2
		b 2.0 | c>=2
		c 1.0
		c 2.0
		c 3.0`,
	pins: "a==1.0 b==1.0 c==1.0", wants: "b c", runs: 1,
	want: `a 1.0 → 1.1: a 1.0 requires c<2
		b 1.0 → 2.0
		c 1.0 → 2.0`,
}}
