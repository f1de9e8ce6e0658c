// Package git asks the git command about work trees, and moves tags.
package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrMissing says that there is no git command.
var ErrMissing = errors.New("git is not installed; it decides which files are ignored")

// Dir is a directory to run git in. It need not be in a work tree.
type Dir string

// located are the variables by which a hook or a server that runs git ties
// every git command below it to one repository.
var located = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"}

// run returns what git prints on standard output. Its error carries what git
// complains of on standard error.
func (d Dir) run(ctx context.Context, env []string, args ...string) (string, error) {
	return d.feed(ctx, env, "", args...)
}

// feed is run with a standard input.
func (d Dir) feed(ctx context.Context, env []string, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = string(d)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(located, name)
	})
	cmd.Env = append(cmd.Env, append([]string{"LC_ALL=C", "GIT_TERMINAL_PROMPT=0"}, env...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", ErrMissing
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", &Error{Command: args[0], Message: complaint(stderr.String()), Err: err}
	}
	return stdout.String(), nil
}

// Error is a git command that failed.
type Error struct {
	// Command is the subcommand, such as push.
	Command string
	// Message is what git complained of, in one line. Empty: it said nothing.
	Message string
	Err     error
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("git %s: %v", e.Command, e.Err)
	}
	return fmt.Sprintf("git %s: %s", e.Command, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// complaint is the line that says what is wrong, behind what the remote says
// and which refs it refused. Where there is no such line, it is the last one.
func complaint(text string) string {
	var last, fault string
	var remote []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line == "remote:" || strings.HasPrefix(line, "hint:"):
			continue // hints say less than what they are about
		case strings.HasPrefix(line, "fatal:") || strings.HasPrefix(line, "error:"):
			fault = cmp.Or(fault, line)
		case strings.HasPrefix(line, "remote:") || strings.HasPrefix(line, "! ["):
			remote = append(remote, line)
		}
		last = line
	}
	if fault == "" {
		fault = last
		remote = slices.DeleteFunc(remote, func(line string) bool { return line == last })
	}
	return strings.Join(append(remote, fault), "; ")
}

// InWorkTree reports whether the directory belongs to a work tree. A
// repository that git refuses to read, for instance because it belongs to
// somebody else, is an error: taking its directory for a plain one would pack
// what the repository ignores.
func (d Dir) InWorkTree(ctx context.Context) (bool, error) {
	out, err := d.run(ctx, nil, "rev-parse", "--is-inside-work-tree")
	var failed *Error
	switch {
	case err == nil:
		return strings.TrimSpace(out) == "true", nil
	case errors.As(err, &failed) && strings.Contains(failed.Message, "not a git repository"):
		return false, nil
	}
	return false, err
}

// Files lists what git would keep of the directory, as slash-separated paths
// below it: tracked files and those neither tracked nor ignored. A directory
// in the list is a submodule or another repository. Pipes, sockets and devices
// are in it too, for the caller to refuse. Where the directory
// itself is ignored, everything below it is listed, since asking for it by
// name overrides that. Outside any work tree the .gitignore files found in
// the directory apply just the same.
func (d Dir) Files(ctx context.Context) (files []string, err error) {
	args := []string{"ls-files", "-z", "--cached", "--others", "--deduplicate", "--exclude-standard"}
	inside, err := d.InWorkTree(ctx)
	if err != nil {
		return nil, err
	}
	var env []string
	all := false // ignored or not
	if inside {
		_, err := d.run(ctx, nil, "check-ignore", "--quiet", ".")
		if err == nil {
			args, all = args[:len(args)-1], true
		} else if code := exitCode(err); code != 1 {
			return nil, err
		}
	} else {
		scratch, err := os.MkdirTemp("", "tandem-git-")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
		if _, err := Dir(scratch).run(ctx, nil, "init", "--quiet", "--bare", "--template="); err != nil {
			return nil, err
		}
		absolute, err := filepath.Abs(string(d))
		if err != nil {
			return nil, err
		}
		env = []string{"GIT_DIR=" + scratch, "GIT_WORK_TREE=" + absolute}
	}
	out, err := d.run(ctx, env, args...)
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(out, "\x00") {
		if name = strings.TrimSuffix(name, "/"); name != "" && name != "." {
			files = append(files, name)
		}
	}
	special, err := d.special(ctx, env, all)
	return append(files, special...), err
}

// special lists the pipes, sockets and devices that are not ignored; git
// passes over them in silence.
func (d Dir) special(ctx context.Context, env []string, all bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(string(d), func(p string, entry fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return fs.SkipDir // what cannot be read git leaves out too
		case !entry.IsDir():
			if kind := entry.Type(); kind != 0 && kind != fs.ModeSymlink {
				name, err := filepath.Rel(string(d), p)
				found = append(found, filepath.ToSlash(name))
				return err
			}
			return nil
		case entry.Name() == ".git":
			return fs.SkipDir
		case p != string(d):
			// A repository of its own has ignore rules of its own.
			if _, err := os.Lstat(filepath.Join(p, ".git")); err == nil {
				return fs.SkipDir
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 || all {
		return found, err
	}
	out, err := d.feed(ctx, env, strings.Join(found, "\x00"), "check-ignore", "-z", "--stdin")
	if err != nil && exitCode(err) != 1 { // 1: none is ignored
		return nil, err
	}
	ignored := strings.Split(out, "\x00")
	return slices.DeleteFunc(found, func(name string) bool { return slices.Contains(ignored, name) }), nil
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// Head is the commit that a work tree has checked out.
type Head struct {
	Commit string
	// Branch is empty where no branch is checked out, as on most build servers.
	Branch string
	// Time is when the commit was made.
	Time time.Time
}

// Head returns the commit that is checked out; ok is false outside a work
// tree and before the first commit.
func (d Dir) Head(ctx context.Context) (head Head, ok bool, err error) {
	inside, err := d.InWorkTree(ctx)
	if err != nil || !inside {
		return Head{}, false, err
	}
	out, err := d.run(ctx, nil, "log", "-1", "--no-show-signature", "--format=%H %ct")
	if exitCode(err) == 128 {
		return Head{}, false, nil // no commit yet
	} else if err != nil {
		return Head{}, false, err
	}
	commit, seconds, _ := strings.Cut(strings.TrimSpace(out), " ")
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return Head{}, false, fmt.Errorf("git log: the time of commit %s is %q", commit, seconds)
	}
	head = Head{Commit: commit, Time: time.Unix(at, 0).UTC()}
	branch, err := d.run(ctx, nil, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err == nil {
		head.Branch = strings.TrimSpace(branch)
	} else if exitCode(err) != 1 {
		return Head{}, false, err
	}
	return head, true, nil
}

// Modified lists the paths of the directory, relative to the top of its work
// tree, that differ from the commit: changed, deleted, or new and not ignored.
func (d Dir) Modified(ctx context.Context) ([]string, error) {
	out, err := d.run(ctx, nil, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", ".")
	if err != nil {
		return nil, err
	}
	var paths []string
	for line := range strings.SplitSeq(out, "\x00") {
		if len(line) > 3 {
			paths = append(paths, line[3:])
		}
	}
	return paths, nil
}

// Top is the root of the directory's work tree.
func (d Dir) Top(ctx context.Context) (string, error) {
	out, err := d.run(ctx, nil, "rev-parse", "--show-toplevel")
	return strings.TrimSuffix(out, "\n"), err
}
