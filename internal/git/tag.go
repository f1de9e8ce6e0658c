package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
)

// Tag is an annotated tag of a remote that follows what is released.
type Tag struct {
	// Name is the tag's name without refs/tags/. Required.
	Name string
	// Remote is the remote's name or URL. Required.
	Remote string
	// old is the object that the remote's tag named when Prepare looked, and
	// commit the commit behind it. Empty: there was no tag.
	old, commit string
}

// Commit is what the remote's tag was at when Prepare looked. Empty: there was
// no tag, or Prepare has not looked.
func (t Tag) Commit() string { return t.commit }

// Prepare checks what can be checked before anything changes: that the commit
// is in this repository and that the remote answers. It remembers what the
// tag names at the remote.
func (d Dir) Prepare(ctx context.Context, tag Tag, commit string) (Tag, error) {
	if _, err := d.run(ctx, nil, "check-ref-format", "refs/tags/"+tag.Name); err != nil {
		return Tag{}, fmt.Errorf("%q cannot be the name of a tag", tag.Name)
	}
	if _, err := d.run(ctx, nil, "rev-parse", "--quiet", "--verify", "--end-of-options", commit+"^{commit}"); err != nil {
		if exitCode(err) > 0 {
			return Tag{}, fmt.Errorf("commit %s is not in this repository; run 'git fetch %s', or run this where the artifact was built", commit, tag.Remote)
		}
		return Tag{}, err
	}
	ref := "refs/tags/" + tag.Name
	peeled := ref + "^{}" // what an annotated tag is about
	out, err := d.run(ctx, nil, "ls-remote", "--tags", tag.Remote, ref, peeled)
	if err != nil {
		return Tag{}, atRemote(ctx, tag, err)
	}
	named := map[string]string{}
	for line := range strings.Lines(out) {
		object, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		named[name] = object
	}
	tag.old, tag.commit = named[ref], cmp.Or(named[peeled], named[ref])
	return tag, nil
}

// Move makes the tag name commit, here and at the remote. The remote's tag
// moves only if it still names what Prepare saw. The local tag is a copy: it
// is left moved if the push fails.
func (d Dir) Move(ctx context.Context, tag Tag, commit, message string) error {
	env, err := d.identity(ctx)
	if err != nil {
		return err
	}
	ref := "refs/tags/" + tag.Name
	if _, err := d.run(ctx, env, "tag", "--force", "--annotate", "--message", message, tag.Name, commit); err != nil {
		return err
	}
	_, err = d.run(ctx, nil, "push", "--quiet", "--force-with-lease="+ref+":"+tag.old, tag.Remote, ref+":"+ref)
	var failed *Error
	if errors.As(err, &failed) && exitCode(err) == 1 {
		return fmt.Errorf("tag %s was not pushed to %s, which refused it or has moved it meanwhile: %w", tag.Name, tag.Remote, err)
	}
	return atRemote(ctx, tag, err)
}

// atRemote names the remote in an error of git.
func atRemote(ctx context.Context, tag Tag, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fmt.Errorf("remote %s: %w", tag.Remote, err)
}

// identity is the tagger where git knows none, as on a fresh build server.
func (d Dir) identity(ctx context.Context) ([]string, error) {
	_, err := d.run(ctx, nil, "var", "GIT_COMMITTER_IDENT")
	if exitCode(err) > 0 {
		return []string{"GIT_COMMITTER_NAME=tandem", "GIT_COMMITTER_EMAIL=tandem@localhost"}, nil
	}
	return nil, err
}
