package advisory

import "errors"

// Info describes the databases in dir as a person wants to see them: each is read, from its snapshot where
// there is one. The error joins what is wrong with those that can't be read; they are listed all the same.
func Info(dir string, o Options) ([]Database, error) {
	db, err := Open(dir, o)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.Info()
}

// Info is as the function, for an open DB.
func (db *DB) Info() ([]Database, error) {
	var problems []error
	for _, e := range db.ecosystems {
		if schemeOf(e.place.ecosystem) == schemeNone {
			continue
		}
		if _, err := e.snapshot(); err != nil {
			problems = append(problems, err)
		}
	}
	return db.Databases(), errors.Join(problems...)
}
