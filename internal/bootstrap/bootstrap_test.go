package bootstrap_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/bootstrap"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

func TestPublish(t *testing.T) {
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: mototest.Region})
	if err != nil {
		t.Fatal(err)
	}
	client := awsclient.NewS3(cfg)
	bucket := mototest.Bucket(t, client)
	largest := append([]byte("#!/bin/sh\n"), bytes.Repeat([]byte("#"), bootstrap.MaxScript-len("#!/bin/sh\n"))...)
	for _, created := range []bool{true, false} {
		if s, err := bootstrap.Publish(t.Context(), client, bucket, largest); err != nil || s.Created != created {
			t.Errorf("got %+v, %v; want created %t", s, err, created)
		}
	}
	for want, script := range map[string][]byte{
		"1048577 bytes, want at most 1048576":                              append(largest, '#'),
		"does not begin with #!, want a script that names its interpreter": nil,
	} {
		_, err := bootstrap.Publish(t.Context(), client, bucket, script)
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: got %v, want an InputError with %q", len(script), err, want)
		}
	}
}
