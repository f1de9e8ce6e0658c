package machine

import "testing"

func TestEscapeTemplate(t *testing.T) {
	if got, want := escapeTemplate(`${a} %{b} $${c} $d %e`), `$${a} %%{b} $$${c} $d %e`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
