package advisory

import "time"

// Limits on what comes from outside. The largest real archive (npm) has 220,000 records in about 200 MB.
const (
	maxArchive    = 2 << 30          // bytes of an archive, downloaded or given
	maxEntries    = 2_000_000        // files in an archive or directory
	maxRecord     = 16 << 20         // bytes of one record; real ones stay under 2 MiB
	maxTotal      = 4 << 30          // bytes of all records, unpacked; those of npm take under 1 GiB
	maxRatio      = 200              // of one large entry; JSON packs 3 to 20 times, a zip bomb 1,000
	ratioFrom     = 1 << 20          // entries smaller than this may pack as they like
	inflatesTo    = 1032             // no deflated byte gives more: the format's own bound
	maxList       = 256 << 20        // bytes of a KEV or EPSS list, unpacked
	maxReasons    = 5                // refused records that are named
	updateTimeout = 15 * time.Minute // one whole download
	stallTimeout  = 60 * time.Second // a download that sends nothing
)
