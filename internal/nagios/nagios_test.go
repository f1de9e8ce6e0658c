package nagios_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-iac/tandem/internal/fleet"
	"github.com/tandem-iac/tandem/internal/fleettest"
	"github.com/tandem-iac/tandem/internal/moto"
	"github.com/tandem-iac/tandem/internal/mototest"
	"github.com/tandem-iac/tandem/internal/nagios"
	"github.com/tandem-iac/tandem/internal/nagiostest"
)

func TestMain(m *testing.M) { os.Exit(mototest.Main(m)) }

// quiet is a Nagios that checks nothing by itself.
const quiet = "execute_host_checks=0\nexecute_service_checks=0\n"

func finder(cloud *fleettest.Cloud) func(context.Context) (nagios.Clusters, error) {
	f := fleet.NewFinder(moto.Config(cloud.URL))
	return func(ctx context.Context) (nagios.Clusters, error) {
		list, err := f.Clusters(ctx, cloud.Environment)
		if err != nil {
			return nagios.Clusters{}, err
		}
		checks, err := f.HealthChecks(ctx, list)
		return nagios.Clusters{List: list, Checks: checks}, err
	}
}

func syncer(n *nagiostest.Nagios, find func(context.Context) (nagios.Clusters, error)) *nagios.Syncer {
	return nagios.New(nagios.Config{Find: find, Main: n.Main, Output: n.Output})
}

func mustSync(t *testing.T, s *nagios.Syncer) nagios.Result {
	t.Helper()
	r, err := s.Sync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(ids []string) map[string]bool {
	set := map[string]bool{}
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// Two groups scale, and a running Nagios follows; what AWS refuses meanwhile
// changes nothing.
func TestNagiosFollowsTheGroups(t *testing.T) {
	t.Parallel()
	cloud := fleettest.New(t, os.Getenv("AWS_ENDPOINT_URL"), fleettest.Size{Spot: 2, OnDemand: 1})
	n := nagiostest.New(t, quiet)
	daemon := n.Start()
	s := syncer(n, finder(cloud))
	follows := func(added, removed int) {
		t.Helper()
		if r := mustSync(t, s); !r.Changed || !r.Reloaded || r.Added != added || r.Removed != removed {
			t.Errorf("the sync did %+v, want %d added, %d removed and a reload", r, added, removed)
		}
		want := names(cloud.IDs())
		n.Wait("nagios to follow", func() bool { return maps.Equal(n.Hosts(), want) && n.Running(daemon) })
	}
	follows(3, 0)
	if r := mustSync(t, s); r.Changed || r.Reloaded {
		t.Errorf("a second sync did %+v, want nothing", r)
	}
	cloud.Resize(cloud.Spot, 4)
	cloud.Resize(cloud.OnDemand, 2)
	follows(3, 0)
	for _, group := range []string{"cluster.obelix", "lifecycle.spot", "lifecycle.on-demand", "zone.eu-west-1a", "group." + cloud.Spot} {
		if !strings.Contains(n.Read("objects.cache"), "hostgroup_name\ttandem."+cloud.Environment+"."+group+"\n") {
			t.Errorf("there is no host group %s", group)
		}
	}
	before := n.Read("conf.d/tandem.cfg")
	for _, code := range []string{"Throttling", "InternalFailure", "AccessDenied"} {
		for _, action := range []string{"DescribeAutoScalingGroups", "DescribeInstances", "DescribeTargetHealth", "DescribeTargetGroups"} {
			cloud.Faults(func(c fleettest.Call) *fleettest.Fault {
				if c.Action != action {
					return nil
				}
				return &fleettest.Fault{Code: code, Message: "injected", Status: 503}
			})
			if _, err := s.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), code) {
				t.Errorf("with %s on %s the error is %v", code, action, err)
			}
		}
	}
	cloud.Faults(nil)
	if n.Read("conf.d/tandem.cfg") != before {
		t.Error("a sync that failed has changed the file")
	}
	cloud.Resize(cloud.Spot, 1)
	follows(0, 3)
}

