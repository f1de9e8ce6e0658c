package main

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
)

// cloudWatch takes the release that an idle agent reports. It speaks TLS, as
// AWS does: that is what costs an agent memory.
type cloudWatch struct {
	server *httptest.Server
	// certificates is a file with the machine's certificates, as many as an
	// instance has to read, and the server's.
	certificates string
	reports      atomic.Int64
}

func newCloudWatch(dir string) (*cloudWatch, error) {
	c := &cloudWatch{certificates: filepath.Join(dir, "certificates.pem")}
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { c.reports.Add(1) }))
	c.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	c.server.StartTLS()
	system, err := systemCertificates()
	if err == nil {
		own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.server.Certificate().Raw})
		err = os.WriteFile(c.certificates, slices.Concat(system, own), 0o600)
	}
	if err != nil {
		c.server.Close()
		return nil, err
	}
	return c, nil
}

// systemCertificates is the file of Debian or that of Amazon Linux, or nothing.
func systemCertificates() ([]byte, error) {
	for _, name := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		data, err := os.ReadFile(name)
		if !errors.Is(err, os.ErrNotExist) {
			return data, err
		}
	}
	return nil, nil
}
