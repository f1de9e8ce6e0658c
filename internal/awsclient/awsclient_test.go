package awsclient_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/tandem-iac/tandem/internal/awsclient"
	"github.com/tandem-iac/tandem/internal/check"
	"github.com/tandem-iac/tandem/internal/mototest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

func TestConnect(t *testing.T) {
	cfg, err := awsclient.Connect(t.Context(), awsclient.Config{Region: mototest.Region})
	if err != nil {
		t.Fatal(err)
	}
	client := awsclient.NewS3(cfg)
	bucket := mototest.Bucket(t, client)
	for name, test := range map[string]struct {
		bucket, region, want string
	}{
		"missing":      {"no-such-bucket", mototest.Region, "bucket no-such-bucket does not exist: deploy the delivery stack first"},
		"other region": {bucket, "us-west-2", "is in eu-west-1, not in us-west-2"},
	} {
		err := awsclient.CheckBucket(t.Context(), client, test.bucket, test.region)
		var input check.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an InputError with %q", name, err, test.want)
		}
	}
	if err := awsclient.CheckBucket(t.Context(), client, bucket, mototest.Region); err != nil {
		t.Error(err)
	}
	if id, err := awsclient.AccountID(t.Context(), cfg); err != nil || id != mototest.Account {
		t.Errorf("got account %q (%v), want %s", id, err, mototest.Account)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err = awsclient.Connect(t.Context(), awsclient.Config{Region: mototest.Region})
	var input check.InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "no AWS credentials found") {
		t.Errorf("got %v, want an InputError about credentials", err)
	}
}

func TestExplainKeepsWhatStandsAround(t *testing.T) {
	aws := &smithy.OperationError{ServiceID: "SSM", OperationName: "SendCommand", Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not you"}}
	err := errors.Join(fmt.Errorf("roll back: %w", aws), errors.New("and more"))
	got := awsclient.Explain(err)
	if want := "roll back: SSM SendCommand: AccessDeniedException: not you\nand more"; got.Error() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(got, aws) {
		t.Error("the cause is lost")
	}
	if plain := errors.New("plain"); !errors.Is(awsclient.Explain(plain), plain) || awsclient.Explain(plain).Error() != "plain" || awsclient.Explain(nil) != nil {
		t.Error("an error that is not of AWS is changed")
	}
}