// fabricated is a cluster of instances that pass their health check.
func fabricated(ids ...string) nagios.Clusters {
	c := fleet.Cluster{Environment: "prod", Name: "obelix", Groups: []fleet.Group{{Name: "prod-obelix-spot", Lifecycle: fleet.Spot, TargetGroup: "arn"}}}
	for n, id := range ids {
		c.Instances = append(c.Instances, fleet.Instance{
			ID: id, Group: "prod-obelix-spot", Lifecycle: fleet.Spot, Type: "m4.large", Zone: "eu-west-1a",
			PrivateIP: fmt.Sprintf("10.0.%d.%d", n/250, n%250+1), State: fleet.InService, Health: fleet.Healthy,
		})
	}
	return nagios.Clusters{List: []fleet.Cluster{c}, Checks: map[string]fleet.HealthCheck{"arn": {Protocol: "HTTP", Port: 80, Path: "/health", Matcher: "200"}}}
}

func always(c nagios.Clusters) func(context.Context) (nagios.Clusters, error) {
	return func(context.Context) (nagios.Clusters, error) { return c, nil }
}

func ids(prefix string, count int) []string {
	var list []string
	for n := range count {
		list = append(list, fmt.Sprintf("i-%s%04d", prefix, n))
	}
	return list
}

func TestFiveHundredReplacedAtOnce(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	daemon := n.Start()
	first, second := ids("a", 500), ids("b", 500)
	mustSync(t, syncer(n, always(fabricated(first...))))
	n.Wait("the first", func() bool { return maps.Equal(n.Hosts(), names(first)) })
	both := fabricated(append(slices.Clone(first), second...)...)
	for at := range first {
		both.List[0].Instances[at].State = "Terminating:Wait"
	}
	if r := mustSync(t, syncer(n, always(both))); r.Downtimes != 500 || r.Added != 500 || r.Removed != 0 {
		t.Errorf("the sync did %+v, want 500 downtimes and 500 more hosts", r)
	}
	n.Wait("the downtimes", func() bool { return strings.Count(n.Read("status.dat"), "hostdowntime {") == 500 })
	if r := mustSync(t, syncer(n, always(both))); r.Downtimes != 0 || r.Changed {
		t.Errorf("the next sync did %+v, want nothing", r)
	}
	mustSync(t, syncer(n, always(fabricated(second...))))
	n.Wait("the second", func() bool { return maps.Equal(n.Hosts(), names(second)) && n.Running(daemon) })
	if pages := n.Read("notified"); strings.Contains(pages, " DOWN ") {
		t.Errorf("somebody was woken: %s", pages)
	}
}

// Text from AWS can neither break the configuration nor reach a shell.
func TestHostileText(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	for at, hostile := range []string{
		"; rm -rf /", "a\n}\ndefine host {\n host_name evil\n}", "$USER1$ $HOSTNAME$", "`touch x`$(touch x)", "a,b!c", "back\\", "{}", "*", "",
		"null", "+all", "naïve \x00\x07\xff", "'\"<>|&~^%()=?", strings.Repeat("\n", 256), "# no comment", " \t ",
	} {
		c := fabricated("i-1", "i-2"+hostile)
		l := &c.List[0]
		l.Environment, l.Name = hostile, hostile
		l.Groups[0].Name, l.Groups[0].Lifecycle = hostile, hostile
		for i := range l.Instances {
			in := &l.Instances[i]
			in.Group, in.Name, in.Zone, in.Type, in.Lifecycle = hostile, hostile, hostile, hostile, hostile
		}
		c.Checks["arn"] = fleet.HealthCheck{Protocol: "HTTP", Port: 80, Path: hostile, Matcher: hostile}
		s := syncer(n, always(c))
		s.Reload = "true"
		if r, err := s.Sync(t.Context()); err != nil || r.Hosts != 2 {
			t.Errorf("%q (%d): %+v, %v", hostile, at, r, err)
			continue
		}
		n.Verify()
		if text := n.Read("conf.d/tandem.cfg"); strings.Count(text, "define host {") != 3 || strings.Contains(text, "host_name evil") {
			t.Errorf("%q is more than text in\n%s", hostile, text)
		}
	}
	c := fabricated("i-1", "i-2")
	c.List[0].Instances[1].PrivateIP = "10.0.0.1; x"
	s := syncer(n, always(c))
	s.Reload = "true"
	if r := mustSync(t, s); r.Hosts != 1 || len(r.Skipped) != 1 {
		t.Errorf("with an address that is none it did %+v", r)
	}
}

