package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/drydock-dev/drydock/pkg/pep440"
)

// Chain is several indexes with priority. The first that knows a name answers for it, alone: a name of a private
// index is never taken from the public one behind it, whatever versions that has (dependency confusion). An index
// that fails to answer stops the search for the name, since it might know it; only its plain "not found" goes on to
// the next. An index that answers so to whoever has no access therefore hides its names: give it credentials. As a page
// is, a "not found" is taken as it is for [Config.MaxAge].
type Chain struct{ clients []*Client }

var _ Fetcher = (*Chain)(nil)

// NewChain makes a chain, the highest priority first.
func NewChain(clients ...*Client) *Chain { return &Chain{clients: slices.Clone(clients)} }

// Project asks the indexes in order. The error of an index that fails names it, without credentials.
func (c *Chain) Project(ctx context.Context, name string) (*Project, error) {
	var asked []string
	for _, client := range c.clients {
		p, err := client.Project(ctx, name)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, ErrUnknownProject) {
			return nil, err
		}
		asked = append(asked, client.URL())
	}
	return nil, &failure{what: fmt.Sprintf("look up %s in %s", clip(pep440.Normalize(name)), strings.Join(asked, ", ")), kind: ErrUnknownProject}
}

// Digest is that of the package's page where it is known without asking, as [Client.Digest]; so must be that each
// index before the one that offers it does not know the package.
func (c *Chain) Digest(_ context.Context, name string) (string, bool) {
	name = pep440.Normalize(name)
	for _, client := range c.clients {
		digest, known := client.glance(name)
		if !known || digest != "" {
			return digest, known
		}
	}
	return "", false
}

// Metadata asks the index that offered p.
func (c *Chain) Metadata(ctx context.Context, p *Project, f File) ([]byte, error) {
	client, err := c.of(p)
	if err != nil {
		return nil, err
	}
	return client.Metadata(ctx, p, f)
}

// Fetch asks the index that offered p.
func (c *Chain) Fetch(ctx context.Context, p *Project, f File, w io.Writer) error {
	client, err := c.of(p)
	if err != nil {
		return err
	}
	return client.Fetch(ctx, p, f, w)
}

func (c *Chain) of(p *Project) (*Client, error) {
	for _, client := range c.clients {
		if client.URL() == p.Index {
			return client, nil
		}
	}
	return nil, fmt.Errorf("ask for a file of %s: it comes from %q, which is none of the configured indexes: %w", clip(p.Name), clip(p.Index), ErrUnreadable)
}
