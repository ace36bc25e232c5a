package policy

import "time"

// Backup is what a class demands of the backup of an application before a change goes to production. It says
// nothing of what comes before: a change is validated and proposed with or without one.
type Backup struct {
	Required bool     `yaml:"required"`          // one that was verified
	MaxAge   Duration `yaml:"max_age,omitempty"` // the longest a verification counts; zero: as long as the application says
}

// BackupFor is what a class demands of the backup before production.
func (p *Policy) BackupFor(class ClassName) Backup { return p.Class(class).Backup }

// Age is for how long a verification counts, where the application lets it count for own.
func (b Backup) Age(own time.Duration) time.Duration {
	if most := time.Duration(b.MaxAge); most > 0 && (own <= 0 || own > most) {
		return most
	}
	return own
}

// String is "a verified backup, at most 24h old".
func (b Backup) String() string {
	switch {
	case !b.Required:
		return "no backup demanded"
	case b.MaxAge > 0:
		return "a verified backup, at most " + b.MaxAge.String() + " old"
	}
	return "a verified backup"
}

// weaker reports whether b lets through what was does not.
func (b Backup) weaker(was Backup) bool {
	return was.Required && (!b.Required || was.MaxAge > 0 && (b.MaxAge == 0 || b.MaxAge > was.MaxAge))
}

func (b Backup) check(c *checker, at string) {
	switch {
	case b.MaxAge > maxBackupAge:
		c.add(at+".max_age", nil, "%s: want at most %s, which is the longest an application may say", b.MaxAge, maxBackupAge)
	case b.MaxAge > 0 && !b.Required:
		c.add(at+".max_age", nil, "no backup is demanded, so its age is of no use: set required: true, or leave max_age out")
	}
}
