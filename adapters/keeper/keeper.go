// Package keeper is keys.Keeper: with keys that are secrets of this process. Start at
// [OpenLocal].
package keeper

import (
	"context"

	"github.com/portolan-io/portolan/core/fault"
	"github.com/portolan-io/portolan/ports/keys"
)

// ready returns what is wrong with a data key that is to be wrapped.
func ready(ctx context.Context, op string, dataKey []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(dataKey) == 0 || len(dataKey) > keys.MaxDataKey {
		return fault.New(fault.Invalid, op, "a data key has 1 to %d octets, and not %d", keys.MaxDataKey, len(dataKey))
	}
	return nil
}
