package drill

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/moto"
)

// directory is where machines keep their files.
func (d *run) directory() (err error) {
	if d.Directory != "" {
		d.dir, err = filepath.Abs(d.Directory)
		if err != nil {
			return err
		}
		if entries, err := os.ReadDir(d.dir); err == nil && len(entries) > 0 {
			return check.InputErrorf("--directory: %s is not empty", d.Directory)
		}
		return os.MkdirAll(d.dir, 0o755)
	}
	d.dir, err = os.MkdirTemp("", "tandem-drill-")
	d.later(func() error { return os.RemoveAll(d.dir) })
	return err
}

// build makes the cluster, the anchor's service and the spot machines.
func (d *run) build(ctx context.Context) error {
	if err := d.directory(); err != nil {
		return err
	}
	endpoint, err := d.aws(ctx)
	if err != nil {
		return err
	}
	if d.cloud, err = newCloud(ctx, endpoint, d.Config); err != nil {
		return fmt.Errorf("the cluster in moto_server: %w", err)
	}
	if d.shared, err = newAWSShared(endpoint, d.Account, d.cloud.policyARN, &d.lag); err != nil {
		return err
	}
	desired, anchors, err := d.cloud.group(ctx, d.cloud.onDemand)
	if err != nil {
		return err
	}
	d.before = desired
	for _, id := range anchors {
		if _, err := d.boot(id); err != nil {
			return err
		}
	}
	_, spot, err := d.cloud.group(ctx, d.cloud.spot)
	if err != nil {
		return err
	}
	for _, id := range spot {
		if err := d.addMachine(id); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// aws returns where the stand-in for AWS listens.
func (d *run) aws(ctx context.Context) (string, error) {
	if d.Endpoint != "" {
		return d.Endpoint, nil
	}
	d.Progress("starting moto_server")
	server, err := moto.Start(ctx)
	if err != nil {
		return "", err
	}
	d.server = server
	d.later(server.Stop)
	return server.URL, nil
}

// boot starts the web service of an instance.
func (d *run) boot(id string) (*service, error) {
	s, err := startService(d.Programs.Service)
	if err != nil {
		return nil, err
	}
	d.later(s.process.Kill)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses[id] = s.url
	return s, nil
}

func (d *run) address(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addresses[id]
}

func (d *run) addMachine(id string) error {
	m := &machine{id: id, dir: filepath.Join(d.dir, id)}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	var err error
	if m.service, err = d.boot(id); err != nil {
		return err
	}
	if m.metadata, err = newMetadata(d.Programs.MetadataMock, m.dir, id); err != nil {
		return err
	}
	d.later(m.metadata.close)
	if m.aws, err = newAWSGate(d.shared); err != nil {
		return err
	}
	d.later(m.aws.close)
	d.machines = append(d.machines, m)
	m.agent = d.newAgent(m)
	return m.writeHooks()
}
