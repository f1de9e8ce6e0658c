package archive

import "testing"

// InfoMember is the first member of an archive whose RELEASE has this text.
func InfoMember(t *testing.T, text string) []byte {
	t.Helper()
	info, err := ParseInfo(text)
	if err != nil {
		t.Fatal(err)
	}
	member, err := info.member()
	if err != nil {
		t.Fatal(err)
	}
	return member
}
