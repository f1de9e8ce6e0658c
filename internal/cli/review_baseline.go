package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tandem-iac/tandem/internal/review"
)

// readBaseline reads the accepted findings. One that is about to be written
// need not be there.
func (f reviewFlags) readBaseline() (review.Baseline, error) {
	if f.baseline == "" {
		return review.Baseline{}, nil
	}
	data, err := os.ReadFile(f.baseline)
	if errors.Is(err, fs.ErrNotExist) && f.writeBaseline {
		return review.Baseline{}, nil
	}
	if err != nil {
		return review.Baseline{}, asInput(err)
	}
	return review.ReadBaseline(f.baseline, data)
}

func (f reviewFlags) saveBaseline(w io.Writer, r review.Report) error {
	var b bytes.Buffer
	baseline := review.NewBaseline(r)
	if err := baseline.Write(&b); err != nil {
		return err
	}
	if err := writeFile(f.baseline, b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d findings accepted\n", f.baseline, len(baseline.Accepted))
	return nil
}
