package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/spf13/cobra"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/logs"
)

// The environment that says where logs are, beside the flags.
const (
	indexURLVariable      = "TANDEM_LOG_INDEX_URL"
	indexSecretVariable   = "TANDEM_LOG_INDEX_SECRET"
	indexPasswordVariable = "TANDEM_LOG_INDEX_PASSWORD"
)

const (
	// defaultSettle is longer than a line takes from a machine to the index.
	defaultSettle = 5 * time.Minute
	// early is how long before an instance's termination its marker may have
	// been written: interruptions are noticed two minutes before.
	early = time.Hour
	// indexTimeout is how long the index may take for an answer.
	indexTimeout = 30 * time.Second
)

func newLogsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Look after the logs that machines ship",
	}
	cmd.AddCommand(newLogsCheckCommand(a))
	return cmd
}

// logsCheck are the flags of tandem logs check.
type logsCheck struct {
	place
	since, settle                     time.Duration
	address, prefix, user, secret, ca string
	asJSON                            bool
}

func newLogsCheckCommand(a *app) *cobra.Command {
	var c logsCheck
	cmd := &cobra.Command{
		Use:   "check [CLUSTER]",
		Short: "Find instances that went without leaving all of their logs behind",
		Long: `Compare the instances that Auto Scaling has terminated with the index of logs.
An instance that has drained leaves the agent's final marker as its last line;
one whose marker is missing, or whose hook could not ship all there was before
it, has lost its tail and is listed. Then the exit code is 1.

The password of --user is read from TANDEM_LOG_INDEX_PASSWORD. --secret names a
secret with username and password instead.`,
		Example: `  tandem logs check --url https://logs.example.com:443
  tandem logs check obelix --since 72h --secret arn:aws:secretsmanager:…
  tandem logs check --json`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return a.checkLogs(cmd.Context(), &c, name)
		},
	}
	c.add(cmd)
	flags := cmd.Flags()
	flags.DurationVar(&c.since, "since", 24*time.Hour, "look at terminations of the last such `time`, six weeks at most")
	flags.DurationVar(&c.settle, "settle", defaultSettle, "`time` that a marker may take to the index")
	flags.StringVar(&c.address, "url", "", "`address` of the index (default $"+indexURLVariable+")")
	flags.StringVar(&c.prefix, "prefix", "logs", "`beginning` of the daily indices' names")
	flags.StringVar(&c.user, "user", "", "`name` to log in with (default nobody logs in)")
	flags.StringVar(&c.secret, "secret", "", "`ARN` of a secret of AWS Secrets Manager, {\"username\", \"password\"} (default $"+indexSecretVariable+")")
	flags.StringVar(&c.ca, "ca", "", "PEM `file` with the certificates to trust (default the system's)")
	flags.BoolVar(&c.asJSON, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("user", "secret")
	return cmd
}

var indexPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,100}$`)

// index is the index that the flags and the environment name, without login.
func (c *logsCheck) index() (logs.Index, error) {
	refuse := func(format string, args ...any) (logs.Index, error) {
		return logs.Index{}, inputError{err: fmt.Errorf(format, args...)}
	}
	switch {
	case c.since < time.Minute || c.since > logs.Kept:
		return refuse("--since is %s, want 1m to %s, as long as Auto Scaling keeps activities", c.since, logs.Kept)
	case c.settle < 0:
		return refuse("--settle is %s, want 0s or longer", c.settle)
	case !indexPrefix.MatchString(c.prefix):
		return refuse("--prefix is %q, want lower-case letters, digits and . _ -", c.prefix)
	}
	text := cmp.Or(c.address, os.Getenv(indexURLVariable))
	if text == "" {
		return refuse("where is the index? name it with --url or $%s", indexURLVariable)
	}
	address, err := url.Parse(text)
	if err != nil || address.Scheme != "https" && address.Scheme != "http" || address.Host == "" || address.User != nil || address.RawQuery != "" {
		return refuse("--url is %q, want an address such as https://logs.example.com:443, without a password", text)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.ca != "" {
		pem, err := os.ReadFile(c.ca)
		if err != nil {
			return refuse("--ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return refuse("--ca: %s holds no certificate", c.ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return logs.Index{URL: address, Prefix: c.prefix, Client: &http.Client{Transport: transport, Timeout: indexTimeout}}, nil
}

// login adds who logs in. A password goes in the clear to this machine only, where
// a tunnel may begin.
func (c *logsCheck) login(ctx context.Context, cfg aws.Config, x *logs.Index) error {
	arn := cmp.Or(c.secret, os.Getenv(indexSecretVariable))
	host := x.URL.Hostname()
	if (c.user != "" || arn != "") && x.URL.Scheme != "https" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return inputError{err: fmt.Errorf("--url is %q, want https, because a password is sent to it", x.URL)}
	}
	if c.user != "" {
		x.User, x.Password = c.user, os.Getenv(indexPasswordVariable)
		if x.Password == "" {
			return inputError{err: fmt.Errorf("--user is %s, and $%s has no password", c.user, indexPasswordVariable)}
		}
		return nil
	}
	if arn == "" {
		return nil
	}
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		return err
	}
	var secret struct{ Username, Password string }
	if err := json.Unmarshal([]byte(aws.ToString(out.SecretString)), &secret); err != nil || secret.Username == "" {
		return fmt.Errorf("the secret %s is not {\"username\": …, \"password\": …}", arn)
	}
	x.User, x.Password = secret.Username, secret.Password
	return nil
}

func (a *app) checkLogs(ctx context.Context, c *logsCheck, name string) error {
	index, err := c.index()
	if err != nil {
		return err
	}
	cfg, err := a.connect(ctx, &c.place)
	if err != nil {
		return err
	}
	if err := c.login(ctx, cfg, &index); err != nil {
		return err
	}
	clusters, err := a.clustersOf(ctx, fleet.NewFinder(cfg), c.environment, name)
	if err != nil {
		return err
	}
	now := a.now()
	since := now.Add(-c.since)
	var gone []logs.Gone
	var ids []string
	activities := autoscaling.NewFromConfig(cfg)
	for _, cluster := range clusters {
		for _, group := range cluster.Groups {
			more, err := logs.Terminated(ctx, activities, cluster.Name, group.Name, since)
			if err != nil {
				return err
			}
			gone = append(gone, more...)
		}
	}
	for _, g := range gone {
		ids = append(ids, g.ID)
	}
	traces, err := index.Traces(ctx, ids, since.Add(-early))
	if err != nil {
		return fmt.Errorf("%w; see --url, --user, --secret and --ca", err)
	}
	report := logs.Judge(gone, traces, since, now, c.settle)
	if err := a.reportLogs(report, c); err != nil {
		return err
	}
	if report.Lost > 0 {
		return reportedError{errors.New("logs are lost")}
	}
	return nil
}

// clustersOf are the cluster of a name, or all of the environment.
func (a *app) clustersOf(ctx context.Context, finder *fleet.Finder, environment, name string) ([]fleet.Cluster, error) {
	if name != "" {
		cluster, err := finder.Cluster(ctx, environment, name)
		return []fleet.Cluster{cluster}, err
	}
	clusters, err := finder.Clusters(ctx, environment)
	if err == nil && len(clusters) == 0 {
		where := "this region"
		if environment != "" {
			where = environment
		}
		return nil, inputError{err: fmt.Errorf("there is no cluster in %s", where)}
	}
	return clusters, err
}

func (a *app) reportLogs(r logs.Report, c *logsCheck) error {
	if c.asJSON {
		return printJSON(a.stdout, r)
	}
	fmt.Fprintf(a.stdout, "%s terminated since %s: %d complete, %d without all of their logs, %d pending\n",
		counted(len(r.Instances), "instance"), r.Since.UTC().Format("2006-01-02 15:04 UTC"), r.Complete, r.Lost, r.Pending)
	var rows [][]any
	for _, v := range r.Instances {
		if v.State != logs.Complete {
			rows = append(rows, []any{v.ID, v.Cluster, v.Group, v.Terminated.UTC().Format(time.RFC3339), v.State})
		}
	}
	if len(rows) > 0 {
		printTable(a.stdout, []string{"instance", "cluster", "group", "terminated", "logs"}, rows)
	}
	return nil
}