// A request of the check arrives as the load balancer would send it, and the
// matcher decides. check_http and Nagios are real.
func TestChecksWhatTheLoadBalancerChecks(t *testing.T) {
	t.Parallel()
	const path = "/health;v=1?a='b'&c=$HOME!d"
	var asked atomic.Pointer[url.URL]
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(web.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(web.URL, "http://"), ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	n := nagiostest.New(t, "")
	n.Start()
	c := fabricated("i-1", "i-2")
	l := &c.List[0]
	l.Groups = append(l.Groups, fleet.Group{Name: "other", TargetGroup: "other"})
	l.Instances[0].PrivateIP, l.Instances[1].PrivateIP, l.Instances[1].Group = "127.0.0.1", "127.0.0.1", "other"
	c.Checks["arn"] = fleet.HealthCheck{Protocol: "HTTP", Port: number, Path: path, Matcher: "200-299"}
	c.Checks["other"] = fleet.HealthCheck{Protocol: "HTTP", Port: number, Path: path, Matcher: "200"}
	mustSync(t, syncer(n, always(c)))
	state := func(host string) string {
		_, block, _ := strings.Cut(n.Read("status.dat"), "servicestatus {\n\thost_name="+host+"\n")
		block, _, _ = strings.Cut(block, "}")
		_, rest, _ := strings.Cut(block, "\n\tcurrent_state=")
		state, _, _ := strings.Cut(rest, "\n")
		if !strings.Contains(block, "has_been_checked=1") {
			return "pending"
		}
		return state
	}
	n.Wait("the checks", func() bool { return state("i-1") == "0" && state("i-2") == "2" })
	u := asked.Load()
	if u.Path != "/health;v=1" || u.Query().Get("a") != "'b'" || u.Query().Get("c") != "$HOME!d" {
		t.Errorf("the check asked for %s, want %s", u, path)
	}
}

// woken is what an instance that stops answering does to the night: with
// what a sync does when the group lets it go, and without.
func TestNobodyIsWokenForInstancesThatGo(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state string
		woken bool
	}{{"Terminating:Wait", false}, {fleet.Standby, false}, {fleet.InService, true}} {
		t.Run(test.state, func(t *testing.T) {
			t.Parallel()
			n := nagiostest.New(t, "")
			n.Start()
			c := fabricated("i-1")
			c.List[0].Instances[0].PrivateIP = "127.0.0.1"
			web := httptest.NewServer(http.NotFoundHandler())
			port := web.Listener.Addr().String()
			number, err := strconv.Atoi(port[strings.LastIndex(port, ":")+1:])
			if err != nil {
				t.Fatal(err)
			}
			c.Checks["arn"] = fleet.HealthCheck{Protocol: "HTTP", Port: number, Path: "/", Matcher: "404"}
			s := syncer(n, always(c))
			s.Templates = strings.ReplaceAll(nagios.Templates(), "first_notification_delay  10", "first_notification_delay  8")
			mustSync(t, s)
			n.Wait("the host to be up", func() bool { return strings.Contains(n.Read("status.dat"), "plugin_output=HTTP OK") })
			c.List[0].Instances[0].State = test.state
			if r := mustSync(t, s); (r.Downtimes == 1) == test.woken {
				t.Errorf("the sync did %+v", r)
			}
			if !test.woken {
				n.Wait("the downtime", func() bool { return strings.Contains(n.Read("nagios.log"), "HOST DOWNTIME ALERT: i-1;STARTED") })
			}
			web.Close()
			n.Wait("the host to be down for good", func() bool { return strings.Contains(n.Read("nagios.log"), "HOST ALERT: i-1;DOWN;HARD") })
			if test.woken {
				n.Wait("the page", func() bool { return strings.Contains(n.Read("notified"), "i-1 obelix spot in eu-west-1a DOWN PROBLEM") })
				return
			}
			c.List[0].Instances = nil
			mustSync(t, s)
			n.Wait("nagios to forget it", func() bool { return len(n.Hosts()) == 0 })
			if pages := n.Read("notified"); strings.Contains(pages, "PROBLEM") {
				t.Errorf("somebody was woken: %s", pages)
			}
		})
	}
}

