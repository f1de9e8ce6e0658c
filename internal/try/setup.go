//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tandem-iac/tandem/instance"
	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/release"
	"github.com/tandem-iac/tandem/internal/release/archive"
)

// setter sets a stand-in up as the setup script does a machine: what cannot be
// had or is not what it should be changes nothing.
type setter struct {
	root, id string
	settings map[string]string
	cfg      aws.Config
	s3       *s3.Client
}

// part is a release of an artifact on the machine.
type part struct {
	release.Entry
	dir string
}

func setUp(ctx context.Context, root, id string) error {
	data, err := os.ReadFile(filepath.Join(root, settingsFile))
	if err != nil {
		return err
	}
	m := &setter{root: root, id: id, settings: archive.ParseLines(string(data))}
	if m.cfg, err = awsclient.Connect(ctx, awsclient.Config{}); err != nil {
		return err
	}
	m.s3 = awsclient.NewS3(m.cfg)
	if os.Getenv("TRY_FIRST_BOOT") != "" {
		if err := m.userData(ctx); err != nil {
			return err
		}
	}
	service, err := m.obtain(ctx, m.settings["TANDEM_SERVICE"], os.Getenv("VERSION"))
	if err != nil {
		return err
	}
	playbook, err := m.obtain(ctx, m.settings["TANDEM_PLAYBOOK"], os.Getenv("ANS_VERSION"))
	if err != nil {
		return err
	}
	if err := m.configure(service, playbook); err != nil {
		taken := errors.Join(remove(m.path(healthFile)), remove(m.path(recordFile)))
		return errors.Join(err, taken, m.tag(ctx, map[string]string{fleet.ReleaseTag: fleet.Broken}))
	}
	fmt.Printf("configured %s %d\n", service.Artifact, service.Version)
	return m.tag(ctx, map[string]string{fleet.ReleaseTag: strconv.Itoa(service.Version), fleet.PlaybookTag: strconv.Itoa(playbook.Version)})
}

func (m *setter) path(name string) string { return filepath.Join(m.root, name) }

func (m *setter) get(ctx context.Context, key string) (io.ReadCloser, error) {
	bucket := m.settings["TANDEM_BUILD_BUCKET"]
	out, err := m.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if awsclient.HasCode(err, "NoSuchKey") {
		return nil, fmt.Errorf("there is no s3://%s/%s: was it published?", bucket, key)
	}
	if err != nil {
		return nil, err
	}
	return out.Body, nil
}

// userData looks for the setup script, as user data does.
func (m *setter) userData(ctx context.Context) error {
	key := instance.SetupKey(instance.SetupSHA256())
	script, err := m.get(ctx, key)
	if err != nil {
		return err
	}
	defer script.Close()
	text, err := io.ReadAll(script)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != instance.SetupSHA256() {
		return fmt.Errorf("%s has another SHA-256", key)
	}
	return nil
}

// obtain fetches a release and unpacks it once it is checked.
func (m *setter) obtain(ctx context.Context, artifact, version string) (p part, err error) {
	environment := m.settings["TANDEM_ENVIRONMENT"]
	ledger := release.New(release.Config{
		Client: m.s3, Bucket: m.settings["TANDEM_BUILD_BUCKET"], Artifact: artifact, Environment: environment, By: m.id,
	})
	if p.Entry, err = ledger.Show(ctx, cmp.Or(version, release.Stable)); err != nil {
		return part{}, err
	}
	p.dir = m.path(fmt.Sprintf("opt/tandem/%s/%d-%s", artifact, p.Version, p.SHA256[:12]))
	if _, err := os.Stat(p.dir); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(filepath.Dir(p.dir), 0o755); err != nil {
		return part{}, err
	}
	body, err := m.get(ctx, fmt.Sprintf("%s/%s/%s-%d.tar.gz", artifact, environment, artifact, p.Version))
	if err != nil {
		return part{}, err
	}
	defer body.Close()
	packed, err := io.ReadAll(body)
	if err != nil {
		return part{}, err
	}
	_, err = archive.Unpack(ctx, bytes.NewReader(packed), p.dir, archive.Want{SHA256: p.SHA256, Version: p.Version})
	return p, err
}

// configure stands for the playbook.
func (m *setter) configure(service, playbook part) error {
	record := ""
	for _, each := range []struct {
		kind string
		part
	}{{"SERVICE", service}, {"PLAYBOOK", playbook}} {
		record += fmt.Sprintf("%[1]s=%[2]s\n%[1]s_VERSION=%[3]d\n%[1]s_GIT_COMMIT=%[4]s\n%[1]s_SHA256=%[5]s\n",
			each.kind, each.Artifact, each.Version, each.Commit, each.SHA256)
	}
	if before, err := os.ReadFile(m.path(recordFile)); err != nil || string(before) != record {
		if err := errors.Join(remove(m.path(healthFile)), remove(m.path(recordFile))); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(playbook.dir, "site.yml")); err != nil {
		return fmt.Errorf("%s %d has no site.yml", playbook.Artifact, playbook.Version)
	}
	if info, err := os.Stat(filepath.Join(service.dir, "public")); err != nil || !info.IsDir() {
		return fmt.Errorf("%s %d has no directory public, which is to be served", service.Artifact, service.Version)
	}
	if err := remove(m.path(siteLink)); err != nil {
		return err
	}
	if err := os.Symlink(service.dir, m.path(siteLink)); err != nil {
		return err
	}
	if err := os.WriteFile(m.path(recordFile), []byte(record), 0o644); err != nil {
		return err
	}
	return os.WriteFile(m.path(healthFile), []byte("ok\n"), 0o644)
}

func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// tag says what the machine runs.
func (m *setter) tag(ctx context.Context, tags map[string]string) error {
	var list []types.Tag
	for key, value := range tags {
		list = append(list, types.Tag{Key: &key, Value: &value})
	}
	_, err := ec2.NewFromConfig(m.cfg).CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{m.id}, Tags: list})
	return err
}
