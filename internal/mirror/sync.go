package mirror

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/sync/errgroup"

	"github.com/tandem-iac/tandem/internal/object"
)

// PublishConfig configures Publish.
type PublishConfig struct {
	// DryRun only says what would change.
	DryRun bool
	// Progress is told how many bytes S3 has, from several goroutines at once.
	// Nil: nobody asks.
	Progress func(done, total int64)
}

// Synced is what a sync did.
type Synced struct {
	// Change is the sync, with all its packages. Its number is zero after a dry
	// run.
	Change
	// Changed is false where the mirror has the very packages already.
	Changed bool `json:"changed"`
	// Added and Removed are packages that were not there before, and those that
	// were.
	Added   []Package `json:"added"`
	Removed []Package `json:"removed"`
	// Sent is how many bytes of packages were uploaded, or would be.
	Sent int64 `json:"sent"`
}

// senders is how many objects are uploaded at once, each in as many parts.
const senders, sendersOfParts = 6, 2

// Publish makes the mirror what an Index is, in one step at its end. If it
// fails, readers see what they saw before; a *MovedError says that somebody else
// has changed that since the Index was begun, a *PruningError that a prune is at
// work.
func (r *Repository) Publish(ctx context.Context, index Index, cfg PublishConfig) (Synced, error) {
	before := index.before
	result := Synced{
		Change: Change{
			Previous: index.head.change, Action: ActionSync, Asked: index.asked,
			Packages: index.Packages, Metadata: index.files, Pointer: string(index.pointer),
		},
		Added: missingFrom(before.Packages, index.Packages), Removed: missingFrom(index.Packages, before.Packages),
	}
	result.Changed = before.Number == 0 || len(result.Added)+len(result.Removed) > 0
	if !result.Changed {
		result.Change = before
		return result, nil
	}
	var err error
	if !cfg.DryRun {
		if result.Change, err = r.announce(ctx, result.Change); err != nil {
			return Synced{}, err
		}
	}
	send, err := r.missing(ctx, index)
	if err != nil {
		return Synced{}, err
	}
	for _, f := range send {
		result.Sent += f.size
	}
	if cfg.DryRun {
		return result, nil
	}
	if err := r.send(ctx, send, result.Sent, cfg.Progress); err != nil {
		return Synced{}, err
	}
	// What the metadata names is there now, and what the pointer names next.
	metadata, err := index.metadata()
	if err == nil {
		err = r.send(ctx, metadata, 0, nil)
	}
	if err != nil {
		return Synced{}, err
	}
	return result, r.move(ctx, index.head, result.Change, result.Change)
}

// missingFrom are the packages of b that a lacks.
func missingFrom(a, b []Package) []Package {
	have := map[string]bool{}
	for _, p := range a {
		have[p.SHA256] = true
	}
	missing := []Package{}
	for _, p := range b {
		if !have[p.SHA256] {
			missing = append(missing, p)
		}
	}
	return missing
}

// file is one to be uploaded.
type file struct {
	name, path, contentType string
	// sum is its SHA-256 in hex, size is in bytes.
	sum  string
	size int64
}

func (i Index) file(name, contentType string) (file, error) {
	path := filepath.Join(i.tree, name)
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	sum, err := sumOf(path)
	return file{name: name, path: path, contentType: contentType, sum: sum, size: info.Size()}, err
}

// metadata are the files that the pointer names.
func (i Index) metadata() ([]file, error) {
	files := make([]file, len(i.files))
	for n, name := range i.files {
		var err error
		if files[n], err = i.file(name, "application/gzip"); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// missing are the packages that the bucket lacks.
func (r *Repository) missing(ctx context.Context, index Index) ([]file, error) {
	have, err := r.sizes(ctx, packagesDir)
	if err != nil {
		return nil, err
	}
	var files []file
	for _, p := range index.Packages {
		name := r.packageFile(p)
		if size, there := have[name]; there && size == p.Size {
			continue
		}
		f, err := index.file(name, "application/octet-stream")
		if err != nil {
			return nil, err
		}
		if f.sum != p.SHA256 || f.size != p.Size {
			return nil, fmt.Errorf("the metadata says of %s what is not so: SHA-256 %s and %d bytes, want %s and %d", p.Name, p.SHA256, p.Size, f.sum, f.size)
		}
		files = append(files, f)
	}
	return files, nil
}

func (r *Repository) packageFile(p Package) string {
	return packagesDir + p.SHA256 + r.kind.extension()
}

// sizes are those of the files in a directory of the repository, by name.
func (r *Repository) sizes(ctx context.Context, dir string) (map[string]int64, error) {
	sizes := map[string]int64{}
	for o, err := range r.store.List(ctx, r.key(dir), "") {
		if err != nil {
			return nil, err
		}
		sizes[aws.ToString(o.Key)[len(r.prefix):]] = aws.ToInt64(o.Size)
	}
	return sizes, nil
}

// send uploads files that are named by their content; those that an earlier
// sync was sending are resumed.
func (r *Repository) send(ctx context.Context, files []file, total int64, progress func(done, total int64)) error {
	var sent atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	for _, f := range files {
		group.Go(func() (err error) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			content, err := os.Open(f.path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, content.Close()) }()
			var before atomic.Int64
			u := object.Upload{
				Store: r.store, Key: r.key(f.name), ContentType: f.contentType, Owner: f.sum, Resume: true,
				Content: content, Size: f.size, Workers: sendersOfParts,
				Progress: func(done, _ int64) {
					if progress != nil {
						progress(sent.Add(done-before.Swap(done)), total)
					}
				},
			}
			if err := u.Run(ctx); err != nil {
				return fmt.Errorf("upload s3://%s/%s: %w", r.store.Bucket, r.key(f.name), err)
			}
			return nil
		})
	}
	return group.Wait()
}
