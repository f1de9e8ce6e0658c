package git

import "testing"

func TestComplaint(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"fatal: 'x' does not appear to be a git repository\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n": "fatal: 'x' does not appear to be a git repository",
		"remote: tags are frozen        \nremote: \nTo ../origin.git\n ! [remote rejected] t -> t (pre-receive hook declined)\nerror: failed to push some refs to '../origin.git'\n":            "remote: tags are frozen; ! [remote rejected] t -> t (pre-receive hook declined); error: failed to push some refs to '../origin.git'",
		"error: one\nhint: two\n": "error: one",
		"something else\n":        "something else",
	} {
		if got := complaint(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
