package archive

import (
	"archive/tar"
	"fmt"
	"testing"
)

// InfoMember is the first member of an archive whose RELEASE has this text.
func InfoMember(t *testing.T, text string) []byte {
	t.Helper()
	info, err := parseInfo(text)
	if err != nil {
		t.Fatal(err)
	}
	member, err := info.member()
	if err != nil {
		t.Fatal(err)
	}
	return member
}

// CheckEntries checks count files, as Inspect does one after the other.
func CheckEntries(count int) error {
	c := newChecker()
	for i := range count {
		if err := c.check(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("f%d", i+1)}); err != nil {
			return err
		}
	}
	return nil
}
