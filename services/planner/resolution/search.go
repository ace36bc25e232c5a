package resolution

import "context"

func solve(ctx context.Context, p Problem, o Offer, e Engine) (Solution, error) {
	return Solution{}, ctx.Err()
}
