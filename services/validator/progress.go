package validator

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/drydock-dev/drydock/pkg/bus"
)

// Progress is what is being done just now: a hint for people, no fact.
type Progress struct {
	Step   string    `json:"step"`
	Detail string    `json:"detail,omitempty"`
	N      int       `json:"n"`
	Of     int       `json:"of"`
	Since  time.Time `json:"since"`
	Worker string    `json:"worker"`
}

// progress says how far a change is, or (nil) that nothing is being done any more. What can't be said is left out.
func (s *Service) progress(ctx context.Context, app, change string, p *Progress) {
	kv, err := s.deps.Bus.KV("progress")
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	key := app + "." + change
	_, rev, err := kv.Get(ctx, key)
	if err != nil && !errors.Is(err, bus.ErrNoKey) {
		return
	}
	if p == nil {
		if rev > 0 {
			_ = kv.Delete(ctx, key, rev)
		}
		return
	}
	data, err := json.Marshal(p)
	if err == nil {
		_, _ = kv.Put(ctx, key, data, rev, s.cfg.Limit+progressTTL) // the next step writes it anew
	}
}

// unseen says that the branches of an application can't be looked at (what is proposed there may long be merged), or (nil)
// that they can. news: nobody was told before. It is a hint, too, and goes away when nobody looks any more.
func (s *Service) unseen(ctx context.Context, app string, why error) (news bool) {
	kv, err := s.deps.Bus.KV("progress")
	if err != nil {
		return why != nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	key, old := app+".repository", Progress{}
	was, rev, err := kv.Get(ctx, key)
	if err != nil && !errors.Is(err, bus.ErrNoKey) || len(was) > 0 && json.Unmarshal(was, &old) != nil {
		return why != nil
	}
	if why == nil {
		if rev > 0 {
			_ = kv.Delete(ctx, key, rev)
		}
		return false
	}
	now := Progress{Step: "look", Detail: clean(why.Error()), Since: s.now().UTC(), Worker: s.holder}
	if news = old.Detail != now.Detail; !old.Since.IsZero() {
		now.Since = old.Since
	}
	if data, err := json.Marshal(now); err == nil {
		_, _ = kv.Put(ctx, key, data, rev, 3*s.cfg.Poll+progressTTL)
	}
	return news
}

// clean makes text from outside harmless in documents and terminals: no control characters, bounded.
func clean(s string) string {
	const most = 2000
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == unicode.ReplacementChar || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + " …"
	}
	return strings.TrimSpace(s)
}
