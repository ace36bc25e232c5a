package telemetry

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// mask is what a secret looks like from outside.
const mask = "•••"

// Secret is a text that must not be seen: a token, a password. Printed, logged or encoded, whole or as part
// of anything else, it is "•••" (nothing, when it is empty). [Secret.Reveal] is the only way to its text.
//
// The text stands behind a pointer because fmt calls no methods on unexported fields, but does not follow
// their pointers either.
type Secret struct{ text *string }

// NewSecret keeps s.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal returns the text, to be handed to whoever needs it and to nothing else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a text.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// Equal compares in a time that does not depend on where the texts differ. An empty secret equals nothing,
// so a forgotten setting never lets anyone in.
func (s Secret) Equal(given string) bool {
	return s.IsSet() && subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(given)) == 1
}

// String is the mask.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return mask
}

// Format prints the mask for every verb and flag: %x would otherwise encode, and %#v open, what String hides.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the mask, for JSON, YAML, XML and as the key of a map.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a secret from a configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == mask {
		return errors.New(mask + " is how a secret is printed, not a secret; put the real one in its place")
	}
	*s = NewSecret(string(text))
	return nil
}