func TestWatchedFromTheFirstPassedCheckOn(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	now := time.Unix(1e9, 0)
	c := fabricated("i-1")
	i := &c.List[0].Instances[0]
	s := syncer(n, always(c))
	s.Reload, s.Now = "true", func() time.Time { return now }
	for _, step := range []struct {
		state, health string
		age           time.Duration
		hosts         int
	}{
		{"Pending", fleet.Unused, 0, 0},
		{"Pending:Wait", fleet.Healthy, time.Hour, 0},
		{fleet.InService, "unhealthy", time.Minute, 0},
		{fleet.InService, fleet.Healthy, 2 * time.Minute, 1},
		{fleet.InService, "unhealthy", 3 * time.Minute, 1},
		{"EnteringStandby", "draining", 3 * time.Minute, 1},
		{fleet.Standby, fleet.Unused, 3 * time.Minute, 1},
		{"Pending", fleet.Unused, 4 * time.Minute, 1},
		{"Terminating:Proceed", "draining", 4 * time.Minute, 1},
		{"Terminated", fleet.Unused, 4 * time.Minute, 0},
		{"Terminating:Wait", fleet.Unused, 4 * time.Minute, 0},
		{fleet.InService, "unhealthy", nagios.DefaultBoot, 1}, // never came up
	} {
		i.State, i.Health, i.Launched = step.state, step.health, now.Add(-step.age)
		r, err := s.Sync(t.Context())
		if err != nil && !strings.Contains(err.Error(), "downtime of instances that leave: nagios does not run") {
			t.Fatal(err)
		}
		if got := strings.Contains(n.Read("conf.d/tandem.cfg"), "host_name             i-1\n"); got != (step.hosts == 1) {
			t.Errorf("%s, %s: it is watched: %v (%+v)", step.state, step.health, got, r)
		}
	}
}

func TestAWSKnowsNothing(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	s := syncer(n, always(fabricated("i-1")))
	s.Reload = "true"
	mustSync(t, s)
	s.Find = always(nagios.Clusters{})
	if _, err := s.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "has 1 hosts: check --region") {
		t.Errorf("the error is %v", err)
	}
	s.AllowEmpty = true
	if r := mustSync(t, s); r.Removed != 1 {
		t.Errorf("the sync did %+v", r)
	}
}

// A failed reload is tried again, though nothing has changed since.
func TestReloadIsTriedAgain(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	s := syncer(n, always(fabricated("i-1")))
	for range 2 {
		if _, err := s.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), "nagios does not run") {
			t.Errorf("the error is %v", err)
		}
	}
	n.Start()
	if r := mustSync(t, s); r.Changed || !r.Reloaded {
		t.Errorf("the sync did %+v, want only the reload", r)
	}
}

func TestRefusedConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	s := syncer(n, always(fabricated("i-1")))
	s.Reload = "true"
	mustSync(t, s)
	before := n.Read("conf.d/tandem.cfg")
	s.Templates = strings.ReplaceAll(nagios.Templates(), "contact_groups            admins", "contact_groups            nobody")
	_, err := s.Sync(t.Context())
	if err == nil || !strings.Contains(err.Error(), "nagios refuses the new configuration, so the last one stays: Contactgroup 'nobody' is not defined anywhere") {
		t.Errorf("the error is %v", err)
	}
	if n.Read("conf.d/tandem.cfg") != before {
		t.Error("the file has changed")
	}
	n.Verify()
}

// Polling goes on after failures.
func TestPollGoesOn(t *testing.T) {
	t.Parallel()
	n := nagiostest.New(t, quiet)
	var calls int
	s := syncer(n, func(context.Context) (nagios.Clusters, error) {
		if calls++; calls%2 == 1 {
			return nagios.Clusters{}, errors.New("AWS is away")
		}
		return fabricated(ids("a", calls)...), nil
	})
	s.Reload = "true"
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	s.Poll(ctx, 10*time.Millisecond, func(r nagios.Result, err error) {
		told = append(told, fmt.Sprintf("%d %v", r.Hosts, err))
		if len(told) == 4 {
			cancel()
		}
	})
	if want := []string{"0 AWS is away", "2 <nil>", "0 AWS is away", "4 <nil>"}; !slices.Equal(told, want) {
		t.Errorf("it told %q, want %q", told, want)
	}
}
