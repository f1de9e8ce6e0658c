package fis_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-iac/tandem/internal/fis"
	"github.com/tandem-iac/tandem/internal/golden"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/needs"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

func obelix() fis.Config {
	return fis.Config{Environment: "prod", Cluster: "obelix", Region: "eu-west-1", Account: "123456789012", Count: 1}
}

func everything() fis.Config {
	c := obelix()
	c.Count, c.Percent = 0, 25
	c.StopAlarm = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:it's too slow"
	return c
}

func TestGolden(t *testing.T) {
	for name, c := range map[string]fis.Config{"defaults": obelix(), "everything": everything()} {
		t.Run(name, func(t *testing.T) {
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(map[string]any{
				"template":    c.Template(),
				"trust":       json.RawMessage(c.Trust().JSON()),
				"permissions": json.RawMessage(c.Permissions().JSON()),
			}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, filepath.Join("testdata", name+".json"), append(got, '\n'))
			script, err := c.Commands()
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, filepath.Join("testdata", name+".sh"), []byte(script))
		})
	}
}

// newService is the stand-in for AWS with what it lacks: it keeps templates and
// starts none.
func newService(t *testing.T) *httptest.Server {
	t.Helper()
	moto, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL"))
	if err != nil {
		t.Fatal(err)
	}
	rest := httputil.NewSingleHostReverseProxy(moto)
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	answer := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"experiment":{"id":"EXPTUCxxGZTJ3i7","state":{"status":"initiating","reason":"it was asked for"}}}`)
	}
	mux.HandleFunc("POST /experiments", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ ClientToken, ExperimentTemplateID string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.ClientToken == "" || asked.ExperimentTemplateID == "" {
			t.Errorf("the experiment is started with %+v (%v)", asked, err)
		}
		answer(w)
	})
	mux.HandleFunc("GET /experiments/EXPTUCxxGZTJ3i7", func(w http.ResponseWriter, _ *http.Request) { answer(w) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// The AWS command line checks input against the service's own model.
func TestCommandsRun(t *testing.T) {
	needs.Tool(t, "aws")
	t.Setenv("AWS_ENDPOINT_URL", newService(t).URL)
	for name, c := range map[string]fis.Config{"defaults": obelix(), "everything": everything()} {
		t.Run(name, func(t *testing.T) {
			c.Environment += "-" + name
			script, err := c.Commands()
			if err != nil {
				t.Fatal(err)
			}
			out := shell(t, "set -euo pipefail\ntandem() { :; }\n"+script+"\ncommand aws iam get-role-policy --role-name "+c.Role()+" --policy-name interrupt")
			for _, want := range []string{`"status": "initiating"`, `"ec2:SendSpotInstanceInterruptions"`, `"aws:ResourceTag/tandem:cluster": "obelix"`} {
				if !strings.Contains(out, want) {
					t.Errorf("there is no %s in\n%s", want, out)
				}
			}
		})
	}
}

// A template that the model does not take fails the test above.
func TestModelRefuses(t *testing.T) {
	needs.Tool(t, "aws")
	template := obelix().Template()
	template.RoleARN = "short"
	text, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("aws", "fis", "create-experiment-template", "--cli-input-json", string(text)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "roleArn") {
		t.Errorf("got %v, want a fault of roleArn:\n%s", err, out)
	}
}

func shell(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *fis.Config)
		want   string
	}{
		"none":            {func(c *fis.Config) { c.Count = 0 }, "--count is 0, want 1 or more"},
		"negative":        {func(c *fis.Config) { c.Count = -1 }, "--count is -1, want 1 or more"},
		"over 100":        {func(c *fis.Config) { c.Count, c.Percent = 0, 101 }, "--percent is 101, want 1 to 100"},
		"both":            {func(c *fis.Config) { c.Percent = 50 }, "--percent is 50, want unset, because --count says how many"},
		"no alarm":        {func(c *fis.Config) { c.StopAlarm = "errors" }, `--stop-alarm is "errors", want the ARN of an alarm in eu-west-1, such as arn:aws:cloudwatch:eu-west-1:123456789012:alarm:NAME`},
		"alarm elsewhere": {func(c *fis.Config) { c.StopAlarm = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:x" }, `--stop-alarm is "arn:aws:cloudwatch:us-east-1:123456789012:alarm:x", want the ARN of an alarm in eu-west-1, such as arn:aws:cloudwatch:eu-west-1:123456789012:alarm:NAME`},
	} {
		t.Run(name, func(t *testing.T) {
			c := obelix()
			test.change(&c)
			if err := c.Validate(); err == nil || err.Error() != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}
