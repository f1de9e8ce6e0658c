//go:build unix

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
)

// standIn is a machine without superuser, Ansible or Apache: a directory.
type standIn struct {
	s    *session
	id   string
	root string
	web  *httptest.Server
}

const (
	settingsFile = "etc/tandem/instance.env"
	recordFile   = "etc/tandem/release"
	healthFile   = "var/lib/tandem/health"
	siteLink     = "srv/site"
)

func (s *session) newStandIn(id string) (*standIn, error) {
	m := &standIn{s: s, id: id, root: s.machineDir()}
	settings := ""
	for _, each := range s.settings {
		settings += each.Name + "=" + each.Value + "\n"
	}
	for name, text := range map[string]string{
		settingsFile:                  settings,
		"usr/local/sbin/tandem-setup": fmt.Sprintf("#!/bin/sh\nexec %s %s %s %s\n", quote(s.program), setupRole, quote(m.root), id),
	} {
		path := filepath.Join(m.root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{filepath.Dir(healthFile), filepath.Dir(siteLink)} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			return nil, err
		}
	}
	m.web = httptest.NewServer(m)
	return m, nil
}

func (m *standIn) kind() string { return "a stand-in" }

// ServeHTTP serves the release as the example playbook has Apache do.
func (m *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/health" {
		http.ServeFile(w, r, filepath.Join(m.root, healthFile))
		return
	}
	http.FileServer(http.Dir(filepath.Join(m.root, siteLink, "public"))).ServeHTTP(w, r)
}

func (m *standIn) URL() string { return m.web.URL }

func (m *standIn) Stop() {
	m.web.CloseClientConnections()
	m.web.Close()
	m.s.gone(m.id)
}

func (m *standIn) env() []string {
	env := os.Environ()
	for name, value := range moto.Environment(m.s.cloud.URL) {
		env = append(env, name+"="+value)
	}
	return append(env, "AWS_PROFILE=", "AWS_SESSION_TOKEN=")
}

func (m *standIn) Command(script string) (*exec.Cmd, error) {
	cmd := exec.Command("bash", "-c", fleettest.Rooted(m.root, script))
	cmd.Env = m.env()
	return cmd, nil
}

func (m *standIn) first(ctx context.Context) (*exec.Cmd, error) {
	cmd := grouped(exec.CommandContext(ctx, m.s.program, setupRole, m.root, m.id))
	cmd.Env = append(m.env(), "TRY_FIRST_BOOT=1")
	return cmd, nil
}
